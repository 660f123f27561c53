"""Which of the provider's services asks, and how it is answered: with JSON, and with a problem where it is refused."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.credentials.queries import service_behind
from keydesk.core.codes import CODES, Code
from keydesk.gate.answers import CHALLENGE, PROBLEM_TYPE
from keydesk.web.faults import RETRY_AFTER_SECONDS

BEARER: Final = "bearer "

View = Callable[[HttpRequest], HttpResponse]


def for_services(*, method: str) -> Callable[[Callable[[HttpRequest, Actor], HttpResponse]], View]:
    """Let an address be used by the provider's services alone, with one method.

    It is asked without cookies, so there is no form of somebody else's that could do it for them. In this order: 405,
    401 `service_credential_invalid`, and what the view refuses; 503 while the database does not answer.
    """

    def decorate(view: Callable[[HttpRequest, Actor], HttpResponse]) -> View:
        @csrf_exempt
        @wraps(view)
        def handle(request: HttpRequest) -> HttpResponse:
            if request.method != method:
                answer = problem(
                    request, Code.INVALID_INPUT, status=405, detail=f"Ask with {method}."
                )
                answer["Allow"] = method
                return answer
            try:
                service = service_of(request)
                if service is None:
                    return problem(request, Code.SERVICE_CREDENTIAL_INVALID)
                return view(request, service)
            except Refused as refused:
                return problem(request, refused.code)
            except (OperationalError, InterfaceError):
                return problem(request, Code.UNAVAILABLE, detail="The database does not answer.")

        return handle

    return decorate


def service_of(request: HttpRequest) -> Actor | None:
    """Give the service behind the one bearer credential of a request, None if there is none."""
    presented = request.headers.get("Authorization", "")
    if presented[: len(BEARER)].lower() != BEARER:
        return None
    return service_behind(
        presented[len(BEARER) :],
        ip=request.META.get("REMOTE_ADDR") or None,
        request_id=request.META.get("KEYDESK_REQUEST_ID"),
    )


def problem(
    request: HttpRequest, code: Code, *, status: int | None = None, detail: str | None = None
) -> HttpResponse:
    """Give the problem for a code, with what a 401 and a 503 owe."""
    info = CODES[code]
    body: dict[str, Any] = {
        "type": PROBLEM_TYPE + code,
        "title": info.title,
        "status": status or info.status,
        "code": code,
        "request_id": request.META.get("KEYDESK_REQUEST_ID", ""),
    }
    answer = JsonResponse(
        body if detail is None else {**body, "detail": detail},
        status=body["status"],
        content_type="application/problem+json",
    )
    if code is Code.SERVICE_CREDENTIAL_INVALID:
        answer["WWW-Authenticate"] = CHALLENGE[1].decode()
    if code is Code.UNAVAILABLE:
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
