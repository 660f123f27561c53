"""The processor time of one call in this process, with what its other threads do for it meanwhile.

It needs nothing but Python, so that the peers' own environments can use it too.
"""

import random
import time

WARMING, BATCHES = 400, 2_400
BATCH = 50
"""So many are prepared at a time: what a server has just read from a socket lies in the processor's cache."""


def microseconds_of(call, given, prepare):
    """Give the microseconds of a call with any of these, as it is once it was prepared: the mean, warmed up.

    What other threads do now and then is in it whenever it happens; a median of short rounds would leave it out.
    """
    drawn = random.Random(3)
    spent_on(call, given, prepare, batches=WARMING, drawn=drawn)
    spent = spent_on(call, given, prepare, batches=BATCHES, drawn=drawn)
    return spent / BATCHES / BATCH * 1e6


def spent_on(call, given, prepare, *, batches, drawn):
    """Give the seconds that this process spends on calls, all but their preparation."""
    began, preparing = time.process_time(), 0.0
    for _ in range(batches):
        started = time.thread_time()
        asked = [prepare(drawn.choice(given)) for _ in range(BATCH)]
        preparing += time.thread_time() - started
        for each in asked:
            call(each)
    return time.process_time() - began - preparing


def fresh(text):
    """Give a text anew, as a server makes it of a request's bytes."""
    return text.encode().decode()
