"""The counts of one host: an LMDB file that all its processes share, so that limits are exact across them.

A count is one short write transaction in mapped memory. LMDB lets one in at a time and cleans up after a process that
was killed, so counts are exact for any number of processes and outlive them all; a power loss may take the last second.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import lmdb
from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from keydesk.core.gcra import DAY_SECONDS, EMPTY, Count, Spent, spend
from keydesk.core.limits import Bucket
from keydesk.limits.ledger import LedgerUnavailable

FILE_NAME: Final = "counts-v1.lmdb"
MAP_BYTES: Final = 1 << 34
"""16 GiB of address space, not of disk."""
HEADROOM_BYTES: Final = 16 << 20
"""What is set aside on the disk beyond what is in use: a write into a hole of a full disk would end the process."""
LONGEST_KEPT_SECONDS: Final = 62 * DAY_SECONDS
PRUNED_AT_ONCE: Final = 1000
MAX_READERS: Final = 512

_encode: Final = Encoder().encode


class Kept(Struct, frozen=True, array_like=True):
    """A count as it lies in the file, and when it was last written (Unix seconds)."""

    mark: int
    spent: int
    written_at: int


_decode: Final = Decoder(Kept).decode


class HostLedger:
    """The counts of this host: `keydesk.limits.ledger.Ledger`, to be opened after a fork and once in a process."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the file, which is made if it is not there. Raises LedgerUnavailable."""
        path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor: Final = os.open(path, os.O_RDWR | os.O_CREAT, 0o660)
            self._set_aside = 0
            self._env: Final[Any] = lmdb.open(
                str(path),
                subdir=False,
                map_size=MAP_BYTES,
                max_readers=MAX_READERS,
                mode=0o660,
                writemap=True,
                sync=False,
                metasync=False,
                map_async=True,
                lib_version=0,
            )
            self._env.reader_check()
        except (lmdb.Error, OSError) as error:
            raise LedgerUnavailable(f"Calls cannot be counted in {path}: {error}") from error
        self._begin: Final = self._env.begin
        self._place = b""
        self.is_full = False
        self.keep_headroom()

    async def spend(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent:
        """Count a call against all its buckets, or none. Raises LedgerUnavailable."""
        if self.is_full:
            raise LedgerUnavailable("The disk of the counts is full.")
        try:
            with self._begin(write=True, buffers=True) as transaction:
                counts = [to_count(transaction.get(bucket.place)) for bucket in buckets]
                spent, after = spend(buckets, counts, cost=cost, now=now)
                if after is None:
                    return spent
                for bucket, count in zip(buckets, after, strict=True):
                    kept = Kept(count.mark, count.spent, int(now))
                    transaction.put(bucket.place, _encode(kept))
                return spent
        except lmdb.Error as error:
            raise LedgerUnavailable(f"Calls cannot be counted: {error}") from error

    def keep_headroom(self) -> None:
        """Set disk aside beyond what is in use, and note whether there is none left; call it every second."""
        info, page = self._env.info(), self._env.stat()["psize"]
        wanted = (info["last_pgno"] + 1) * page + HEADROOM_BYTES
        try:
            if wanted - HEADROOM_BYTES // 2 > self._set_aside:
                os.posix_fallocate(self._descriptor, 0, wanted)
                self._set_aside = wanted
            self.is_full = False
        except OSError:
            self.is_full = wanted - HEADROOM_BYTES // 4 > self._set_aside

    def save(self) -> None:
        """Bring what was counted to the disk. It may take as long as the disk does; counting goes on meanwhile."""
        self._env.sync(True)

    def prune(self, now: float | None = None) -> int:
        """Forget counts that no limit can need any more, a thousand places further at each call; give how many."""
        horizon = (time.time() if now is None else now) - LONGEST_KEPT_SECONDS
        forgotten = 0
        with self._begin(write=True) as transaction, transaction.cursor() as cursor:
            found = cursor.set_range(self._place)
            for _ in range(PRUNED_AT_ONCE):
                if not found:
                    break
                kept = _decode(cursor.value())
                if kept.written_at < horizon:
                    found = cursor.delete() and bool(cursor.key())
                    forgotten += 1
                else:
                    found = cursor.next()
            self._place = bytes(cursor.key()) if found else b""
        return forgotten

    def close(self) -> None:
        """Close the file."""
        self._env.close()
        os.close(self._descriptor)


def to_count(raw: Any) -> Count:
    """Give the count that lies in the file under a place, the empty one if there is nothing."""
    if raw is None:
        return EMPTY
    kept = _decode(raw)
    return Count(kept.mark, kept.spent)
