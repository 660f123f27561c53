"""What counts as a credential: `x-api-key`, or `Authorization: Bearer` whose value starts with the marker.

Another `Authorization` belongs to the application behind and is ignored. Exactly one credential may be presented, and
at most one `x-username`; whatever could be read in two ways is refused.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from keydesk.core.codes import Code
from keydesk.verifier.guard import API_KEY, AUTHORIZATION, USERNAME, Header, sift

BEARER: Final = b"bearer"
BLANKS: Final = b" \t"


class Presented(Struct, frozen=True):
    """What a request's headers present: one credential, perhaps a username, or the code that refuses them."""

    credential: str | None = None
    username: str | None = None
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
        is a credential: which of the two counts is anybody's guess. Two usernames refuse as `key_malformed`. The bytes
        of the credential itself are judged by the key format, so they pass through one for one (Latin-1).
        """
        watched = sift(headers)
        if isinstance(watched, Code):
            return Presented(refusal=watched)
        if len(watched) == 1 and watched[0][0] == API_KEY:
            # Nearly every request is like this, so it takes the short way.
            return Presented(watched[0][1].decode("latin-1"))
        return self._choose(watched)

    def _choose(self, watched: list[Header]) -> Presented:
        credentials, usernames, authorizations = [], [], []
        for name, value in watched:
            if name == API_KEY:
                credentials.append(value)
            elif name == USERNAME:
                usernames.append(value)
            else:
                authorizations.append(value)
        bearers = [
            bearer for value in authorizations if (bearer := self._bearer(value)) is not None
        ]
        if len(credentials) + len(bearers) != 1 or (bearers and len(authorizations) > 1):
            return MISSING
        if len(usernames) > 1:
            return MALFORMED
        username = usernames[0].decode("latin-1") if usernames else None
        return Presented((credentials or bearers)[0].decode("latin-1"), username)

    def read_bearer(self, headers: Iterable[Header]) -> str | None:
        """Give the one bearer credential of the headers, None if there is none, or if they are refused.

        For services, which present theirs as a bearer only: `x-api-key` is none of their business.
        """
        watched = sift(headers)
        if isinstance(watched, Code):
            return None
        values = [value for name, value in watched if name == AUTHORIZATION]
        bearer = self._bearer(values[0]) if len(values) == 1 else None
        return None if bearer is None else bearer.decode("latin-1")

    def _bearer(self, value: bytes) -> bytes | None:
        """Give what follows `Bearer` and one sign, if that is meant as a credential of this marker.

        Blanks before it are left for the key format to refuse.
        """
        if value[: len(BEARER)].lower() != BEARER:
            return None
        rest = value[len(BEARER) :]
        return rest[1:] if rest.lstrip(BLANKS).startswith(self._start) else None
