"""Which usernames an account may have, and which way its status may go."""

import re
from typing import Final

from keydesk.core.records import AccountStatus as Status

SHORTEST_USERNAME: Final = 3
NAME_LENGTH: Final = 120
USERNAME: Final = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]", re.ASCII)

TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.WAITING_FOR_APPROVAL, Status.CLOSED}),
    Status.WAITING_FOR_APPROVAL: frozenset(
        {Status.APPROVED, Status.NEED_REVISION, Status.REJECTED}
    ),
    Status.NEED_REVISION: frozenset({Status.WAITING_FOR_APPROVAL, Status.REJECTED, Status.CLOSED}),
    Status.APPROVED: frozenset({Status.SUSPENDED, Status.CLOSED}),
    Status.SUSPENDED: frozenset({Status.APPROVED, Status.CLOSED}),
    Status.REJECTED: frozenset({Status.CLOSED}),
    Status.CLOSED: frozenset(),
}

NEEDS_REASON: Final = frozenset({Status.NEED_REVISION, Status.REJECTED, Status.SUSPENDED})
"""Statuses whose reason the customer reads."""

DECIDED_IN_ONBOARDING: Final = frozenset(
    {Status.WAITING_FOR_APPROVAL, Status.NEED_REVISION, Status.REJECTED}
)
"""Statuses into and out of which an account goes by its application."""


def is_username(text: str) -> bool:
    """Say whether the text may be an account's username: 3 to 40 of a-z, 0-9 and inner hyphens, a letter first."""
    return USERNAME.fullmatch(text) is not None


def plain_username(text: str) -> str:
    """Give a username as it is stored and compared: trimmed, its letters small.

    Only what is ASCII has small letters here: another letter that looks or folds like one makes no username.
    """
    text = text.strip()
    return text.lower() if text.isascii() else text


def can_become(status: str, target: Status) -> bool:
    """Say whether an account of this status may go to the target status."""
    return target in TRANSITIONS[Status(status)]
