"""What a key may be called and restricted to, how long it works beside its successor, and where it stands; pure."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from keydesk.control.access.entries import stored_list
from keydesk.control.access.refused import Refused
from keydesk.control.catalog.rules import SCOPES_LENGTH
from keydesk.core.codes import Code
from keydesk.core.limits import Whose

LONGEST_NAME: Final = 60
LONGEST_REQUEST_TOKEN: Final = 64
LIMITED_BY: Final = (Whose.KEY,)
"""Whose limits a key may have of its own: nobody else's calls are counted against them."""


class ShownState(StrEnum):
    """Where a key stands, as people see it: its stored state, or that its time is over."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"
    EXPIRED = "EXPIRED"
    RETIRING = "RETIRING"
    REVOKED = "REVOKED"


class Overlap(StrEnum):
    """How long a key works on beside the one that replaces it."""

    NONE = "none"
    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


LENGTHS: Final = {
    Overlap.NONE: timedelta(),
    Overlap.HOUR: timedelta(hours=1),
    Overlap.DAY: timedelta(hours=24),
    Overlap.WEEK: timedelta(days=7),
    Overlap.MONTH: timedelta(days=30),
}


def clean_name(text: str) -> str | None:
    """Give a key's name in its stored form, None if it is no name.

    White space around it goes, composed characters are unified (NFC); 1 to 60 characters, none of them invisible.
    """
    name = unicodedata.normalize("NFC", text).strip()
    is_visible = all(not unicodedata.category(character).startswith("C") for character in name)
    return name if 1 <= len(name) <= LONGEST_NAME and is_visible else None


def is_request_token(text: str) -> bool:
    """Say whether a text can name one press of a button: 1 to 64 visible ASCII characters."""
    return 1 <= len(text) <= LONGEST_REQUEST_TOKEN and text.isascii() and text.isprintable()


def stored_scopes(scopes: Sequence[str], *, offered: str) -> str:
    """Give a key's scopes as they are stored, each of them one that its product offers.

    Raises Refused `invalid_input` with what is wrong, as `stored_list` does.
    """
    names = offered.split()

    def read(entry: str) -> tuple[str, str]:
        if entry not in names:
            raise ValueError(f"{entry} is no scope of the product.")
        return entry, entry

    return stored_list("scopes", sorted(scopes), read=read, longest=SCOPES_LENGTH)


def common_scopes(held: str, offered: str) -> str:
    """Give the scopes that a key has and its product still offers, as they are stored."""
    return " ".join(sorted(set(held.split()) & set(offered.split())))


def shown_state(
    state: str, *, expires_at: datetime | None, retires_at: datetime | None, now: datetime
) -> ShownState:
    """Give where a key stands at the moment `now`; a moment that is over turns a working key into an expired one."""
    stored = ShownState(state)
    is_over = any(end is not None and end <= now for end in (expires_at, retires_at))
    return ShownState.EXPIRED if is_over and stored is not ShownState.REVOKED else stored


def is_live(state: ShownState) -> bool:
    """Say whether a key in this state has not ended: it is neither revoked nor expired."""
    return state not in {ShownState.EXPIRED, ShownState.REVOKED}


def is_replaceable(state: ShownState) -> bool:
    """Say whether a key in this state can be replaced: not one that was already, nor one that the provider stopped."""
    return state is ShownState.ACTIVE


def overlap_named(text: str) -> Overlap:
    """Give the overlap of this name; raises Refused(`invalid_input`) at `overlap` if none is called so."""
    if text not in set(Overlap):
        raise Refused(Code.INVALID_INPUT, field="overlap", reason="unknown")
    return Overlap(text)


def retirement(
    overlap: Overlap, *, since: datetime, expires_at: datetime | None
) -> datetime | None:
    """Give until when a key works that is replaced at the moment `since`, a whole second; None if it ends at once.

    A key that expires before the overlap is over keeps its own end.
    """
    if overlap is Overlap.NONE:
        return None
    end = (since + LENGTHS[overlap]).replace(microsecond=0)
    return end if expires_at is None else min(end, expires_at)


def confirmed_object(key_id: str, overlap: Overlap) -> str:
    """Give what somebody confirms who replaces a key: the key, and with an overlap that too.

    So nothing that was confirmed for one end of the old key brings it another.
    """
    return key_id if overlap is Overlap.NONE else f"{key_id}/{overlap}"
