"""How the replicator writes the replica: whole batches, in the order of revisions, each in one transaction."""

import fcntl
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import lmdb
import msgspec
from msgspec.structs import replace

from keydesk.core.records import Record
from keydesk.replica.batch import Batch, Suspect
from keydesk.replica.changes import ChangeLog
from keydesk.replica.layout import (
    CHANGES,
    FILE_NAME,
    LOCK_SUFFIX,
    META,
    META_KEY,
    NEVER_FILLED,
    REFUSED,
    TABLES,
    Head,
    Meta,
    Place,
    ReplicaMissing,
    Signed,
    decode_meta,
    encode,
    file_identity,
    needed_bytes,
    open_environment,
)
from keydesk.replica.moments import Moment

WRITER_LOCK_NAME: Final = "writer.lock"
READER_CHECK_SECONDS: Final = 10.0
UNUSABLE: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    msgspec.MsgspecError,
)

Incoming = Signed | Record | Suspect | Head
"""What comes from a source: rows, and among them the head as of the rows that follow, if it has moved on."""

log: Final = logging.getLogger("keydesk.replica")


class ReplicaBusy(Exception):  # noqa: N818 - it names a state, not a mistake
    """Another replicator writes this replica. A host has one; stop the other one first."""


class Writer:
    """The one writer of a host's replica. Every method is one transaction: all of it is seen, or nothing.

    `lmdb.Error` from any of them means that nothing was written; ReplicaMissing, that the file was taken away.
    """

    def __init__(self, replica_dir: Path) -> None:
        """Takes the replica's folder, and makes it and the file if they are not there.

        A file that cannot be used is built anew. Raises ReplicaBusy if another process writes the replica, OSError or
        `lmdb.Error` if it cannot be written.
        """
        self._path: Final = replica_dir / FILE_NAME
        make_folder(replica_dir)
        self._lock: Final = take_lock(replica_dir / WRITER_LOCK_NAME)
        try:
            try:
                self._env, self._tables, self.meta = open_tables(replica_dir)
            except UNUSABLE as error:
                discard(replica_dir, error)
                self._env, self._tables, self.meta = open_tables(replica_dir)
        except BaseException:
            os.close(self._lock)
            raise
        self._identity: Final = file_identity(self._path)
        self._next_reader_check = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let the next writer in."""
        self._env.close()
        os.close(self._lock)

    def refused_rows(self) -> int:
        """Give how many published rows the replica does not follow."""
        with self._env.begin() as transaction:
            return int(transaction.stat(self._tables[REFUSED])["entries"])

    def snapshot(self, head: Head, rows: Iterable[Incoming], *, confirmed: Moment | None) -> None:
        """Take over everything that the source holds, read at the moment `confirmed`, None to confirm it later.

        In a new epoch this also removes what the source does not hold, except that keys once revoked stay so; within
        an epoch nothing is ever removed. Raises ValueError if the revision goes back within the epoch.
        """
        same_epoch = head.epoch == self.meta.epoch
        if same_epoch and head.revision < self.meta.revision:
            raise ValueError("A replica does not go back within an epoch.")
        with self._transaction() as transaction:
            log = ChangeLog(transaction, self._tables[CHANGES], self.meta.place)
            batch = Batch(transaction, self._tables, log, same_epoch=same_epoch)
            head = fill(batch, rows, head)
            if not same_epoch:
                batch.remove_unseen()
            batch.forget_other_refusals()
            log.forget_oldest()
            meta = self._put_meta(transaction, head, confirmed, log.place, wrote_rows=True)
        self.meta = meta
        batch.tell()

    def apply(self, head: Head, rows: Iterable[Incoming], *, confirmed: Moment) -> None:
        """Take over the rows that changed since the replica's revision, read at the moment `confirmed`.

        Raises ValueError unless the head is of the replica's own epoch and not behind it.
        """
        if head.epoch != self.meta.epoch or head.revision < self.meta.revision:
            raise ValueError("Changes follow the replica's own revision, in its own epoch.")
        with self._transaction() as transaction:
            log = ChangeLog(transaction, self._tables[CHANGES], self.meta.place)
            batch = Batch(transaction, self._tables, log, same_epoch=True)
            head = fill(batch, rows, head)
            log.forget_oldest()
            meta = self._put_meta(transaction, head, confirmed, log.place, wrote_rows=True)
        self.meta = meta
        batch.tell()

    def confirm(self, head: Head, *, confirmed: Moment) -> None:
        """Note that the source, read at the moment `confirmed`, had nothing newer."""
        with self._transaction() as transaction:
            meta = self._put_meta(transaction, head, confirmed, self.meta.place, wrote_rows=False)
        self.meta = meta
        if time.monotonic() >= self._next_reader_check:
            self._env.reader_check()  # a killed reader's slot would keep old pages from being used again
            self._next_reader_check = time.monotonic() + READER_CHECK_SECONDS

    def note_clock(self, ahead_seconds: float | None) -> None:
        """Note how far this host's clock is ahead of the source's, None if unknown; the next transaction writes it."""
        self.meta = replace(self.meta, clock_ahead_seconds=ahead_seconds)

    def note_gone_back(self) -> None:
        """Note that the source was seen behind the replica, whose age counts on."""
        meta = replace(self.meta, has_gone_back=True)
        with self._transaction() as transaction:
            transaction.put(META_KEY, encode(meta), db=self._tables[META])
        self.meta = meta

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        if not self._is_in_place():
            raise ReplicaMissing(f"The replica at {self._path} was taken away.")
        with self._env.begin(write=True) as transaction:
            yield transaction
        # LMDB need not write a page at the end that a transaction took and gave back; a reader would miss it.
        if self._path.stat().st_size < (whole := needed_bytes(self._env)):
            os.truncate(self._path, whole)

    def _is_in_place(self) -> bool:
        try:
            return file_identity(self._path) == self._identity
        except FileNotFoundError:
            return False

    def _put_meta(
        self,
        transaction: Any,
        head: Head,
        confirmed: Moment | None,
        place: Place,
        *,
        wrote_rows: bool,
    ) -> Meta:
        # What confirmed the rows of one history says nothing about those of another.
        held = self.meta.confirmed if head.epoch == self.meta.epoch else None
        meta = Meta(
            epoch=head.epoch,
            revision=head.revision,
            heartbeat_at=head.heartbeat_at,
            confirmed=later_of(held, confirmed),
            generation=self.meta.generation + wrote_rows,
            place=place,
            followed=head.place,
            clock_ahead_seconds=self.meta.clock_ahead_seconds,
        )
        transaction.put(META_KEY, encode(meta), db=self._tables[META])
        return meta


def fill(batch: Batch, rows: Iterable[Incoming], head: Head) -> Head:
    """Hand the rows to the batch, and give the head that counts once all of them are taken."""
    for row in rows:
        if isinstance(row, Head):
            head = row
        else:
            batch.take(row)
    return head


def later_of(held: Moment | None, confirmed: Moment | None) -> Moment | None:
    """Give the later of two moments of which either may be none."""
    if held is None or confirmed is None:
        return held or confirmed
    return confirmed if held.is_before(confirmed) else held


def make_folder(replica_dir: Path) -> None:
    """Make the replica's folder, if it is not there, so that its group can come in and its files get that group."""
    if not replica_dir.exists():
        replica_dir.mkdir(parents=True)
        replica_dir.chmod(0o2750)


