"""Processes that do the same work side by side: one that ends is replaced, and all end with their parent."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import Final

from keydesk.host.lifeline import die_with_parent

QUICK_SECONDS: Final = 5.0
"""A worker that ends sooner than this has not come to its work."""
MOST_QUICK_ENDS: Final = 10
PAUSE_SECONDS: Final = 0.2

_fork: Final = multiprocessing.get_context("fork")


def keep_working(work: Callable[[], None], *, count: int, stop_seconds: float) -> None:
    """Run `work` in so many child processes until SIGTERM or SIGINT, then stop them within the time given.

    Children get SIGTERM, and SIGKILL when the time is over. Raises SystemExit if they keep ending at once.
    """
    woken, wake = os.pipe()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        os.write(wake, b"!")

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    parent, quick_ends = os.getpid(), 0
    crew = {start(work, parent): time.monotonic() for _ in range(count)}
    try:
        while True:
            ready = wait([woken, *(process.sentinel for process in crew)])
            if woken in ready:
                return
            for process in [each for each in crew if each.sentinel in ready]:
                lived = time.monotonic() - crew.pop(process)
                process.join()
                quick_ends = quick_ends + 1 if lived < QUICK_SECONDS else 0
                if quick_ends > MOST_QUICK_ENDS:
                    sys.exit("The workers keep ending as soon as they begin.")
                if lived < QUICK_SECONDS:
                    time.sleep(PAUSE_SECONDS)
                crew[start(work, parent)] = time.monotonic()
    finally:
        end(list(crew), seconds=stop_seconds)
        for each, handler in before.items():
            signal.signal(each, handler)
        os.close(woken)
        os.close(wake)


def start(work: Callable[[], None], parent: int) -> ForkProcess:
    """Start a child that works until it is told to stop, and that dies with its parent."""

    def run() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        die_with_parent(parent)
        work()

    process = _fork.Process(target=run)
    process.start()
    return process


def end(crew: list[ForkProcess], *, seconds: float) -> None:
    """Ask processes to end, and kill those that have not when the time is over."""
    deadline = time.monotonic() + seconds
    for process in crew:
        process.terminate()
    for process in crew:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
