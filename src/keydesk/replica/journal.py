"""What a replica proves of the time that a backup does not know: the rows that control wrote, by their MACs.

A replica is on hosts where the database is not, and takes back no revocation. So it is the journal of revocations: a
database that went back in time learns from it what it must not let work again.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from keydesk.core.digest import row_checker
from keydesk.replica.batch import Suspect
from keydesk.replica.changes import StoredRow
from keydesk.replica.layout import Head, ReplicaMissing, Signed
from keydesk.replica.moments import Moment
from keydesk.replica.sources.contract import (
    KINDS,
    Published,
    Reading,
    Source,
    SourceUnavailable,
)
from keydesk.replica.store import Reader
from keydesk.replica.trust import judge

MILLISECONDS: Final = 1000

_decode: Final = msgspec.msgpack.Decoder(tuple[Any, ...]).decode


class NoJournal(Exception):  # noqa: N818 - it names a state, not a mistake
    """The replica proves nothing of what was revoked; the message says why."""


class Journal(NamedTuple):
    """All rows of a replica, each believed or not. They can be read once, while it is open."""

    head: Head
    """Where the replica stands."""
    confirmed_at: float | None
    """The moment up to which it knows of every change (Unix seconds); None if nobody knows which that is."""
    rows: Iterator[Signed | Suspect]
    """Raises NoJournal in the end if there were some and none was right."""

    def reaches(self, head: Head) -> bool:
        """Say whether the replica knows all that a database with this head knew.

        Revisions tell within one history; from one to another the heartbeats do, of which every reading takes one.
        """
        if self.head.epoch == head.epoch:
            return self.head.revision >= head.revision
        return self.head.heartbeat_at >= head.heartbeat_at


@contextmanager
def journal_of_replica(replica_dir: Path, *, row_mac_key: bytes) -> Iterator[Journal]:
    """Open what the replica in a folder proves, of this host or copied from another. Raises NoJournal."""
    if not replica_dir.is_dir():
        raise NoJournal(f"There is no replica at {replica_dir}.")
    try:
        with closing(Reader(replica_dir)) as reader, reader.view() as view:
            meta = view.meta
            if meta.confirmed is None:
                raise NoJournal(f"The replica in {replica_dir} was never confirmed.")
            head = Head(meta.epoch, meta.revision, meta.heartbeat_at)
            reading = Reading(head, map(published, view.everything()))
            yield Journal(head, meta.confirmed.on_wall_clock(), judged(reading, row_mac_key))
    except ReplicaMissing as error:
        raise NoJournal(str(error)) from error


@contextmanager
def journal_of_relay(relay: Source, *, row_mac_key: bytes) -> Iterator[Journal]:
    """Open what the replica behind a relay proves. Raises NoJournal, also in the middle of reading."""
    try:
        with relay.snapshot() as reading:
            confirmed = Moment.ago(reading.head.age_ms / MILLISECONDS)
            yield Journal(reading.head, confirmed.at, judged(reading, row_mac_key))
    except SourceUnavailable as error:
        raise NoJournal(str(error)) from error
    finally:
        relay.close()


def judged(reading: Reading, row_mac_key: bytes) -> Iterator[Signed | Suspect]:
    """Give each row as one that is believed or one that is not."""
    mac_matches, head = row_checker(row_mac_key), reading.head
    found: Signed | Suspect | None = None
    is_right = False
    for row in reading.rows:
        if isinstance(row, Head):
            head = row
            continue
        found = judge(row, head, mac_matches=mac_matches)
        is_right = is_right or isinstance(found, Signed)
        yield found
    if found is not None and not is_right:
        raise NoJournal("Not one of its rows carries a right MAC: it is of another installation.")


def published(row: StoredRow) -> Published:
    """Give a row of a replica as its source gave it."""
    return Published(KINDS[row.kind], _decode(row.value))
