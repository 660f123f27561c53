"""Taking home what this host's verifiers have counted, straight from their spool."""

import logging
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.usage.actions import record_usage
from keydesk.core.strict_json import NotStrictError
from keydesk.core.usage import batch_text, read_batch
from keydesk.host.spool import SpoolReader

BATCH_BYTES: Final = 512 * 1024
"""About what a page may have to wait for, while SQLite takes one batch."""

logger: Final = logging.getLogger(__name__)


class HostSpool:
    """What this host's verifiers have left, and how far this process has taken it."""

    def __init__(self, folder: Path) -> None:
        """Takes the spool's folder."""
        self._reader: Final = SpoolReader(folder)
        self._told_of: set[str] = set()

    def drain(self) -> int:
        """Take everything there is, and give how many entries; with the database away it stays in the spool."""
        return self._reader.drain(self._take, most_bytes=BATCH_BYTES)

    def _take(self, source: str, entries: list[bytes]) -> bool:
        """Take entries of one process; those that this version cannot read wait for one that can."""
        try:
            batch = read_batch(batch_text(source, entries))
        except NotStrictError as error:
            if source not in self._told_of:
                logger.warning("What %s counted cannot be read and waits: %s", source, error)
            self._told_of.add(source)
            return False
        recorded = record_usage(HOST_OPERATOR, batch=batch)
        if recorded.left_out:
            logger.warning(
                "%d requests that %s counted had keys that are not in the database.",
                recorded.left_out,
                source,
            )
        return True


@cache
def spool_of(folder: Path) -> HostSpool:
    """Give this process's one reader of a spool."""
    return HostSpool(folder)


def drain_usage() -> int:
    """Take what this host's verifiers have counted, and give how many entries that were."""
    return spool_of(settings.KEYDESK.usage_dir).drain()
