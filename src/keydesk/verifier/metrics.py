"""What the verifier counts, and how Prometheus reads it.

Each worker counts in a small file of its own, mapped into memory, so that a count costs a fraction of a microsecond and
outlives a killed worker; the main process adds the files up when it is asked. It must never hold anything about a
caller: doors, codes, durations, the replica's age and clock, a store that was away, and connections too many.
"""

import mmap
import os
import time
from array import array
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from keydesk.core.codes import Code
from keydesk.host.spool import waiting_bytes
from keydesk.replica.store import Status


class Door(StrEnum):
    """Where a question came in."""

    AUTHORIZE = "authorize"
    VERIFY = "verify"


CODES: Final = tuple(Code)
SHIFT: Final = 12
"""The first bucket ends at 2^12 nanoseconds, each further one at twice the one before."""
BUCKETS: Final = 16
BOUNDS: Final = (*(f"{2 ** (SHIFT + step) / 1e9:.9f}" for step in range(BUCKETS - 1)), "+Inf")

DURATIONS: Final = len(CODES)
TOTAL: Final = DURATIONS + BUCKETS
DOOR_CELLS: Final = TOTAL + 1
REPLICA: Final = DOOR_CELLS * len(Door)
SEEN_AT, CONFIRMED_AT, REVISION, REFUSED, CLOCK = range(REPLICA, REPLICA + 5)
AWAY, TURNED_AWAY = range(CLOCK + 1, CLOCK + 3)
SAME_CLOCK: Final = 1 << 62
"""Stands where the two clocks agree: a cell holds no negative number, and zero where nothing is known."""
USAGE: Final = TURNED_AWAY + 1
OVERFLOWED, DROPPED, WAITING = range(USAGE, USAGE + 3)
CELLS: Final = WAITING + 1
CELL_BYTES: Final = 8
MILLISECONDS: Final = 1000

Count = Callable[[Code, int], None]
"""Counts one decision: its code, and `time.perf_counter_ns()` from when its request came."""


class Tally:
    """One process's counts; a successor with the same process id goes on where the file ends."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder that the main process adds up."""
        with (folder / f"{os.getpid()}.tally").open("a+b") as file:
            file.truncate(CELLS * CELL_BYTES)
            self._cells: Final = memoryview(mmap.mmap(file.fileno(), CELLS * CELL_BYTES)).cast("Q")

    def counter(self, door: Door) -> Count:
        """Give the function that counts decisions at a door."""
        cells, now = self._cells, time.perf_counter_ns
        start = DOOR_CELLS * list(Door).index(door)
        cell_of = {code: start + place for place, code in enumerate(CODES)}
        durations, total = start + DURATIONS, start + TOTAL

        def count(code: Code, started: int) -> None:
            elapsed = now() - started
            bucket = (elapsed >> SHIFT).bit_length()
            cells[cell_of[code]] += 1
            cells[durations + (bucket if bucket < BUCKETS else BUCKETS - 1)] += 1
            cells[total] += elapsed

        return count

    def count_away(self) -> None:
        """Count a call that came while the shared store of counts was away."""
        self._cells[AWAY] += 1

    def count_turned_away(self) -> None:
        """Count a connection that was turned away because the process had as many as it takes."""
        self._cells[TURNED_AWAY] += 1

    def note_replica(self, status: Status, now: float) -> None:
        """Keep how the replica stands at the moment `now` (Unix seconds), for the main process to tell."""
        self._cells[CONFIRMED_AT] = max(0, int((status.confirmed_at or 0) * MILLISECONDS))
        self._cells[REVISION] = status.revision
        self._cells[REFUSED] = status.refused_rows
        ahead = status.clock_ahead_seconds
        self._cells[CLOCK] = 0 if ahead is None else SAME_CLOCK + round(ahead * MILLISECONDS)
        self._cells[SEEN_AT] = int(now * MILLISECONDS)

    def note_usage(self, *, overflowed: int, dropped: int, waiting_bytes: int) -> None:
        """Keep how counting goes: requests not told apart, entries given up, and bytes that could not be written."""
        self._cells[OVERFLOWED] = overflowed
        self._cells[DROPPED] = dropped
        self._cells[WAITING] = waiting_bytes


