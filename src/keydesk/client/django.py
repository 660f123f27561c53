"""The check for Django: a middleware for a whole site, and a decorator for single views; sync and async.

The settings have `KEYDESK_CLIENT`, a dictionary: `need` for the middleware, and if they differ from what goes without
saying `keydesk`, `trusted_proxies`, `underscores_dropped` and `open_paths`. An accepted request has `keydesk`, whom it
is from.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache, wraps
from typing import Any, Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from keydesk.client import asgi, wsgi
from keydesk.client.addresses import trusted
from keydesk.client.calls import KEY, CheckedTwiceError, Need, Outcome, as_paths
from keydesk.client.checker import unavailable
from keydesk.client.desk import Keydesk
from keydesk.config import ConfigError
from keydesk.gate.answers import request_ids
from keydesk.gate.faults import FaultLog
from keydesk.gate.guard import Header

OPTIONS: Final = frozenset(
    ("keydesk", "need", "open_paths", "trusted_proxies", "underscores_dropped")
)
UNUSABLE: Final = (ConfigError, ImproperlyConfigured, ValueError)
"""What settings or a configuration raise that cannot be used."""
Answer = HttpResponseBase | Awaitable[HttpResponseBase]

_FAULTS: Final = FaultLog("The settings cannot be used")


class KeydeskMiddleware:
    """Checks every request of a site, but for the paths that need no key."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        """Takes what answers. Raises ImproperlyConfigured, ConfigError or ValueError if the settings cannot be used."""
        need = options().get("need")
        if not isinstance(need, Need):
            raise ImproperlyConfigured("KEYDESK_CLIENT has no need: Need('disbursement'), say.")
        desk()
        proxies()
        self._open_paths: Final = as_paths(options().get("open_paths", ()))
        self._checked: Final = require(need)(get_response)
        self._get_response: Final = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        """Serve one request."""
        is_open = request.path in self._open_paths
        answer = self._get_response(request) if is_open else self._checked(request)
        return cast(Answer, answer)


def require(need: Need) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Check the requests of one view, which may be sync or async."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refuse_second_check(request)
            try:
                outcome = desk().check(headers_of(request), need, **circumstances(request))
            except UNUSABLE as error:
                outcome = failed(error)
            if outcome.identity is None:
                return refused(outcome)
            identify(request, outcome)
            return with_limits(view(request, *args, **kwargs), outcome)

        @wraps(view)
        async def checked_async(
            request: HttpRequest, *args: Any, **kwargs: Any
        ) -> HttpResponseBase:
            refuse_second_check(request)
            try:
                outcome = await desk().check_async(
                    headers_of(request), need, **circumstances(request)
                )
            except UNUSABLE as error:
                outcome = failed(error)
            if outcome.identity is None:
                return refused(outcome)
            identify(request, outcome)
            return with_limits(await view(request, *args, **kwargs), outcome)

        return checked_async if iscoroutinefunction(view) else checked

    return decorate


def options() -> dict[str, Any]:
    """Give what the settings say. Raises ImproperlyConfigured for an option that there is not."""
    found: dict[str, Any] = getattr(settings, "KEYDESK_CLIENT", {})
    if unknown := found.keys() - OPTIONS:
        raise ImproperlyConfigured(
            f"KEYDESK_CLIENT has no such option: {', '.join(sorted(unknown))}."
        )
    return found


def desk() -> Keydesk:
    """Give the `Keydesk` of the settings, else the one that this process's configuration makes. Raises ConfigError."""
    found: Keydesk | None = options().get("keydesk")
    return found or configured()


def proxies() -> int:
    """Give the number of trusted proxies of the settings. Raises ValueError."""
    return trusted(options().get("trusted_proxies", 0))


@cache
def configured() -> Keydesk:
    """Give the `Keydesk` of this process's configuration. Raises ConfigError."""
    return Keydesk()


def refuse_second_check(request: HttpRequest) -> None:
    """Raise CheckedTwiceError if a middleware has checked a request: Django's, or one around all of Django."""
    if hasattr(request, KEY) or KEY in request.META or KEY in getattr(request, "scope", ()):
        raise CheckedTwiceError


def headers_of(request: HttpRequest) -> Sequence[Header]:
    """Give a request's headers, byte for byte where the server speaks ASGI."""
    scope = getattr(request, "scope", None)
    headers: Sequence[Header] = wsgi.headers_of(request.META) if scope is None else scope["headers"]
    return headers


def circumstances(request: HttpRequest) -> dict[str, Any]:
    """Give the address of a request's client, and its query string. Raises ValueError."""
    scope = getattr(request, "scope", None)
    if scope is None:
        dropped = options().get("underscores_dropped", False)
        address = wsgi.address_of(
            request.META, trusted_proxies=proxies(), underscores_dropped=dropped
        )
        return {"address": address, "query": wsgi.query_of(request.META)}
    address = asgi.address_of(scope, trusted_proxies=proxies())
    return {"address": address, "query": scope.get("query_string", b"")}


def identify(request: HttpRequest, outcome: Outcome) -> None:
    """Put the identity on a request, in the place of the credential and of headers that are ours alone."""
    if outcome.identity is not None:
        if scope := getattr(request, "scope", None):
            asgi.clean(scope)
        wsgi.identify(request.META, outcome.identity)
        vars(request).pop("headers", None)  # Django has kept what it made of META
        setattr(request, KEY, outcome.identity)


def failed(error: Exception) -> Outcome:
    """Give the refusal of a call where the settings cannot be used, and log why."""
    request_id = request_ids()()
    _FAULTS.tell(error, request_id)
    return unavailable(request_id)


def refused(outcome: Outcome) -> HttpResponse:
    """Give the answer to a refused call."""
    return HttpResponse(outcome.body, status=outcome.status, headers=dict(outcome.texts))


def with_limits(response: HttpResponseBase, outcome: Outcome) -> HttpResponseBase:
    """Give an answer with how the limits stand."""
    for name, value in outcome.texts:
        response.headers[name] = value
    return response
