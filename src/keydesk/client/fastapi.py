"""The check as a FastAPI dependency, for routes that need different things.

For a whole application, or for websockets, take the middleware of `keydesk.client.asgi`: it also keeps the credential
from what comes after it, which a dependency among others cannot.
"""

from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException

from keydesk.client.addresses import trusted
from keydesk.client.asgi import address_of
from keydesk.client.calls import KEY, CheckedTwiceError, Identity, Need, Outcome
from keydesk.client.desk import Keydesk
from keydesk.core.codes import CODES


class Refused(HTTPException):
    """A call that is refused: `answer_refused` answers it whole, FastAPI's own handler with its status and headers."""

    def __init__(self, outcome: Outcome) -> None:
        """Takes what came of the call."""
        super().__init__(outcome.status, CODES[outcome.code].title, own_headers(outcome))
        self.outcome: Final = outcome


class Requires(SecurityBase):
    """A dependency that gives the identity of whoever calls, or refuses; the key shows in the OpenAPI document."""

    def __init__(self, keydesk: Keydesk, need: Need, *, trusted_proxies: int = 0) -> None:
        """Takes what a call needs, and how many proxies of the provider's own stand before. Raises ValueError."""
        self.model = APIKey.model_validate({"in": APIKeyIn.header, "name": "x-api-key"})
        self.scheme_name = "Keydesk"
        self._check: Final = keydesk.check_async
        self._need: Final = need
        self._proxies: Final = trusted(trusted_proxies)

    async def __call__(self, request: Request, response: Response) -> Identity:
        """Check a request. Raises Refused."""
        scope = request.scope
        if KEY in scope:
            raise CheckedTwiceError
        address = address_of(scope, trusted_proxies=self._proxies)
        outcome = await self._check(
            scope["headers"], self._need, address=address, query=scope["query_string"]
        )
        if outcome.identity is None:
            raise Refused(outcome)
        scope[KEY] = outcome.identity
        response.headers.update(dict(outcome.texts))
        return outcome.identity


def install(app: FastAPI) -> None:
    """Have an application answer refused calls in the form that the product has for them."""
    app.add_exception_handler(Refused, answer_refused)


def answer_refused(_: Request, error: Exception) -> Response:
    """Give the answer to a refused call; any other error is raised again."""
    if not isinstance(error, Refused):
        raise error
    outcome = error.outcome
    return Response(outcome.body, outcome.status, dict(outcome.texts))


def own_headers(outcome: Outcome) -> dict[str, str]:
    """Give the headers of a refusal without those that describe its body."""
    return {name: value for name, value in outcome.texts if not name.startswith("content-")}
