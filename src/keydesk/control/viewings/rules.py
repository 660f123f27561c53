"""How long a viewing may last; pure."""

from typing import Final

LONGEST_SECONDS: Final = 30 * 60
