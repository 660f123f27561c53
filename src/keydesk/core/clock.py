"""Where the verifier's time comes from: what decides is handed one of these, so that tests can turn it.

The control plane mostly takes the moment by itself, when it writes a row.
"""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""A function that gives the present moment in seconds since the Unix epoch."""

system_clock: Clock = time.time
