"""How a fault in a check is logged: what failed where, and nothing that a caller sent."""

import logging
import time
from pathlib import PurePath
from traceback import extract_tb
from typing import Final

from keydesk.config import ConfigError

LOG_INTERVAL_SECONDS: Final = 1.0

logger: Final = logging.getLogger(__name__)


class FaultLog:
    """Logs what failed where, once a second at most: at every call it would fill a disk."""

    def __init__(self, what: str) -> None:
        """Takes what it is that fails."""
        self._what: Final = what
        self._told_at = -LOG_INTERVAL_SECONDS

    def tell(self, error: Exception, *more: str) -> None:
        """Log an error and what more there is to say.

        Its text is left out, for it can hold a secret or what a caller sent; but for what an operator has to mend,
        which is said for them: a setting, or a file that the system does not give.
        """
        now = time.monotonic()
        if now - self._told_at >= LOG_INTERVAL_SECONDS:
            self._told_at = now
            logger.error("%s: %s", self._what, ", ".join([described(error), *more]))


def described(error: BaseException) -> str:
    """Give what a log may say of an error: a setting's fault in its own words, else the class, file and places."""
    if isinstance(error, ConfigError):
        return str(error)
    frames = reversed(extract_tb(error.__traceback__)[-3:])
    places = " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames)
    name = type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        name += f" ({error.strerror}: {error.filename})"
    return f"{name} at {places}"
