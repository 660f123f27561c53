"""The check as ASGI middleware: for Starlette, FastAPI, Litestar and whatever else speaks ASGI.

Around an application it checks every request and every websocket; around a route, that route. What the application
sees has neither the credential nor a header of ours that its client sent.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from keydesk.client.addresses import FORWARDED, client_address, trusted
from keydesk.client.calls import KEY, CheckedTwiceError, Identity, Need, Outcome, as_paths
from keydesk.client.checker import OURS
from keydesk.client.desk import Keydesk
from keydesk.gate.guard import API_KEY, AUTHORIZATION, FOLDED, Header

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION: Final = 1008
"""How a websocket is refused where the server cannot be told an answer (RFC 6455, 7.4.1)."""


class KeydeskMiddleware:
    """Lets through what has a key for the need, and answers the rest itself."""

    def __init__(
        self,
        app: Application,
        keydesk: Keydesk,
        need: Need,
        *,
        trusted_proxies: int = 0,
        open_paths: Iterable[str] = (),
    ) -> None:
        """Takes the application, what a call needs, the provider's own proxies, and the paths that need no key.

        A path is compared as the server gives it, letter for letter. Raises ValueError.
        """
        self._app: Final = app
        self._keydesk: Final = keydesk
        self._check: Final = keydesk.check_async
        self._need: Final = need
        self._proxies: Final = trusted(trusted_proxies)
        self._open_paths: Final = as_paths(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one websocket, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._keydesk.open()
        try:
            await self._app(scope, receive, send)
        finally:
            self._keydesk.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if KEY in scope:
            raise CheckedTwiceError
        outcome = await self._check(
            scope["headers"],
            self._need,
            address=address_of(scope, trusted_proxies=self._proxies),
            query=scope.get("query_string", b""),
        )
        if outcome.identity is None:
            refuse = refuse_websocket if scope["type"] == "websocket" else refuse_request
            await refuse(outcome, scope, receive, send)
        else:
            adding = with_headers(send, outcome.headers) if outcome.headers else send
            clean(scope)
            await self._app(with_identity(scope, outcome.identity), receive, adding)


def address_of(scope: Scope, *, trusted_proxies: int) -> str | None:
    """Give the address of a scope's client, None if it is not known."""
    peer = scope.get("client")
    if trusted_proxies == 0:
        return client_address(peer[0] if peer else None, "", trusted_proxies=0)
    chain = b",".join([value for name, value in scope["headers"] if name == FORWARDED])
    return client_address(None, chain.decode("latin-1"), trusted_proxies=trusted_proxies)


def clean(scope: Scope) -> None:
    """Take the credential out of the scope itself, which those who called hold until the application has answered.

    In a copy alone it would be missing for the application, and stay in every report of an error with local variables.
    """
    scope["headers"] = without_credential(scope["headers"])


def with_identity(scope: Scope, identity: Identity) -> Scope:
    """Give the scope as the application is to see it."""
    state = {**(scope.get("state") or {}), KEY: identity}
    return {**scope, "state": state, KEY: identity}


def without_credential(headers: Iterable[Header]) -> list[Header]:
    """Give an accepted request's headers without its credential, and without those that are ours alone.

    An `Authorization` beside an `x-api-key` belongs to the application, or the request would not have been accepted.
    """
    kept = [
        header
        for header in headers
        if header[0] != API_KEY and not header[0].translate(FOLDED).startswith(OURS)
    ]
    if any(name == API_KEY for name, _ in headers):
        return kept
    return [header for header in kept if header[0] != AUTHORIZATION]


def with_headers(send: Send, added: list[Header]) -> Send:
    """Give what sends as before, with headers of ours behind the application's."""

    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return send_with


async def refuse_request(outcome: Outcome, scope: Scope, _: Receive, send: Send) -> None:
    """Answer a request that is refused."""
    await send(start_of(outcome, "http.response.start"))
    body = b"" if scope.get("method") == "HEAD" else outcome.body
    await send({"type": "http.response.body", "body": body})


async def refuse_websocket(outcome: Outcome, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a websocket before it is accepted: with the answer where the server can, else by closing it."""
    await receive()
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
        return
    await send(start_of(outcome, "websocket.http.response.start"))
    await send({"type": "websocket.http.response.body", "body": outcome.body})


def start_of(outcome: Outcome, kind: str) -> Message:
    """Give the message that begins the answer to a refused call."""
    return {"type": kind, "status": outcome.status, "headers": outcome.headers}
