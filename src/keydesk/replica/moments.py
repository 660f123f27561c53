"""Moments that a stepped clock cannot make younger: each is kept on the wall clock and on the machine's own.

The wall clock alone lies after somebody sets it back: an old replica would look fresh. The machine's clock since its
start only goes forward, counts while it sleeps, and is shared by all processes, but it means nothing after a restart
and stands still while a virtual machine is paused. So a moment has both, and whichever makes it older counts.
"""

import time
from typing import Final

from msgspec import Struct

from keydesk.host.boot import BOOT_ID

_TICKING: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Moment(Struct, frozen=True, array_like=True):
    """A moment: `at` in Unix seconds, `ticks` in seconds since the machine whose run is named `boot` started."""

    at: float
    ticks: float
    boot: str

    @classmethod
    def ago(cls, seconds: float = 0.0) -> "Moment":
        """Give the moment that lies so many seconds back, now without an argument."""
        return cls(time.time() - seconds, time.clock_gettime(_TICKING) - seconds, BOOT_ID)

    def earlier(self, seconds: float) -> "Moment":
        """Give the moment that lies so many seconds before this one."""
        return Moment(self.at - seconds, self.ticks - seconds, self.boot)

    def age_seconds(self) -> float | None:
        """Give how long ago the moment was, at most; None if nobody knows."""
        at = self.on_wall_clock()
        return None if at is None else max(0.0, time.time() - at)

    def on_wall_clock(self) -> float | None:
        """Give the moment in Unix seconds as of the present setting of the wall clock, never later than it was.

        Gives None for a moment of an earlier run of the machine that the wall clock says is still to come: nobody
        knows how old it is.
        """
        now = time.time()
        if self.boot and self.boot == BOOT_ID:
            return min(self.at, self.ticks + now - time.clock_gettime(_TICKING))
        return self.at if self.at <= now else None

    def ahead_of(self, clock: float) -> float | None:
        """Give by how many seconds, at least, the wall clock is ahead of one that was read between this moment and now.

        Takes what that one said, in Unix seconds. Gives a negative number if the wall clock is behind, zero if the two
        may agree, None if nobody knows: however long the reading took, it cannot look like a difference.
        """
        earliest = self.on_wall_clock()
        if earliest is None:
            return None
        return max(0.0, earliest - clock) + min(0.0, time.time() - clock)

    def is_before(self, other: "Moment") -> bool:
        """Say whether this moment lies before the other; a moment of another run of the machine always does."""
        return self.boot != other.boot or self.ticks < other.ticks
