"""Which published rows a replica takes over, inside one write transaction.

A row is refused if it is older than the one held, unless it is revoked, which holds in every history, and a revoked key
stays revoked whatever a source says later: somebody who can write to the database could otherwise bring back
yesterday's row, whose MAC is right. The revoked row itself is kept, MAC and all, so that it proves the revocation to
others: to a restored database, for one.
"""

import logging
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from keydesk.core.records import (
    RECORD_TYPES,
    CredentialRecord,
    CredentialState,
    KeyRecord,
    KeyState,
    Record,
)
from keydesk.replica.changes import ChangeLog
from keydesk.replica.layout import (
    DECODERS,
    LONGEST_KEY,
    NO_MAC,
    REFUSED,
    Signed,
    key_of,
    name_of,
    value_of,
)

MOST_TOLD: Final = 20
GOES_BACK: Final = "its revision is older than the one held"
WAS_REVOKED: Final = "it was revoked before, and that is for good"

log: Final = logging.getLogger("keydesk.replica")


class Suspect(Struct, frozen=True):
    """A published row that cannot be trusted; what the replica held in its place goes on counting."""

    kind: str
    name: str
    """What a person finds the row by in the database."""
    reason: str
    key: bytes | None
    """Where the row would lie, as far as it says so itself."""
    says_revoked: bool = False
    """Whether it says of a key or a service credential that it was revoked."""


class Batch:
    """Rows on their way into the replica's tables."""

    def __init__(
        self, transaction: Any, tables: dict[str, Any], changes: ChangeLog, *, same_epoch: bool
    ) -> None:
        """Takes an open write transaction, its tables, what tells of changes, and whether history goes on.

        Revisions of different epochs cannot be compared, so in a new one only what is revoked is held on to, and what
        is told of changes begins anew.
        """
        if not same_epoch:
            changes.begin_anew()
        self._changes = changes
        self._transaction = transaction
        self._tables = tables
        self._same_epoch = same_epoch
        self._seen: dict[str, set[bytes]] = {kind.kind: set() for kind in RECORD_TYPES}
        self._refused: set[bytes] = set()
        self._untold: list[tuple[str, str, str]] = []
        self._has_refusals = bool(transaction.stat(tables[REFUSED])["entries"])

    def take(self, row: Signed | Record | Suspect) -> None:
        """Take the row over, or note why not."""
        if isinstance(row, Suspect):
            self._refuse(row.kind, row.name, row.reason)
            if row.key is not None:
                self._hold_on(row.kind, row.key)
        elif isinstance(row, Signed):
            self._take(row.record, row.mac)
        else:
            self._take(row, NO_MAC)

    def _take(self, row: Record, mac: bytes) -> None:
        key, table = key_of(row), self._tables[row.kind]
        if not self._same_epoch:
            self._seen[row.kind].add(key)
        raw = self._transaction.get(key, db=table)
        held = None if raw is None else DECODERS[row.kind](raw)
        if is_revoked(held):
            if not is_revoked(row):
                self._refuse(row.kind, name_of(row), WAS_REVOKED)
                return
        elif self._goes_back(row, held):
            self._refuse(row.kind, name_of(row), GOES_BACK)
            return
        if self._has_refusals:
            self._transaction.delete(refusal_key(row.kind, name_of(row)), db=self._tables[REFUSED])
        value = value_of(Signed(row, mac))
        if value != raw:
            self._transaction.put(key, value, db=table)
            if self._same_epoch:
                self._changes.add(row.kind, key)

    def _goes_back(self, row: Record, held: Record | None) -> bool:
        """Say whether the row is older than the one held; one that is revoked counts whatever its revision."""
        is_older = held is not None and self._same_epoch and row.revision < held.revision
        return is_older and not is_revoked(row)

    def remove_unseen(self) -> None:
        """Remove the rows that were not taken, except what is revoked."""
        for kind, seen in self._seen.items():
            with self._transaction.cursor(self._tables[kind]) as cursor:
                gone = [key for key in cursor.iternext(values=False) if key not in seen]
            for key in gone:
                if is_revoked(DECODERS[kind](self._transaction.get(key, db=self._tables[kind]))):
                    self._hold_on(kind, key)
                else:
                    self._transaction.delete(key, db=self._tables[kind])

    def forget_other_refusals(self) -> None:
        """Forget refusals of earlier batches, after a batch of all rows has said which still stand."""
        with self._transaction.cursor(self._tables[REFUSED]) as cursor:
            past = [key for key in cursor.iternext(values=False) if key not in self._refused]
        for key in past:
            self._transaction.delete(key, db=self._tables[REFUSED])

    def tell(self) -> None:
        """Log the rows that were refused for the first time; call it once the transaction is committed."""
        for kind, name, reason in self._untold[:MOST_TOLD]:
            log.error("The %s %.100r is not taken over as published: %s.", kind, name, reason)
        if len(self._untold) > MOST_TOLD:
            log.error("Nor are %d rows more.", len(self._untold) - MOST_TOLD)

    def _hold_on(self, kind: str, key: bytes) -> None:
        """Keep the row held; in a new epoch, whose revisions start anew, any later row may follow it.

        One that is revoked stays as it is: only a revoked row follows it, whatever its revision.
        """
        raw = self._transaction.get(key, db=self._tables[kind]) if key else None
        if raw is None or self._same_epoch:
            return
        self._seen[kind].add(key)
        held = DECODERS[kind](raw)
        if not is_revoked(held):
            value = value_of(Signed(replace(held, revision=0), NO_MAC))
            self._transaction.put(key, value, db=self._tables[kind])

    def _refuse(self, kind: str, name: str, reason: str) -> None:
        """Count a row that is not followed, and have it told if that is new."""
        key, table = refusal_key(kind, name), self._tables[REFUSED]
        self._refused.add(key)
        self._has_refusals = True
        if self._transaction.get(key, db=table) != reason.encode():
            self._transaction.put(key, reason.encode(), db=table)
            self._untold.append((kind, name, reason))


def is_revoked(record: Record | None) -> bool:
    """Say whether the record is of a kind that is revoked for good, and is."""
    match record:
        case KeyRecord():
            return record.state == KeyState.REVOKED
        case CredentialRecord():
            return record.state == CredentialState.REVOKED
        case _:
            return False


def refusal_key(kind: str, name: str) -> bytes:
    """Give the key of the note about a row that is not followed."""
    return f"{kind} {name}".encode(errors="surrogatepass")[:LONGEST_KEY]
