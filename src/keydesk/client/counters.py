"""The counts of limits for a process with many threads: the host's file behind a lock, Valkey on a loop of its own."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from keydesk.core.gcra import Spent
from keydesk.core.limits import Bucket
from keydesk.limits.host import HostLedger
from keydesk.limits.ledger import LedgerUnavailable
from keydesk.limits.valkey import CONNECT_SECONDS, SharedLedger

SPARE_SECONDS: Final = 1.0
"""How much longer than for Valkey a call waits for the loop that asks it."""
LATE: Final = "The thread that asks the shared store of counts does not answer."


class LockedLedger(HostLedger):
    """The host's file, which one thread of the process uses at a time."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the file, which is made if it is not there."""
        self._lock: Final = threading.Lock()
        super().__init__(folder)

    def spend(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent:
        """Count a call against all its buckets, or none. Raises LedgerUnavailable."""
        with self._lock:
            return super().spend(buckets, cost=cost, now=now)

    spend_now = spend

    def prune(self, now: float | None = None) -> int:
        """Forget counts that say nothing any more, a few at each call; give how many."""
        with self._lock:
            return super().prune(now)


class SharedCounter:
    """Valkey, asked over one connection that lives on a loop in a thread of its own."""

    def __init__(self, ledger: SharedLedger, *, wait_seconds: float) -> None:
        """Takes the ledger and how long a call may wait for it, and waits itself until it has connected or cannot."""
        self._ledger: Final = ledger
        self._wait_seconds: Final = wait_seconds + SPARE_SECONDS
        self._loop: Final = asyncio.new_event_loop()
        self._is_open: Final = threading.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._thread: Final = threading.Thread(target=self._run, name="keydesk-valkey", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads are to be had
            self._loop.close()
            raise
        self._is_open.wait(CONNECT_SECONDS + SPARE_SECONDS)

    def spend_now(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent:
        """Count a call against all its buckets, or none; the thread waits meanwhile. Raises LedgerUnavailable."""
        asked = asyncio.run_coroutine_threadsafe(
            self._ledger.spend(buckets, cost=cost, now=now), self._loop
        )
        try:
            return asked.result(self._wait_seconds)
        except TimeoutError:
            asked.cancel()  # a call that was refused is not counted once the store is there again
            raise LedgerUnavailable(LATE) from None

    async def spend(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent:
        """Count a call against all its buckets, or none; the caller's loop goes on. Raises LedgerUnavailable."""
        asked = asyncio.run_coroutine_threadsafe(
            self._ledger.spend(buckets, cost=cost, now=now), self._loop
        )
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await asyncio.wrap_future(asked)
        except TimeoutError:
            raise LedgerUnavailable(LATE) from None

    def close(self) -> None:
        """Close the connection and end the thread."""
        if self._keeping is not None:
            self._loop.call_soon_threadsafe(self._keeping.cancel)
        self._thread.join(SPARE_SECONDS)

    def _run(self) -> None:
        self._loop.run_until_complete(self._ledger.open())
        self._keeping = self._loop.create_task(self._ledger.keep())
        self._is_open.set()
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._keeping)
        self._loop.close()
