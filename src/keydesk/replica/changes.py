"""What changed in a replica, and all that it holds: what relays and gateways' feeders carry elsewhere.

Rows are numbered in the order in which they changed here, not by their revisions: a row that was refused and is right
again comes with the revision that it always had. The last changes are kept; whoever is further behind takes all rows.
"""

import secrets
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from keydesk.core.records import RECORD_TYPES, Record
from keydesk.replica.layout import (
    CHANGES,
    DECODERS,
    META,
    META_KEY,
    NEVER_FILLED,
    Meta,
    Place,
    decode_meta,
)

MOST_CHANGES: Final = 100_000
"""How many changes a replica remembers."""
NUMBER_BYTES: Final = 8
KINDS: Final = tuple(kind.kind for kind in RECORD_TYPES)
"""The kinds of rows, in the order in which a view gives them."""


class StoredRow(NamedTuple):
    """A row as it lies in a replica."""

    kind: str
    key: bytes
    value: bytes

    @property
    def record(self) -> Record:
        """The record in it."""
        record: Record = DECODERS[self.kind](self.value)
        return record


class Change(NamedTuple):
    """A row that changed, as it is now, and the number of the change that it is given for."""

    position: int
    row: StoredRow


class ChangeLog:
    """What is told of changes, inside one write transaction."""

    def __init__(self, transaction: Any, table: Any, place: Place) -> None:
        """Takes an open write transaction, the table of changes and where the tale stands."""
        self._transaction: Final = transaction
        self._table: Final = table
        self.place = place

    def begin_anew(self) -> None:
        """Forget all changes and take a new name: what is written now, nobody can have followed."""
        self._transaction.drop(self._table, delete=False)
        self.place = Place(secrets.token_hex(8), 0)

    def add(self, kind: str, key: bytes) -> None:
        """Note that the row changed."""
        position = self.place.position + 1
        self._transaction.put(numbered(position), name_in_log(kind, key), db=self._table)
        self.place = Place(self.place.log, position)

    def forget_oldest(self) -> None:
        """Keep no more than the last changes."""
        with self._transaction.cursor(self._table) as cursor:
            while cursor.first() and number(cursor.key()) <= self.place.position - MOST_CHANGES:
                cursor.delete()


class View:
    """One consistent view of a replica. While it is open, pages that it sees are not used again: keep it short."""

    def __init__(self, transaction: Any, tables: dict[str, Any]) -> None:
        """Takes an open read transaction and the replica's tables."""
        self._transaction: Final = transaction
        self._tables: Final = tables
        raw = transaction.get(META_KEY, db=tables[META])
        self.meta: Final[Meta] = NEVER_FILLED if raw is None else decode_meta(raw)

    @property
    def place(self) -> Place:
        """Where whoever has read all of this view goes on."""
        return self.meta.place

    @property
    def oldest(self) -> int:
        """The position from which on every change is still known."""
        with self._transaction.cursor(self._tables[CHANGES]) as cursor:
            return number(cursor.key()) - 1 if cursor.first() else self.place.position

    def reaches_back_to(self, place: Place) -> bool:
        """Say whether every change after that place is known; if not, take everything."""
        return place.log == self.place.log and self.oldest <= place.position <= self.place.position

    def changes(self, after: Place) -> Iterator[Change]:
        """Give the rows that changed after a place, each once, in the order of the changes.

        Ask `reaches_back_to` first. A row comes as this view holds it; within one log none is ever removed, so a key
        that was revoked comes as a revoked key.
        """
        told = set()
        with self._transaction.cursor(self._tables[CHANGES]) as cursor:
            if not cursor.set_range(numbered(after.position + 1)):
                return
            for raw, name in cursor:
                if name not in told:
                    told.add(name)
                    yield Change(number(raw), self._row(name))

    def rows(self, kind: str, after: bytes = b"") -> Iterator[StoredRow]:
        """Give the rows of a kind whose key lies after the given one, in the order of their keys."""
        with self._transaction.cursor(self._tables[kind]) as cursor:
            if cursor.set_range(after) if after else cursor.first():
                for key, value in cursor:
                    if key != after:
                        yield StoredRow(kind, key, value)

    def everything(self) -> Iterator[StoredRow]:
        """Give all rows, kind by kind."""
        for kind in KINDS:
            yield from self.rows(kind)

    def _row(self, name: bytes) -> StoredRow:
        kind, key = name.split(b"\0", 1)
        value = self._transaction.get(key, db=self._tables[kind.decode()])
        return StoredRow(kind.decode(), key, value)


def name_in_log(kind: str, key: bytes) -> bytes:
    """Give what stands for a row in the log."""
    return kind.encode() + b"\0" + key


def numbered(position: int) -> bytes:
    """Give the key of a change, so that LMDB's order is that of the numbers."""
    return position.to_bytes(NUMBER_BYTES)


def number(key: bytes) -> int:
    """Give the number behind the key of a change."""
    return int.from_bytes(key)
