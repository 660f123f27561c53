"""The processor time of one call in this process; what else runs on the machine does not count.

It needs nothing but Python, so that the peers' own environments can use it too.
"""

import random
import statistics
import time

ROUNDS = 7
BATCHES = 400
BATCH = 50
"""So many are prepared at a time: what a server has just read from a socket lies in the processor's cache."""


def microseconds_of(call, given, prepare):
    """Give the microseconds of a call with any of these, as it is once it was prepared: the median of the rounds."""
    drawn, figures = random.Random(3), []
    for _ in range(ROUNDS):
        spent = 0.0
        for _ in range(BATCHES):
            asked = [prepare(drawn.choice(given)) for _ in range(BATCH)]
            started = time.process_time()
            for each in asked:
                call(each)
            spent += time.process_time() - started
        figures.append(spent / BATCHES / BATCH * 1e6)
    return statistics.median(figures)


def fresh(text):
    """Give a text anew, as a server makes it of a request's bytes."""
    return text.encode().decode()
