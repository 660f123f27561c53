"""Counting by itself, in a process of its own: what a call with one limit costs on the host's file and in Valkey.

Arguments: a folder for the file and Valkey's URL. Prints the microseconds of processor time that this process spends on
a call in each, the median of the rounds; Valkey's own time is not in it.
"""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

import uvloop

from keydesk.core.gcra import Spent
from keydesk.core.limits import Bucket, parse_limit
from keydesk.limits.host import HostLedger
from keydesk.limits.ledger import Ledger
from keydesk.limits.valkey import SharedLedger

ROUNDS = 7
CALLS = 20_000
CONCURRENT = 32
LIMIT = parse_limit("key:burst=100000000/3600s")
BUCKETS = [Bucket(b"key\0key_%020d\0burst\0003600" % number, LIMIT) for number in range(1000)]


async def calls(ledger: Ledger, count: int) -> None:
    """Count calls one after the other."""
    for number in range(count):
        spent = ledger.spend((BUCKETS[number % len(BUCKETS)],), cost=1, now=time.time())
        if not isinstance(spent, Spent):
            await spent


async def measured(ledger: Ledger) -> float:
    """Give the microseconds of a call where as many as in the load are under way at once."""
    figures = []
    for _ in range(ROUNDS):
        started = time.process_time()
        await asyncio.gather(*(calls(ledger, CALLS // CONCURRENT) for _ in range(CONCURRENT)))
        figures.append((time.process_time() - started) / CALLS * 1e6)
    return statistics.median(figures)


async def main() -> None:
    """Measure and print."""
    shared = SharedLedger(sys.argv[2], wait_seconds=5.0, meanwhile=None, count_away=lambda: None)
    await shared.open()
    figures = {
        "host": await measured(HostLedger(Path(sys.argv[1]))),
        "shared": await measured(shared),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    uvloop.run(main())
