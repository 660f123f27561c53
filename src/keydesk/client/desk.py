"""What one process of a service has of Keydesk: opened at first use, after a fork, and shared by all its threads."""

import asyncio
import logging
import os
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import ExitStack, closing
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Final, Self

from keydesk.client.calls import Need, Outcome
from keydesk.client.checker import Checker, unavailable
from keydesk.client.counters import LockedLedger, SharedCounter
from keydesk.config import Config, Secret, load_config
from keydesk.core.clock import Clock, system_clock
from keydesk.core.decide import Decision, Question
from keydesk.core.digest import key_digester
from keydesk.gate.answers import request_ids
from keydesk.gate.faults import FaultLog
from keydesk.gate.freshness import FreshnessLog, status_of
from keydesk.gate.guard import Header
from keydesk.gate.usage import FLUSH_SECONDS, Taken, UsageFlush, UsageMeter
from keydesk.host.spool import SpoolWriter, new_source
from keydesk.limits.valkey import MILLISECONDS, SharedLedger
from keydesk.replica.layout import ReplicaMissing
from keydesk.replica.store import Reader, ReplicaRows, Status

LEAVING_SECONDS: Final = 0.1
"""How long calls are refused before a replaced file is closed, so that no thread still reads it."""

logger: Final = logging.getLogger(__name__)


class SharedMeter:
    """A meter that many threads note in."""

    def __init__(self, meter: UsageMeter) -> None:
        """Takes the meter, which is not used otherwise."""
        self._meter: Final = meter
        self._lock: Final = threading.Lock()

    def note(self, decision: Decision, question: Question, request_id: str, now: float) -> None:
        """Count a decision at the moment `now` (Unix seconds)."""
        with self._lock:
            self._meter.note(decision, question, request_id, now)

    def take(self) -> Taken:
        """Give what was counted since the last time, and begin anew."""
        with self._lock:
            return self._meter.take()


class QuietBoard:
    """Where the flush tells how counting goes; the spool itself logs what goes wrong."""

    def note_usage(self, **_: int) -> None:
        """Do nothing."""


class SharedReader:
    """The replica for many threads: no view of it is given while a replaced file is left."""

    def __init__(self, reader: Reader) -> None:
        """Takes the process's reader of the folder."""
        self._reader: Final = reader
        self._is_leaving = False
        self.close: Final = reader.close

    def rows(self) -> ReplicaRows:
        """Give one consistent view. Raises ReplicaMissing."""
        if self._is_leaving:
            raise ReplicaMissing("This process goes over to another replica.")
        return self._reader.rows()

    def status(self) -> Status:
        """Give how the replica stands. Raises ReplicaMissing."""
        with self.rows() as rows:
            return rows.status()

    def tend(self) -> None:
        """Go over to another file if one lies in the place of the one that is open."""
        if self._reader.is_replaced():
            self._is_leaving = True
            time.sleep(LEAVING_SECONDS)
            self._reader.close()
            self._is_leaving = False


class Opened:
    """The files of one data folder in one process, and the thread that tends them once a second."""

    def __init__(self, config: Config) -> None:
        """Takes the configuration, which says where the files lie."""
        self.users = 0
        self.store: Final = SharedReader(Reader(config.replica_dir))
        meter = UsageMeter(config.key_marker)
        self.meter: Final = SharedMeter(meter)
        self._spool: Final = SpoolWriter(config.usage_dir, new_source())
        self._flush: Final = UsageFlush(meter, self._spool, QuietBoard())
        self._told: str | None = None
        self._freshness: Final = FreshnessLog()
        self._is_over: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._tend, name="keydesk", daemon=True)
        with ExitStack() as opened:
            self._host: Final = opened.enter_context(closing(LockedLedger(config.limits_dir)))
            self._shared: Final = shared_counter(config, self._host)
            if self._shared is not None:
                opened.enter_context(closing(self._shared))
            self.counter: Final = self._shared or self._host
            self._thread.start()
            opened.pop_all()  # all of it is there, and stays open
        # Unlike atexit, this is also run at the end of a process that multiprocessing has forked, as Granian does. The
        # files are left for the system to close: threads that end with the process may still read.
        self._finalizer: Final = Finalize(None, self.finish, exitpriority=0)

    def close(self) -> None:
        """Write what was counted, and close everything; no call may be under way."""
        self._finalizer.cancel()
        self.finish()
        if self._shared is not None:
            self._shared.close()
        self.store.close()
        self._host.close()

    def finish(self) -> None:
        """Write what was counted, and tend the files no longer."""
        self._is_over.set()
        self._thread.join()
        self._flush.write(self.meter.take())
        self._spool.close()

    def let_go(self) -> None:
        """Close the files, and write nothing: after a fork they are the parent's, and so is what was counted."""
        self._spool.close()
        self.store.close()
        self._host.close()

    def _tend(self) -> None:
        while not self._is_over.wait(FLUSH_SECONDS):
            try:
                self._flush.write(self.meter.take())
                self._host.keep()
                self._host.prune()
                self._host.save()
                self.store.tend()
            except Exception:
                logger.exception("What is counted could not be tended; it is tried again.")
            self._tell()

    def _tell(self) -> None:
        """Log when the replica is late or calls can no longer be counted on this host, and when that is over."""
        self._freshness.tell(status_of(self.store), time.time())
        fault = self._host.fault
        if fault != self._told:
            logger.warning(
                "Calls are %s on this host.", f"not counted: {fault}" if fault else "counted again"
            )
        self._told = fault


