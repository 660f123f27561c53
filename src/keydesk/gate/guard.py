"""The first look at a request's raw headers: what is too large or ambiguous never gets any further.

Header names arrive in lower case, as the server gives them. Nothing here trusts a gateway to have looked.
"""

from collections.abc import Iterable
from typing import Final

from keydesk.core.codes import Code

Header = tuple[bytes, bytes]

API_KEY: Final = b"x-api-key"
AUTHORIZATION: Final = b"authorization"
USERNAME: Final = b"x-username"
ADDRESS: Final = b"x-keydesk-client-address"
SCOPES: Final = b"x-keydesk-require-scopes"
COST: Final = b"x-keydesk-cost"
GATEWAY: Final = b"x-keydesk-gateway"
WATCHED: Final = frozenset((API_KEY, AUTHORIZATION, USERNAME, ADDRESS, SCOPES, COST, GATEWAY))
FOLDED: Final = bytes.maketrans(b"_.", b"--")

MAX_HEADER_BYTES: Final = 16 * 1024
SEPARATORS: Final = 4
"""Bytes of each header line that are neither name nor value: colon, space, CR, LF."""

Watched = dict[bytes, bytes]
"""The headers that can decide, by name."""


def sift(headers: Iterable[Header]) -> tuple[Watched, list[Header]] | Code:
    """Give the headers that can decide, and those of them that came again, or the code that refuses the request.

    A look-alike of one of them counts as an ambiguous credential (`key_missing`, as a second credential does),
    headers of more than 16 KiB in total as unreadable (`key_malformed`).
    """
    total = 0
    watched: Watched = {}
    repeated = []
    for header in headers:
        name, value = header
        total += len(name) + len(value) + SEPARATORS
        if name in WATCHED:
            if name in watched:
                repeated.append(header)
            else:
                watched[name] = value
        elif (b"_" in name or b"." in name) and is_look_alike(name):
            return Code.KEY_MISSING
    return Code.KEY_MALFORMED if total > MAX_HEADER_BYTES else (watched, repeated)


def is_look_alike(name: bytes) -> bool:
    """Say whether a name becomes a watched one where underscores, dots and hyphens are taken for the same.

    CGI, WSGI and several gateways fold `x_api_key` and `X-Api-Key` into one variable, PHP folds `x.api.key` as well.
    """
    return name.translate(FOLDED).strip(b"-") in WATCHED
