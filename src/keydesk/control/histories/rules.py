"""What has to be done about a row that a replica knows otherwise than a restored database."""

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from keydesk.core.records import (
    AccountRecord,
    AccountStatus,
    CredentialRecord,
    CredentialState,
    EntitlementState,
    KeyRecord,
    KeyState,
    ProductRecord,
    ProductState,
    Record,
)
from keydesk.replica.batch import is_revoked

WORKING: Final = frozenset(
    {
        KeyState.ACTIVE,
        KeyState.RETIRING,
        AccountStatus.APPROVED,
        ProductState.ACTIVE,
        EntitlementState.ENABLED,
        CredentialState.ACTIVE,
    }
)
"""The states of rows that let keys work, whatever their kind."""
STOPPED: Final = frozenset(
    {
        KeyState.DISABLED,
        AccountStatus.SUSPENDED,
        AccountStatus.CLOSED,
        ProductState.STOPPED,
        ProductState.RETIRED,
        EntitlementState.DISABLED,
    }
)
"""The states into which somebody puts what worked."""


class Outcome(StrEnum):
    """What becomes of a row that a replica knows otherwise."""

    REVOKED = "revoked"
    """It was revoked, or its time has passed, and it is revoked."""
    STOPPED = "stopped"
    """It is put back into the state that refused its keys."""
    GONE = "gone"
    """It was made since the backup, and the database has it no more."""
    DIFFERENT = "different"
    """It stays as the backup has it, and somebody has to look at it."""


class Finding(Struct, frozen=True):
    """A row that a replica knows otherwise than the database, and what became of it."""

    outcome: Outcome
    known: Record
    """The row as it was published last."""
    held: Record | None
    """The row as the backup had it, if it did."""
    username: str | None = None
    """Whose row it is, if it is an account's."""


def outcome_of(known: Record, held: Record | None, *, now: float) -> Outcome | None:
    """Give what becomes of a row; None if the database says the same of it, or that it has ended as well.

    Takes the moment at which that is asked (Unix seconds): what has ended by then has ended for good. None too for a
    revoked row that the database never heard of.
    """
    if held is None:
        return None if is_revoked(known) else Outcome.GONE
    if is_revoked(known) and not is_revoked(held):
        return Outcome.REVOKED
    if has_ended(known, now=now):
        return None if has_ended(held, now=now) else Outcome.REVOKED
    if state_of(known) in STOPPED and state_of(held) in WORKING:
        return Outcome.STOPPED
    return None if replace(known, revision=held.revision) == held else Outcome.DIFFERENT


def has_ended(record: Record, *, now: float) -> bool:
    """Say whether a key or a service credential is revoked, or has expired or retired by this moment (Unix seconds)."""
    match record:
        case KeyRecord():
            ends = (record.expires_at, record.retires_at)
        case CredentialRecord():
            ends = (record.expires_at, None)
        case _:
            return False
    return is_revoked(record) or any(end is not None and end <= now for end in ends)


def works(record: Record, *, now: float) -> bool:
    """Say whether a row lets keys work at this moment (Unix seconds), as far as it is concerned itself."""
    return state_of(record) in WORKING and not has_ended(record, now=now)


def state_of(record: Record) -> str:
    """Give the state of a row, which is the status of an account."""
    return record.status if isinstance(record, AccountRecord) else record.state


def account_of(record: Record) -> str | None:
    """Give the id of the account that a row belongs to, None if it belongs to none."""
    match record:
        case AccountRecord():
            return record.id
        case ProductRecord() | CredentialRecord():
            return None
        case _:
            return record.account
