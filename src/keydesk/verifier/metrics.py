"""What the verifier counts, and how Prometheus reads it.

Each worker counts in a small file of its own, mapped into memory, so that a count costs a fraction of a microsecond and
outlives a killed worker; the main process adds the files up when it is asked. It must never hold anything about a
caller: doors, codes, durations, the replica's age and a store that was away, nothing else.
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
SEEN_AT, CONFIRMED_AT, REVISION, REFUSED, AWAY = range(REPLICA, REPLICA + 5)
CELLS: Final = AWAY + 1
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

    def note_replica(self, status: Status, now: float) -> None:
        """Keep how the replica stands at the moment `now` (Unix seconds), for the main process to tell."""
        self._cells[CONFIRMED_AT] = int((status.confirmed_at or 0) * MILLISECONDS)
        self._cells[REVISION] = status.revision
        self._cells[REFUSED] = status.refused_rows
        self._cells[SEEN_AT] = int(now * MILLISECONDS)


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
        newest = max(
            tallies, key=lambda cells: cells[SEEN_AT], default=array("Q", bytes(CELLS * CELL_BYTES))
        )
        yield from replica_gauges(newest)


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
    """Give the replica's revision and refused rows, and its age now, if it was ever confirmed."""
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
