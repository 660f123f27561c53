"""The decision by itself, in a process of its own: one view of the replica, the whole order of checks.

Arguments: the replica's folder and the file of keys. Prints the microseconds of processor time that a decision takes,
the median of the rounds; what else runs on the machine does not count.
"""

import random
import statistics
import sys
import time
from itertools import islice
from pathlib import Path

from keys import PRODUCT
from servers import PEPPER

from keydesk.core.decide import Decider, Question
from keydesk.core.digest import key_digester
from keydesk.core.keyformat import KeyFormat
from keydesk.replica.store import Reader

ROUNDS = 7
DECISIONS = 50_000


def main() -> None:
    """Measure and print."""
    reader = Reader(Path(sys.argv[1]))
    with Path(sys.argv[2]).open() as file:
        keys = [line.strip() for line in islice(file, 1_000_000)]
    decide = Decider(KeyFormat("kd"), key_digester(PEPPER)).decide
    drawn = random.Random(3)
    figures = []
    for _ in range(ROUNDS):
        asked = [drawn.choice(keys) for _ in range(DECISIONS)]
        started = time.process_time()
        for key in asked:
            with reader.rows() as rows:
                decide(rows, Question(key, PRODUCT, "live"), time.time())
        figures.append((time.process_time() - started) / DECISIONS * 1e6)
    sys.stdout.write(f"{statistics.median(figures):.3f}\n")


if __name__ == "__main__":
    main()
