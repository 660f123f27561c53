"""The check as WSGI middleware: for Flask, Django and whatever else speaks WSGI.

WSGI has folded the names of headers and joined duplicates before anybody can look (PEP 3333), so a comma in what
decides counts as two headers, and a name that came with an underscore looks like one with a hyphen unless the server
drops it. Neither makes a key of what is none.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

from keydesk.client.addresses import client_address, trusted
from keydesk.client.calls import KEY, CheckedTwiceError, Identity, Need, Outcome, as_paths
from keydesk.client.checker import OURS
from keydesk.client.desk import Keydesk
from keydesk.gate.guard import FOLDED, WATCHED, Header

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

PREFIX: Final = "HTTP_"
API_KEY: Final = "HTTP_X_API_KEY"
AUTHORIZATION: Final = "HTTP_AUTHORIZATION"
FORWARDED: Final = "HTTP_X_FORWARDED_FOR"
JOINED: Final = {PREFIX + name.decode().upper().replace("-", "_"): name for name in WATCHED}
"""The variables of the headers that decide, and the name of each header."""


class KeydeskMiddleware:
    """Lets through what has a key for the need, and answers the rest itself."""

    def __init__(  # noqa: PLR0913 - each is one thing that a service says of itself
        self,
        app: Application,
        keydesk: Keydesk,
        need: Need,
        *,
        trusted_proxies: int = 0,
        underscores_dropped: bool = False,
        open_paths: Iterable[str] = (),
    ) -> None:
        """Takes the application, what a call needs, the provider's own proxies, and the paths that need no key.

        Behind proxies the address of a client is known only if `underscores_dropped` says that they or the server drop
        headers whose names have underscores. A path is compared as the server gives it, letter for letter. Raises
        ValueError.
        """
        self._app: Final = app
        self._check: Final = keydesk.check
        self._need: Final = need
        self._proxies: Final = trusted(trusted_proxies)
        self._underscores_dropped: Final = underscores_dropped
        self._open_paths: Final = as_paths(open_paths)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if path in self._open_paths:
            return self._app(environ, start_response)
        if KEY in environ:
            raise CheckedTwiceError
        outcome = self._check(
            headers_of(environ),
            self._need,
            address=address_of(
                environ,
                trusted_proxies=self._proxies,
                underscores_dropped=self._underscores_dropped,
            ),
            query=query_of(environ),
        )
        if outcome.identity is None:
            return refuse(outcome, environ, start_response)
        identify(environ, outcome.identity)
        if outcome.headers:
            start_response = with_headers(start_response, outcome.texts)
        return self._app(environ, start_response)


def headers_of(environ: Environ) -> list[Header]:
    """Give the headers of an environ as far as they can be told; what decides is taken apart at its commas."""
    headers: list[Header] = []
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = JOINED.get(variable)
        # Another name keeps its underscores, so that a look-alike of one that decides is known as one.
        spelt = name or variable[len(PREFIX) :].lower().encode("latin-1", "replace")
        raw = value.encode("latin-1", "replace")
        if name is None or b"," not in raw:
            headers.append((spelt, raw))
        else:
            first, *others = raw.split(b",")
            headers.append((spelt, first))
            headers += [(spelt, other.lstrip(b" \t")) for other in others]
    return headers


def address_of(environ: Environ, *, trusted_proxies: int, underscores_dropped: bool) -> str | None:
    """Give the address of an environ's client, None if it is not known.

    A server that drops no names with underscores shows a client's `x_forwarded_for` in the place of what the proxies
    wrote; so behind proxies nothing is known unless the service says that such names are dropped.
    """
    if trusted_proxies and underscores_dropped is not True:  # a text like "no" says nothing
        return None
    peer, chain = environ.get("REMOTE_ADDR"), environ.get(FORWARDED, "")
    return client_address(peer, chain, trusted_proxies=trusted_proxies)


def query_of(environ: Environ) -> bytes:
    """Give the query string of an environ."""
    query: str = environ.get("QUERY_STRING", "")
    return query.encode("latin-1", "replace")


def identify(environ: Environ, identity: Identity) -> None:
    """Put the identity into an environ, in the place of the credential and of headers that are ours alone.

    An `Authorization` beside an `x-api-key` belongs to the application, or the request would not have been accepted.
    """
    credential = API_KEY if API_KEY in environ else AUTHORIZATION
    theirs = [variable for variable in environ if variable == credential or is_ours(variable)]
    for variable in theirs:
        del environ[variable]
    environ[KEY] = identity


def is_ours(variable: str) -> bool:
    """Say whether a variable is of a header that only gateways and verifiers use, however it was spelt."""
    name = variable.removeprefix(PREFIX).lower().encode("latin-1", "replace")
    return variable.startswith(PREFIX) and name.translate(FOLDED).startswith(OURS)


def with_headers(start_response: StartResponse, added: list[tuple[str, str]]) -> StartResponse:
    """Give what starts the answer as before, with headers of ours behind the application's."""

    def start_with(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, *added], *more)

    return start_with


def refuse(outcome: Outcome, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request that is refused."""
    status = HTTPStatus(outcome.status)
    start_response(f"{status.value} {status.phrase}", outcome.texts)
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [outcome.body]
