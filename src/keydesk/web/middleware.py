"""What happens around every page: its id, its client and scheme, who may store it, its language, a session's end."""

import ipaddress
import re
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from structlog.contextvars import bind_contextvars, clear_contextvars

from keydesk.web.addresses import local_address
from keydesk.web.brand import FOR_EVER
from keydesk.web.faults import plain
from keydesk.web.language import providers_language
from keydesk.web.sessions import end_if_over

LARGEST_BODY_BYTES: Final = 25 * 1024 * 1024
"""A form with documents, and what the browser writes around them."""
LENGTH: Final = re.compile(r"[0-9]{1,12}", re.ASCII)

Handler = Callable[[HttpRequest], HttpResponse]


def request_ids(get_response: Handler) -> Handler:
    """Give each request an id that its answer, the log and the audit trail name."""

    def handle(request: HttpRequest) -> HttpResponse:
        request_id = request.META["KEYDESK_REQUEST_ID"] = uuid.uuid4().hex
        # Cleared by the next request and not after this one: Django logs a refusal when all of this is over.
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        response = get_response(request)
        response["X-Request-Id"] = request_id
        return response

    return handle


def body_limit(get_response: Handler) -> Handler:
    """Refuse a request whose body is larger than any form here can send, before anything reads it.

    A body without a length is none to WSGI, and one that is longer than it says is cut off there.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if LENGTH.fullmatch(length) and int(length) <= LARGEST_BODY_BYTES:
            return get_response(request)
        again = local_address(request, request.path)
        return plain("413.html", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, again=again)

    return handle


def client_addresses(get_response: Handler) -> Handler:
    """Put the client's address in the peer's place, for the limits on tries and the audit trail alike.

    How many proxies may be believed the configuration says, never a header that a client could send.
    """
    trusted = settings.KEYDESK.trusted_proxies

    def handle(request: HttpRequest) -> HttpResponse:
        peer = request.META.get("REMOTE_ADDR", "")
        chain = request.META.get("HTTP_X_FORWARDED_FOR", "")
        request.META["REMOTE_ADDR"] = client_address(peer, chain, trusted_proxies=trusted)
        return get_response(request)

    return handle


def client_address(peer: str, chain: str, *, trusted_proxies: int) -> str:
    """Give the address that the outermost trusted proxy saw; whatever stands before it the client may have sent.

    Takes the peer's address and the text of X-Forwarded-For, to which each proxy adds at the end. A chain that is too
    short or holds no address there says nothing, and the peer's address it is.
    """
    hops = chain.split(",")
    if 0 < trusted_proxies <= len(hops):
        return plain_address(hops[-trusted_proxies].strip()) or peer
    return plain_address(peer) or peer


def plain_address(text: str) -> str | None:
    """Give an IP address in its one spelling, an IPv4 address as such; None if the text is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


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
    """Let no browser and no proxy keep a page; static files are answered before this.

    What is the same for everybody for ever says so itself, and then depends on no cookie.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.get("Cache-Control") == FOR_EVER:
            del response["Vary"]
        else:
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
    """Answer a person in the language they chose, whatever their browser asks for; else see `web.language`."""

    def handle(request: HttpRequest) -> HttpResponse:
        chosen = getattr(request.user, "language", "") or providers_language(request)
        if chosen:
            translation.activate(chosen)
            request.LANGUAGE_CODE = chosen
        return get_response(request)

    return handle
