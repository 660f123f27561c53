"""How long an invitation is open, what its link looks like, and what can become of it; pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

LIFETIME: Final = timedelta(days=7)
OPEN_AT_MOST: Final = 100
"""How many open invitations an account may have: each is a mail to somebody who did not ask for it."""

LINK_PATH: Final = "invitation/"
"""Where the link leads on the desk; the token follows, and nothing else."""


class InvitationState(StrEnum):
    """What became of an invitation; one that is over in time is still OPEN, and can be sent again."""

    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    WITHDRAWN = "WITHDRAWN"


def link_of(desk_url: str, token: str) -> str:
    """Give the whole link for a mail."""
    return f"{desk_url}/{LINK_PATH}{token}/"


def is_over(expires_at: datetime, *, now: datetime) -> bool:
    """Say whether the time of an invitation is over; its last second still counts."""
    return now >= expires_at