class Keydesk:
    """Checks calls in a service, over what Keydesk keeps on its host.

    Make one when the service starts, as often as you like: those of one data folder share what is open. A fork does
    not matter, for each process opens the files for itself, at its first call or with `open`.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        pepper: bytes | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Takes the configuration, which is else read as every command reads it, and the pepper, else a secret of it.

        Raises ConfigError if either cannot be had, ValueError if the pepper is not 32 bytes.
        """
        self._config: Final = config or load_config()
        self._digest: Final = key_digester(pepper or self._config.require_secret(Secret.PEPPER))
        self.data_dir: Final = self._config.data_dir
        """The folder that it decides over."""
        self._clock: Final = clock
        self._opened: Opened | None = None
        self._checker: Checker | None = None
        self._faults: Final = FaultLog("Keydesk cannot be opened")
        _KEYDESKS.add(self)

    @classmethod
    def at(cls, data_dir: Path | str, *, pepper: bytes | None = None) -> Self:
        """Give the one whose data folder this is. Raises ConfigError, ValueError."""
        return cls(load_config(data_dir=Path(data_dir)), pepper=pepper)

    def check(
        self, headers: Sequence[Header], need: Need, *, address: str | None, query: bytes = b""
    ) -> Outcome:
        """Give what comes of a call, from any thread; where Valkey counts, the thread waits for it.

        Takes the request's headers with names in lower case, byte for byte and duplicates included, what the call
        needs, the client's address if it is known, and the query string, which is only looked at for a notice.
        """
        checker = self._checker or self._ready()
        if checker is None:
            return unavailable(_new_request_id())
        return checker.check(headers, need, address=address, query=query)

    async def check_async(
        self, headers: Sequence[Header], need: Need, *, address: str | None, query: bytes = b""
    ) -> Outcome:
        """Give what comes of a call, as `check` does, on any loop."""
        checker = self._checker or await self._ready_async()
        if checker is None:
            return unavailable(_new_request_id())
        return await checker.check_async(headers, need, address=address, query=query)

    def open(self) -> None:
        """Open the files now, so that the first call need not; what cannot be opened is tried again at each call."""
        self._ready()

    def close(self) -> None:
        """Write what was counted and close the files, unless others use them; a further call opens them again."""
        with _LOCK:
            opened, self._opened, self._checker = self._opened, None, None
            if opened is not None:
                opened.users -= 1
                if opened.users == 0:
                    del _OPENED[self.data_dir]
                    opened.close()

    def _ready(self) -> Checker | None:
        """Give what checks in this process, None if it cannot be had at the moment."""
        try:
            with _LOCK:
                if self._checker is None:
                    self._open()
                return self._checker
        except Exception as error:  # noqa: BLE001 - then no call passes, whatever the reason
            self._faults.tell(error)
            return None

    async def _ready_async(self) -> Checker | None:
        """Give what checks, as `_ready` does, which may wait for a disk and for Valkey; the loop does not."""
        try:
            return await asyncio.to_thread(self._ready)
        except RuntimeError:
            # There is no thread to be had, or the loop is none of asyncio's.
            return self._ready()

    def _open(self) -> None:
        config = self._config
        opened = _OPENED.get(self.data_dir) or Opened(config)
        _OPENED[self.data_dir] = self._opened = opened
        opened.users += 1
        self._checker = Checker(
            config.key_marker,
            self._digest,
            store=opened.store,
            counter=opened.counter,
            meter=opened.meter,
            clock=self._clock,
        )

    def start_afresh_after_fork(self) -> None:
        """Let go of what the parent opened."""
        self._opened = self._checker = None


def close_all(data_dir: Path) -> None:
    """Close what this process has open of a data folder, before the folder goes."""
    for keydesk in list(_KEYDESKS):
        if keydesk.data_dir == data_dir:
            keydesk.close()
    with _LOCK:
        # Of one that nobody holds any more, the files are still open.
        if opened := _OPENED.pop(data_dir, None):
            opened.close()


def shared_counter(config: Config, host: LockedLedger) -> SharedCounter | None:
    """Give the counts in Valkey, None where each host counts by itself."""
    if config.valkey_url is None:
        return None
    wait_seconds = config.valkey_wait_ms / MILLISECONDS
    ledger = SharedLedger(
        config.valkey_url,
        wait_seconds=wait_seconds,
        meanwhile=host if config.limits_when_away == "local" else None,
        count_away=nothing,
    )
    return SharedCounter(ledger, wait_seconds=wait_seconds)


def nothing() -> None:
    """Do nothing: the ledger itself logs that Valkey is away."""


_LOCK = threading.RLock()
_OPENED: Final[dict[Path, Opened]] = {}
_KEYDESKS: Final[weakref.WeakSet[Keydesk]] = weakref.WeakSet()
_new_request_id = request_ids()


def _start_afresh_after_fork() -> None:
    global _LOCK, _new_request_id
    _LOCK, _new_request_id = threading.RLock(), request_ids()
    for keydesk in list(_KEYDESKS):
        keydesk.start_afresh_after_fork()
    for opened in _OPENED.values():
        opened.let_go()
    _OPENED.clear()


os.register_at_fork(after_in_child=_start_afresh_after_fork)
