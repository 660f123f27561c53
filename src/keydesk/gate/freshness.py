"""What every door's process says in its log of the replica that it decides from: late, current again, a wrong clock."""

import logging
from typing import Final, Protocol

from keydesk.replica.store import Status

LATE_SECONDS: Final = 2.0
"""From which age on a replica is late."""
MOST_SKEW_SECONDS: Final = 5.0
"""How far this host's clock may be from the database's before it is not fit to say what has expired."""
LATE: Final = (
    f"The replica is late: its source has not confirmed it for {LATE_SECONDS:g} seconds, or never. The replicator's "
    "log says why; requests get 503 once the lease has ended."
)

logger: Final = logging.getLogger(__name__)


class Watched(Protocol):
    """What knows how the replica stands."""

    def status(self) -> Status:
        """Give how the replica stands."""


class FreshnessLog:
    """Tells once what is wrong with the replica of this host, and once that it is over."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self._was_late = self._was_skewed = False

    def tell(self, status: Status | None, now: float) -> None:
        """Take how the replica stands at the moment `now` (Unix seconds), None if it cannot be read."""
        is_late = status is None or now - (status.confirmed_at or 0) > LATE_SECONDS
        if is_late != self._was_late:
            logger.warning(LATE if is_late else "The replica is current again.")
        self._was_late = is_late
        if status is not None:
            self._tell_clock(status.clock_ahead_seconds or 0.0)

    def _tell_clock(self, ahead_seconds: float) -> None:
        is_skewed = abs(ahead_seconds) > MOST_SKEW_SECONDS
        if is_skewed and not self._was_skewed:
            where = "ahead of" if ahead_seconds > 0 else "behind"
            logger.warning(
                "The clock of this host is %.1f s %s the database's.", abs(ahead_seconds), where
            )
        elif self._was_skewed and not is_skewed:
            logger.warning("The clock of this host is right again.")
        self._was_skewed = is_skewed


def status_of(store: Watched) -> Status | None:
    """Give how the replica stands, None if it cannot be read: a watch goes on whatever is wrong with it."""
    try:
        return store.status()
    except Exception:  # noqa: BLE001 - a fault here shows as a replica that is late
        return None
