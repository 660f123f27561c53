"""The worker's loop: short tasks, each when it is due, through every outage of the database."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from django.db import InterfaceError, OperationalError, connection

TICK_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


class Task(NamedTuple):
    """Work that is done again and again; it must be safe to do twice."""

    name: str
    every_seconds: float
    run: Callable[[], object]


def run_worker(
    tasks: Sequence[Task],
    *,
    stop: threading.Event,
    tick_seconds: float = TICK_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Run each task when it is due, until `stop` is set.

    While the database does not answer, everything is tried again each tick; an outage is logged at its beginning
    and at its end. A fault in a task itself ends the worker: the supervisor starts it again, and the log has it.
    """
    due_at = {task.name: 0.0 for task in tasks}
    is_out = False
    while not stop.is_set():
        try:
            for task in tasks:
                if monotonic() >= due_at[task.name]:
                    task.run()
                    due_at[task.name] = monotonic() + task.every_seconds
            if is_out:
                logger.warning("The database answers again.")
            is_out = False
        except (OperationalError, InterfaceError) as error:
            if not is_out:
                logger.warning("The database does not answer, and the worker waits: %s", error)
            is_out = True
            connection.close()
        stop.wait(tick_seconds)
