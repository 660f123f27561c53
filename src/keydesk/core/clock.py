"""Where time comes from: everything that needs the moment is handed one of these, so tests can turn it."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""A function that gives the present moment in seconds since the Unix epoch."""

system_clock: Clock = time.time
