"""The replicator: keeps this host's replica equal to its source, and never gives up.

Fresh means that the source was read and had nothing newer. Whatever goes wrong, the rows held stay, their age counts
on, and the next look comes within a second.
"""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import lmdb

from keydesk.core.digest import row_checker
from keydesk.replica.batch import Suspect
from keydesk.replica.histories import is_earlier
from keydesk.replica.layout import Head, Meta, ReplicaMissing, Signed
from keydesk.replica.moments import Moment
from keydesk.replica.sources.contract import Reading, Source, SourceUnavailable
from keydesk.replica.trust import judge
from keydesk.replica.writer import UNUSABLE, ReplicaBusy, Writer, discard

POLL_SECONDS: Final = 0.25
CONFIRM_SECONDS: Final = 0.25
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0
MILLISECONDS: Final = 1000

log: Final = logging.getLogger("keydesk.replica")


class Stopped(Exception):  # noqa: N818 - it names a wish, not a mistake
    """The replicator was asked to stop in the middle of a batch, which is then not taken over."""


def run_replicator(
    source: Source, *, replica_dir: Path, row_mac_key: bytes | None, stop: threading.Event
) -> None:
    """Keep the replica in the folder current until `stop` is set.

    Takes the key of row MACs; a row whose MAC is wrong is not taken over. Without a key the source is trusted. Trouble
    with the source or with the replica is told once and tried again; nothing but `stop` ends it.
    """
    outage = Outage()
    while not stop.is_set():
        began = time.monotonic()
        try:
            with Writer(replica_dir) as writer:
                follower = Follower(source, writer, row_mac_key=row_mac_key, stop=stop)
                while not stop.is_set():
                    follower.step()
                    if not writer.meta.has_gone_back:
                        outage.end()
                    source.wait(POLL_SECONDS)
        except Stopped:
            break
        except UNUSABLE as error:
            discard(replica_dir, error)
        except (SourceUnavailable, ReplicaBusy, ReplicaMissing, lmdb.Error, OSError) as error:
            outage.note(error)
            stop.wait(began + outage.pause_seconds - time.monotonic())
    source.close()


class Follower:
    """One writer's way along one source, a step at a time."""

    def __init__(
        self, source: Source, writer: Writer, *, row_mac_key: bytes | None, stop: threading.Event
    ) -> None:
        """Takes the source, the open writer, the key of row MACs, if any, and the event that ends a batch."""
        self._source: Final = source
        self._writer: Final = writer
        self._mac_matches: Final = None if row_mac_key is None else row_checker(row_mac_key)
        self._stop: Final = stop
        self._must_compare_all = writer.refused_rows() > 0
        self._next_confirm = 0.0

    def step(self) -> None:
        """Read the source's head once and bring the replica to it.

        Raises SourceUnavailable, ReplicaMissing, `lmdb.Error` or Stopped; then the replica is as it was before.
        """
        moment = Moment.ago()
        head = self._source.head()
        self._writer.note_clock(ahead_seconds(moment, head))
        held = self._writer.meta
        if is_earlier(head.epoch, held.epoch):
            self._stay(head)
        elif head.epoch != held.epoch:
            self._take_snapshot()
        elif head.revision < held.revision:
            self._stay(head)
        elif held.has_gone_back or self._must_compare_all or not is_within_reach(head, held):
            self._take_snapshot()
        elif position_of(head) > followed_by(held, head):
            self._take_changes(followed_by(held, head))
        elif time.monotonic() >= self._next_confirm:
            self._writer.confirm(head, confirmed=vouched(moment, head))
            self._next_confirm = time.monotonic() + CONFIRM_SECONDS

    def _take_snapshot(self) -> None:
        """Take over all rows. A replica that never held any is confirmed only with what changed while they came.

        Until then it decides nothing; one that held some went on with those, and its age said so.
        """
        moment, is_first = Moment.ago(), self._writer.meta.confirmed is None
        with self._source.snapshot() as reading:
            head, held = reading.head, self._writer.meta
            is_behind = head.epoch == held.epoch and head.revision < held.revision
            if is_behind or is_earlier(head.epoch, held.epoch):
                self._stay(head)
                return
            rows = with_one_right(self._judged(reading))
            self._writer.snapshot(head, rows, confirmed=None if is_first else vouched(moment, head))
        if is_first:
            self._take_changes(followed_by(self._writer.meta, head))
        self._must_compare_all = False
        seconds = Moment.ago().ticks - moment.ticks
        log.info("Took over revision %d of epoch %s in %.1f s.", head.revision, head.epoch, seconds)

    def _take_changes(self, after: int) -> None:
        moment = Moment.ago()
        with self._source.changes(after) as reading:
            head = reading.head
            held = self._writer.meta
            if head.epoch == held.epoch and head.revision >= held.revision:
                self._writer.apply(head, self._judged(reading), confirmed=vouched(moment, head))

    def _stay(self, head: Head) -> None:
        """Keep what is held: a source behind its replica lags, was restored unannounced, or is an old primary."""
        held = self._writer.meta
        if not held.has_gone_back:
            log.error(
                "The source is at revision %d of %s, behind this replica's %d of %s: it lags, it was restored "
                "without a new epoch, or it is a primary of before a failover. The replica keeps its rows, and they "
                "grow old.",
                head.revision,
                head.epoch,
                held.revision,
                held.epoch,
            )
            self._writer.note_gone_back()

    def _judged(self, reading: Reading) -> Iterator[Signed | Suspect | Head]:
        head = reading.head
        for row in reading.rows:
            if self._stop.is_set():
                raise Stopped
            if isinstance(row, Head):
                head = row
                yield head
            else:
                yield judge(row, head, mac_matches=self._mac_matches)


