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
    """It is revoked again."""
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


def outcome_of(known: Record, held: Record | None) -> Outcome | None:
    """Give what becomes of a row; None if the database says the same, or never heard of what no longer worked."""
    if held is None:
        return None if is_revoked(known) else Outcome.GONE
    if is_revoked(known) and not is_revoked(held):
        return Outcome.REVOKED
    if state_of(known) in STOPPED and state_of(held) in WORKING:
        return Outcome.STOPPED
    return None if replace(known, revision=held.revision) == held else Outcome.DIFFERENT


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
