"""What counts as a credential: `x-api-key`, or `Authorization: Bearer` whose value starts with the marker.

Another `Authorization` belongs to the application behind and is ignored. Exactly one credential may be presented, and
of everything else that decides at most one; whatever could be read in two ways is refused.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from keydesk.core.codes import Code
from keydesk.core.limits import MOST_COST
from keydesk.gate.guard import (
    ADDRESS,
    API_KEY,
    AUTHORIZATION,
    COST,
    GATEWAY,
    SCOPES,
    USERNAME,
    Header,
    Watched,
    sift,
)

BEARER: Final = b"bearer"
BLANKS: Final = b" \t"
NGINX: Final = b"nginx"
MOST_DIGITS: Final = 5
QUERY_SIGNS: Final = (b"api_key=", b"api-key=", b"apikey=")


class Presented(Struct, frozen=True, gc=False):
    """What a request's headers present: one credential and what bears on it, or the code that refuses them."""

    credential: str | None = None
    username: str | None = None
    address: str | None = None
    """The client's address, as the gateway that asks knows it."""
    scopes: tuple[str, ...] = ()
    """What the gateway says that this call needs."""
    cost: int = 1
    """How many calls the gateway says that this one counts as; never fewer than one."""
    refusal: Code | None = None


MISSING: Final = Presented(refusal=Code.KEY_MISSING)
MALFORMED: Final = Presented(refusal=Code.KEY_MALFORMED)


class CredentialReader:
    """Reads the one credential of a marker out of raw headers."""

    def __init__(self, marker: str) -> None:
        """Takes the marker that a bearer credential starts with."""
        self._start: Final = marker.encode() + b"_"

    def read(self, headers: Iterable[Header]) -> Presented:
        """Give what the headers present.

        No credential, or more than one, refuses as `key_missing`, and so does a second `Authorization` beside one that
        is a credential: which of the two counts is anybody's guess. Two of anything else that decides refuse as
        `key_malformed`. The bytes of the credential itself are judged by the key format, so they pass through one for
        one (Latin-1).
        """
        sifted = sift(headers)
        if isinstance(sifted, Code):
            return Presented(refusal=sifted)
        watched, repeated = sifted
        credential = watched.get(API_KEY)
        if credential is None or repeated or AUTHORIZATION in watched:
            # Nearly every request has one x-api-key and nothing of this.
            chosen = self._choose(watched, repeated)
            if isinstance(chosen, Code):
                return Presented(refusal=chosen)
            credential = chosen
        cost = watched.get(COST)
        if cost and not (cost.isdigit() and len(cost) <= MOST_DIGITS and int(cost) <= MOST_COST):
            return MALFORMED
        username, address, scopes = watched.get(USERNAME), watched.get(ADDRESS), watched.get(SCOPES)
        return Presented(
            credential.decode("latin-1"),
            None if username is None else username.decode("latin-1"),
            None if address is None else address.decode("latin-1"),
            tuple(scopes.decode("latin-1").split()) if scopes else (),
            max(1, int(cost)) if cost else 1,
        )

    def _choose(self, watched: Watched, repeated: list[Header]) -> bytes | Code:
        """Give the one credential, or the code that refuses."""
        every = [*watched.items(), *repeated]
        credentials = [value for name, value in every if name == API_KEY]
        authorizations = [value for name, value in every if name == AUTHORIZATION]
        bearers = [
            bearer for value in authorizations if (bearer := self._bearer(value)) is not None
        ]
        if len(credentials) + len(bearers) != 1 or (bearers and len(authorizations) > 1):
            return Code.KEY_MISSING
        if any(name not in {API_KEY, AUTHORIZATION} for name, _ in repeated):
            return Code.KEY_MALFORMED
        return (credentials or bearers)[0]

    def read_bearer(self, headers: Iterable[Header]) -> str | None:
        """Give the one bearer credential of the headers, None if there is none, or if they are refused.

        For services, which present theirs as a bearer only: `x-api-key` is none of their business.
        """
        sifted = sift(headers)
        if isinstance(sifted, Code):
            return None
        watched, repeated = sifted
        value = watched.get(AUTHORIZATION)
        if value is None or any(name == AUTHORIZATION for name, _ in repeated):
            return None
        bearer = self._bearer(value)
        return None if bearer is None else bearer.decode("latin-1")

    def is_in_query(self, query: bytes) -> bool:
        """Say whether a query string seems to hold a credential, which is ignored there."""
        return self._start in query or any(sign in query.lower() for sign in QUERY_SIGNS)

    def _bearer(self, value: bytes) -> bytes | None:
        """Give what follows `Bearer` and one sign, if that is meant as a credential of this marker.

        Blanks before it are left for the key format to refuse.
        """
        if value[: len(BEARER)].lower() != BEARER:
            return None
        rest = value[len(BEARER) :]
        return rest[1:] if rest.lstrip(BLANKS).startswith(self._start) else None


def is_from_nginx(headers: Iterable[Header]) -> bool:
    """Say whether nginx asks, which takes any answer but 200, 401 and 403 for a fault of its own."""
    return any(name == GATEWAY and value == NGINX for name, value in headers)