class Outage:
    """What is wrong at the moment: told once, with pauses that grow to a second."""

    def __init__(self) -> None:
        self.pause_seconds = FIRST_PAUSE_SECONDS
        self._told = ""
        self._since = 0.0

    def note(self, error: Exception) -> None:
        """Note one more failure."""
        if not self._told:
            self._since, self.pause_seconds = time.monotonic(), FIRST_PAUSE_SECONDS
        else:
            self.pause_seconds = min(2 * self.pause_seconds, LONGEST_PAUSE_SECONDS)
        if self._told != str(error):
            self._told = str(error) or type(error).__name__
            log.warning("The replica grows old: %s", self._told)

    def end(self) -> None:
        """Note that all is well."""
        if self._told:
            log.warning("The replica is current again after %.1f s.", time.monotonic() - self._since)  # fmt: skip
            self._told = ""


def is_within_reach(head: Head, held: Meta) -> bool:
    """Say whether the source can give what changed since the replica last followed it.

    A database can by its revisions, unless the replica followed a relay before: what that one left out, no revision
    tells.
    """
    followed = held.followed
    if head.place is None:
        return followed is None
    if followed is None or followed.log != head.place.log:
        return False
    return head.oldest <= followed.position <= head.place.position


def position_of(head: Head) -> int:
    """Give how far the source has come: its revision, or the position of a relay's own changes."""
    return head.revision if head.place is None else head.place.position


def followed_by(held: Meta, head: Head) -> int:
    """Give how far the replica has followed its source, counted as the source counts."""
    if head.place is None or held.followed is None:
        return held.revision
    return held.followed.position


def with_one_right(
    rows: Iterator[Signed | Suspect | Head],
) -> Iterator[Signed | Suspect | Head]:
    """Give the rows of a snapshot; raises SourceUnavailable after the last if there were some and none was right.

    Then the row-MAC key is another than control's, and a replica without rows would refuse every key as unknown.
    """
    suspected = False
    for row in rows:
        yield row
        if isinstance(row, Signed):
            yield from rows
            return
        suspected = suspected or isinstance(row, Suspect)
    if suspected:
        raise SourceUnavailable(
            "Not one row carries a right MAC: this replicator's row-MAC key is not the one that control has."
        )


def vouched(moment: Moment, head: Head) -> Moment:
    """Give the moment as of which a reading is known to be current: on a standby, that of the heartbeat in it.

    A relay says how long before it was asked the database had confirmed what it gives; that age is passed on, and the
    time that the answer took adds to it. No clock of another host counts.
    """
    moment = moment.earlier(max(0, head.age_ms) / MILLISECONDS)
    if not head.is_standby:
        return moment
    return min(moment, Moment.ago(time.time() - head.heartbeat_at), key=lambda each: each.ticks)


def ahead_seconds(asked: Moment, head: Head) -> float | None:
    """Give how far this host's clock is ahead of the database's, whose head was asked for at that moment."""
    return None if head.clock_ms is None else asked.ahead_of(head.clock_ms / MILLISECONDS)
