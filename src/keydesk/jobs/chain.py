"""Keeping the chain of audit events: what was written is entered, and where it stands is noted outside."""

import logging
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from keydesk.control.chain.actions import EVENTS_AT_ONCE, enter_events
from keydesk.control.chain.checkpoints import add_checkpoint
from keydesk.control.chain.queries import Head, chain_head, is_entry

CHECKPOINT_SECONDS: Final = 60.0
CHECKPOINT_ENTRIES: Final = 1_000
ENTERING_SECONDS: Final = 2.0
"""So long it enters in one go, if there is so much: the worker has other tasks too."""
FAILURES_TOLD: Final = 3
"""After so many in a row it is told: another worker may have been first once, or twice."""

logger: Final = logging.getLogger(__name__)


class Keeper:
    """Enters events, and adds a checkpoint if there is something new and the last one is old or far behind."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Takes the file of checkpoints. The first one is added at once, since a file may be another than before."""
        self._path: Final = path
        self._monotonic: Final = monotonic
        self._size = 0
        self._due_at = monotonic()
        self._is_failing = False
        self._failures = 0
        self._seen = Head(0, b"")

    def keep(self) -> None:
        """Do it once, and leave for the next time what takes long.

        What cannot be done, as where somebody has put into the database what nobody can read, is told of and tried
        again: it ends no other task. Nor does a file that cannot be written, and it holds up no event. Raises
        DatabaseError if the database does not answer.
        """
        try:
            self._keep()
        except Exception:
            if not connection.is_usable():
                raise
            self._failures += 1
            if self._failures == FAILURES_TOLD:
                logger.exception("No event can be entered into the chain of the audit trail.")
        else:
            self._failures = 0

    def _keep(self) -> None:
        until = self._monotonic() + ENTERING_SECONDS
        self._look_back()
        while True:
            entered = enter_events()
            self._seen = chain_head()
            self._check(self._seen)
            if entered < EVENTS_AT_ONCE or self._monotonic() >= until:
                return

    def _look_back(self) -> None:
        """Tell of it once if the entry that was the last one is gone or is another: nobody does this in Keydesk."""
        if self._seen.number and not is_entry(self._seen):
            logger.error(
                "Entry %s of the audit trail was taken away or exchanged: run `keydesk audit verify` with a copy of "
                "the checkpoints.",
                self._seen.number,
            )
            self._seen = Head(0, b"")

    def _check(self, head: Head) -> None:
        is_due = self._monotonic() >= self._due_at or head.number - self._size >= CHECKPOINT_ENTRIES
        if head.number == self._size or not is_due:
            return
        try:
            add_checkpoint(self._path, head)
        except OSError as error:
            if not self._is_failing:
                logger.warning("No checkpoint of the audit trail can be written: %s", error)
            self._is_failing = True
            return
        self._is_failing = False
        self._size, self._due_at = head.number, self._monotonic() + CHECKPOINT_SECONDS


@cache
def keeper_of(path: Path) -> Keeper:
    """Give this process's one keeper with this file."""
    return Keeper(path)


def keep_chain() -> None:
    """Enter what was written since, and add a checkpoint if one is due."""
    keeper_of(settings.KEYDESK.checkpoints_path).keep()