class TallyCollector(Collector):
    """Adds up the tallies of all workers, dead ones included, for Prometheus."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the tallies."""
        self._folder: Final = folder

    def collect(self) -> Iterator[Metric]:
        """Give the metrics as they stand now."""
        tallies = [read_tally(path) for path in self._folder.glob("*.tally")]
        counts = [sum(column) for column in zip(*tallies, strict=True)] or [0] * CELLS
        yield decisions(counts)
        yield durations(counts)
        yield CounterMetricFamily(
            "keydesk_limits_away",
            "Calls with limits that came while the shared store of counts was away.",
            value=counts[AWAY],
        )
        yield CounterMetricFamily(
            "keydesk_connections_turned_away",
            "Connections that got 503 at once, because a worker had as many as it takes.",
            value=counts[TURNED_AWAY],
        )
        newest = max(
            tallies, key=lambda cells: cells[SEEN_AT], default=array("Q", bytes(CELLS * CELL_BYTES))
        )
        yield from replica_gauges(newest)
        yield from usage_figures(counts)


def read_tally(path: Path) -> "array[int]":
    """Give the cells of a tally; a file that its worker has not filled yet counts as zeros."""
    return array("Q", path.read_bytes().ljust(CELLS * CELL_BYTES, b"\0"))


def decisions(counts: list[int]) -> Metric:
    """Give how many decisions each door gave, by code; codes that never came are left out."""
    family = CounterMetricFamily(
        "keydesk_decisions", "Decisions by door and code.", labels=["door", "code"]
    )
    for place, door in enumerate(Door):
        for step, code in enumerate(CODES):
            if count := counts[place * DOOR_CELLS + step]:
                family.add_metric([door, code], count)
    return family


def durations(counts: list[int]) -> Metric:
    """Give how long requests took inside the verifier, from the first line of its code to the answer."""
    family = HistogramMetricFamily(
        "keydesk_request_duration_seconds", "Time inside the verifier.", labels=["door"]
    )
    for place, door in enumerate(Door):
        start = place * DOOR_CELLS
        steps = accumulate(counts[start + DURATIONS : start + TOTAL])
        family.add_metric(
            [door], list(zip(BOUNDS, steps, strict=True)), sum_value=counts[start + TOTAL] / 1e9
        )
    return family


def replica_gauges(cells: "array[int]") -> Iterator[Metric]:
    """Give the replica's revision and refused rows, its age now and its host's clock, as far as they are known."""
    yield GaugeMetricFamily(
        "keydesk_replica_revision", "The last revision in the replica.", value=cells[REVISION]
    )
    yield GaugeMetricFamily(
        "keydesk_replica_refused_rows",
        "Published rows that the replica did not take over, for a wrong MAC for instance.",
        value=cells[REFUSED],
    )
    if confirmed_at := cells[CONFIRMED_AT] / MILLISECONDS:
        yield GaugeMetricFamily(
            "keydesk_replica_age_seconds",
            "Seconds since the source last confirmed the replica as current.",
            value=max(0.0, time.time() - confirmed_at),
        )
    if clock := cells[CLOCK]:
        yield GaugeMetricFamily(
            "keydesk_clock_ahead_seconds",
            "By how much this host's clock is ahead of the database's, negative if it is behind.",
            value=(clock - SAME_CLOCK) / MILLISECONDS,
        )


def usage_figures(counts: list[int]) -> Iterator[Metric]:
    """Give how the counting of usage goes, in all workers together."""
    yield CounterMetricFamily(
        "keydesk_usage_overflow",
        "Requests counted without their key or address, because there were too many of them.",
        value=counts[OVERFLOWED],
    )
    yield CounterMetricFamily(
        "keydesk_usage_dropped_entries",
        "Entries given up because the disk could not be written for too long.",
        value=counts[DROPPED],
    )
    yield GaugeMetricFamily(
        "keydesk_usage_waiting_bytes",
        "What waits in memory because the disk cannot be written.",
        value=counts[WAITING],
    )


class SpoolCollector(Collector):
    """Tells how much usage waits on this host to be carried to the desk."""

    def __init__(self, folder: Path) -> None:
        """Takes the spool's folder."""
        self._folder: Final = folder

    def collect(self) -> Iterator[Metric]:
        """Give the metric as it stands now."""
        yield GaugeMetricFamily(
            "keydesk_usage_spool_bytes",
            "Usage on this host's disk that the desk has not taken yet.",
            value=waiting_bytes(self._folder),
        )
