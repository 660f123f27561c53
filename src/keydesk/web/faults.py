"""What a person sees when there is no page: nothing here, a stale form, a fault, a database that is away."""

import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string

from keydesk.web.addresses import page_of_form
from keydesk.web.context import shell
from keydesk.web.htmx import STEP_HEADER, is_htmx

RETRY_AFTER_SECONDS = 5


def plain(template: str, *, status: int, **context: Any) -> HttpResponse:
    """Give a page that asks nothing of session or database, the same for everybody in a language."""
    return HttpResponse(render_to_string(template, {**shell(), **context}), status=status)


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer a request that cannot be read."""
    return plain("400.html", status=400)


def not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer for what does not exist, and byte for byte the same for what is not this person's to see."""
    return plain("404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a fault: 503 and when to come back if the database is away, else 500.

    Never a stack trace: that is in the log, in the line with the number that the page names.
    """
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        response = plain("503.html", status=503)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    return plain("500.html", status=500, number=request.META.get("KEYDESK_REQUEST_ID", ""))


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django passes the reason
    """Answer a form whose token is not right: it was open while somebody logged in or out. Nothing is done.

    Who would find no page where the form went to, finds none with a form either.
    """
    again = page_of_form(request)  # first: a look at the page does not read the form
    if not is_there(request):
        return plain("404.html", status=404)
    if is_htmx(request):
        response = plain("403_csrf_step.html", status=403, again=again)
        response[STEP_HEADER] = "stale"
        return response
    return plain("403_csrf.html", status=403, again=again)


def is_there(request: HttpRequest) -> bool:
    """Say whether the person finds a page at the address of a request, by looking at it, which changes nothing."""
    match = request.resolver_match
    if match is None:
        return False
    method, request.method = request.method, "GET"
    try:
        match.func(request, *match.args, **match.kwargs)
    except Http404:
        return False
    finally:
        request.method = method
    return True
