"""What a product may be called, how its keys may be seen, and how limits on calls are written."""

import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

from keydesk.control.access.entries import stored_list
from keydesk.control.access.refused import Refused
from keydesk.core.codes import Code
from keydesk.core.limits import Whose, parse_limit
from keydesk.core.records import ProductState as State

SLUG: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
SLUG_LENGTH: Final = 40
NAME_LENGTH: Final = 80
DESCRIPTION_LENGTH: Final = 300
ICON_LENGTH: Final = 40
LONGEST_LEASE_SECONDS: Final = 30 * 24 * 3600
PATH: Final = re.compile(r"/[A-Za-z0-9._~/-]{0,199}", re.ASCII)
PATH_LENGTH: Final = 200
LIMITS_LENGTH: Final = 500
SCOPES_LENGTH: Final = 256
"""How long all scopes of a product may be together, with the spaces between: what a verifier's header can carry."""
SCOPE: Final = re.compile(r"[a-z][a-z0-9_.:-]*", re.ASCII)

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.ACTIVE: frozenset({State.STOPPED, State.RETIRED}),
    State.STOPPED: frozenset({State.ACTIVE, State.RETIRED}),
    State.RETIRED: frozenset(),
}
NEEDS_REASON: Final = frozenset({State.STOPPED, State.RETIRED})
"""States that end the use of a product for everybody."""


class RevealPolicy(StrEnum):
    """Whether a product's keys can be seen again after they were made."""

    WITH_PIN = "with_pin"
    ONCE = "once"


def is_slug(text: str) -> bool:
    """Say whether the text may be a product's slug: words of a-z and 0-9 with hyphens between, 40 at most."""
    return len(text) <= SLUG_LENGTH and SLUG.fullmatch(text) is not None


def is_description(text: str) -> bool:
    """Say whether the text may describe a product: 300 printable characters at most, none among them too."""
    return len(text) <= DESCRIPTION_LENGTH and text.isprintable()


def is_lease(seconds: int | None) -> bool:
    """Say whether a replica may be this old when it decides: 1 second to 30 days, or None for any age."""
    return seconds is None or 0 < seconds <= LONGEST_LEASE_SECONDS


def is_path(text: str) -> bool:
    """Say whether the text may be the path that request samples call: it starts with a slash and needs no escaping."""
    return PATH.fullmatch(text) is not None


def are_scopes(text: str) -> bool:
    """Say whether a text may be the scopes of a product: names with one space between, 256 characters at most."""
    names = text.split(" ") if text else []
    return len(text) <= SCOPES_LENGTH and all(SCOPE.fullmatch(name) for name in names)


def stored_limits(limits: Sequence[str], *, whose: Collection[Whose] = tuple(Whose)) -> str:
    """Give limits on calls as they are stored; each name of one owner comes once, and only these may be `whose`.

    Raises Refused `invalid_input` with what is wrong, as `stored_list` does, or with reason `whose` and the `entry`.
    """

    def read(entry: str) -> tuple[tuple[str, str], str]:
        limit = parse_limit(entry)
        if limit.whose not in whose:
            details = {"reason": "whose", "entry": entry, "whose": list(map(str, whose))}
            raise Refused(Code.INVALID_INPUT, field="limits", **details)
        return (limit.whose, limit.name), limit.text

    return stored_list("limits", limits, read=read, longest=LIMITS_LENGTH)


def can_become(state: str, target: State) -> bool:
    """Say whether a product of this state may go to the target state."""
    return target in TRANSITIONS[State(state)]
