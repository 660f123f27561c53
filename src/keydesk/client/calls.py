"""What a service asks of a call, and what comes of it."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final, Literal

from msgspec import Struct

from keydesk.core.codes import Code
from keydesk.core.limits import MOST_COST
from keydesk.core.records import Environment
from keydesk.gate.guard import Header

KEY: Final = "keydesk"
"""Where an application finds the identity: in an ASGI scope and its state, in a WSGI environ, on a Django request."""


class Need(Struct, frozen=True):
    """What a call needs: the product, its environment, the scopes of the route, and how many calls it counts as."""

    product: str
    scopes: tuple[str, ...] = ()
    environment: Literal["live", "test"] = "live"
    cost: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for what no call could ever need; it is found when the service starts."""
        if not self.product:
            raise ValueError("A product is named by its slug, like disbursement.")
        scopes: Any = self.scopes  # a caller without types may give anything
        if not isinstance(scopes, tuple) or not all(map(is_one_word, scopes)):
            raise ValueError(f"Scopes are a tuple of names, like ('payout',), not {scopes!r}.")
        if self.environment not in set(Environment):
            raise ValueError(f"An environment is live or test, not {self.environment!r}.")
        if type(self.cost) is not int or not 1 <= self.cost <= MOST_COST:
            raise ValueError(f"A call counts as 1 to {MOST_COST} calls, not as {self.cost!r}.")


def is_one_word(scope: Any) -> bool:
    """Say whether a scope is a text without white space, which separates scopes wherever they are written."""
    return isinstance(scope, str) and scope.split() == [scope]


class Identity(Struct, frozen=True):
    """Whom an accepted request is from."""

    account: str
    username: str
    product: str
    key_id: str
    environment: str
    scopes: tuple[str, ...]
    request_id: str


class Outcome(Struct, frozen=True):
    """What came of a call: an identity, or the answer that refuses it."""

    code: Code
    """The exact code, for the service alone: an end client reads the one in the body."""
    request_id: str
    identity: Identity | None
    """None if the call is refused."""
    headers: list[Header]
    """Accepted: what the service's own answer also carries. Refused: the headers of the answer."""
    status: int = HTTPStatus.OK
    body: bytes = b""

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The headers as texts."""
        return [(name.decode(), value.decode()) for name, value in self.headers]


class CheckedTwiceError(Exception):
    """A request was checked by a middleware already, and would be counted twice.

    Give the route to `open_paths` of the middleware, or take the check of its own away.
    """


def as_paths(paths: Iterable[str]) -> frozenset[str]:
    """Give the paths that need no key; raises ValueError for one that is no path, or for a text in place of several."""
    if isinstance(paths, str):
        raise ValueError(f"Paths are several texts, like ['/healthz'], not {paths!r}.")  # noqa: TRY004 - all that a service says wrongly is a ValueError, as its docstring tells
    found = frozenset(paths)
    for path in found:
        if not path.startswith("/"):
            raise ValueError(f"A path begins with a slash, and {path!r} does not.")
    return found