def open_tables(replica_dir: Path) -> tuple[Any, dict[str, Any], Meta]:
    """Open the replica for writing and give its environment, its tables and its head. Raises `lmdb.Error`.

    Processes of other users read it through the file's group: they need to write the lock, and only that.
    """
    env = open_environment(replica_dir, is_writer=True)
    try:
        tables = {name: env.open_db(name.encode()) for name in TABLES}
        with env.begin() as transaction:
            raw = transaction.get(META_KEY, db=tables[META])
        meta = NEVER_FILLED if raw is None else decode_meta(raw)
    except BaseException:
        env.close()
        raise
    with suppress(PermissionError):  # another owner's file, made by an earlier writer, has its mode
        (replica_dir / FILE_NAME).chmod(0o640)
        (replica_dir / (FILE_NAME + LOCK_SUFFIX)).chmod(0o660)
    return env, tables, meta


def discard(replica_dir: Path, error: Exception) -> None:
    """Remove a replica file that cannot be used, and say why; readers go over to the next one by themselves."""
    path = replica_dir / FILE_NAME
    log.error("The replica at %s cannot be used (%s) and is built anew.", path, error)
    path.unlink(missing_ok=True)
    path.with_name(FILE_NAME + LOCK_SUFFIX).unlink(missing_ok=True)


def take_lock(path: Path) -> int:
    """Take the lock that only one writer can have, as an open file. Raises ReplicaBusy."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ReplicaBusy(f"Another replicator holds {path}.") from None
    return lock
