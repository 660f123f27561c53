"""Keeping the chain of audit events: what was written is entered, and where it stands is noted outside."""

import logging
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings

from keydesk.control.chain.actions import EVENTS_AT_ONCE, enter_events
from keydesk.control.chain.checkpoints import add_checkpoint
from keydesk.control.chain.queries import chain_head

CHECKPOINT_SECONDS: Final = 60.0
CHECKPOINT_ENTRIES: Final = 1_000

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

    def keep(self) -> None:
        """Do it once; a file that cannot be written is told of and tried again, and holds up no event."""
        while True:
            entered = enter_events()
            self._check()
            if entered < EVENTS_AT_ONCE:
                return

    def _check(self) -> None:
        head = chain_head()
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
