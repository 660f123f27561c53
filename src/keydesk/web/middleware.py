"""What happens around every page: its request id, its scheme, who may store it, its language, the end of a session."""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from keydesk.web.sessions import end_if_over

Handler = Callable[[HttpRequest], HttpResponse]


def request_ids(get_response: Handler) -> Handler:
    """Give each request an id that its answer, the log and the audit trail name."""

    def handle(request: HttpRequest) -> HttpResponse:
        request.META["KEYDESK_REQUEST_ID"] = uuid.uuid4().hex
        response = get_response(request)
        response["X-Request-Id"] = request.META["KEYDESK_REQUEST_ID"]
        return response

    return handle


def public_scheme(get_response: Handler) -> Handler:
    """Take every request as https where the public address is https: a proxy ends TLS in front of this process.

    The configuration says so, never a header that a client could send.
    """
    is_https = (settings.KEYDESK.public_url or "").startswith("https://")

    def handle(request: HttpRequest) -> HttpResponse:
        if is_https:
            request.META["wsgi.url_scheme"] = "https"
        return get_response(request)

    return handle


def no_store(get_response: Handler) -> Handler:
    """Let no browser and no proxy keep a page; static files are answered before this."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Cache-Control"] = "no-store"
        return response

    return handle


def session_limits(get_response: Handler) -> Handler:
    """End a session that was idle for too long or is too old; the request then goes on as a stranger's."""

    def handle(request: HttpRequest) -> HttpResponse:
        end_if_over(request)
        return get_response(request)

    return handle


def chosen_language(get_response: Handler) -> Handler:
    """Answer a person in the language they chose, whatever their browser asks for."""

    def handle(request: HttpRequest) -> HttpResponse:
        chosen = getattr(request.user, "language", "")
        if chosen:
            translation.activate(chosen)
            request.LANGUAGE_CODE = chosen
        return get_response(request)

    return handle
