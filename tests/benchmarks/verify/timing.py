"""The processor time of one call in this process; what else runs on the machine does not count.

It needs nothing but Python, so that the peers' own environments can use it too.
"""

import random
import statistics
import time

ROUNDS = 7
CALLS = 20_000


def microseconds_of(call, given):
    """Give the microseconds of a call with each of these in a random order: the median of the rounds."""
    drawn, figures = random.Random(3), []
    for _ in range(ROUNDS):
        asked = [drawn.choice(given) for _ in range(CALLS)]
        started = time.process_time()
        for each in asked:
            call(each)
        figures.append((time.process_time() - started) / CALLS * 1e6)
    return statistics.median(figures)
