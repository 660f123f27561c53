"""The counts of one host: an LMDB file that all its processes share, so that limits are exact across them.

A count is one short write transaction in mapped memory. LMDB lets one in at a time and cleans up after a process that
was killed, so counts are exact for any number of processes and outlive them all.
"""

import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import lmdb

from keydesk.core.gcra import EMPTY, MICROSECONDS, Count, Spent, spend
from keydesk.core.limits import Bucket
from keydesk.limits.ledger import LedgerUnavailable
from keydesk.limits.storage import CountsFile

PRUNED_AT_ONCE: Final = 200
"""All processes wait meanwhile: a tenth of a millisecond."""
DISK_FULL: Final = "the disk of the counts is full"

_KEPT: Final = struct.Struct("<qqq")
"""A count as it lies in the file: mark, spent, until."""
_pack: Final = _KEPT.pack
_unpack: Final = _KEPT.unpack


class HostLedger:
    """The counts of this host: `keydesk.limits.ledger.Ledger`, to be made after a fork and once in a process.

    A file that cannot be had is no reason not to start: `fault` says what is wrong, calls with limits are not let
    through, and `keep` tries again.
    """

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the file, which is made if it is not there."""
        self._folder: Final = folder
        self._file: CountsFile | None = None
        self._begin: Any = None
        self._place = b""
        self.fault: str | None = None
        """Why calls cannot be counted at the moment, None if they can."""
        self.keep()

    def spend(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent:
        """Count a call against all its buckets, or none. Raises LedgerUnavailable."""
        if self.fault is not None:
            raise LedgerUnavailable(self.fault)
        try:
            with self._begin(write=True) as transaction:
                get, put = transaction.get, transaction.put
                counts = [
                    EMPTY if (raw := get(bucket.place)) is None else Count(*_unpack(raw))
                    for bucket in buckets
                ]
                spent, after = spend(buckets, counts, cost=cost, now=int(now * MICROSECONDS))
                if after is not None:
                    for bucket, count in zip(buckets, after, strict=True):
                        put(bucket.place, _pack(count.mark, count.spent, count.until))
                return spent
        except lmdb.Error as error:
            raise LedgerUnavailable(f"calls cannot be counted: {error}") from error

    def keep(self) -> None:
        """Open the file if that did not work yet, and have disk at hand for what comes; call it every second."""
        try:
            if self._file is None:
                self._file = CountsFile(self._folder)
                self._begin = self._file.env.begin
            self.fault = None if self._file.has_headroom() else DISK_FULL
        except (lmdb.Error, OSError) as error:
            self.fault = f"calls cannot be counted in {self._folder}: {error}"

    def save(self) -> bool:
        """Bring what was counted to the disk, if it is time to; give whether that was done. It may take a while."""
        try:
            return self._file is not None and self._file.copy()
        except (lmdb.Error, OSError):
            return False  # the next time is soon; the counts themselves are not touched by it

    def prune(self, now: float | None = None) -> int:
        """Forget counts that say nothing any more, a few places further at each call; give how many."""
        if self._file is None:
            return 0
        moment, forgotten = time.time() if now is None else now, 0
        try:
            with self._begin(write=True) as transaction, transaction.cursor() as cursor:
                found = cursor.set_range(self._place)
                for _ in range(PRUNED_AT_ONCE):
                    if not found:
                        break
                    if _unpack(cursor.value())[2] < moment:
                        found = cursor.delete() and bool(cursor.key())
                        forgotten += 1
                    else:
                        found = cursor.next()
                self._place = bytes(cursor.key()) if found else b""
        except lmdb.Error:
            return 0  # a map that is full, for instance: nothing is forgotten, and nothing is lost
        return forgotten

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
