"""Between which bounds a provider may set each policy; pure."""

import re
from typing import Final, NamedTuple

BRAND_LENGTH: Final = 40
COLOUR: Final = re.compile(r"#[0-9a-f]{6}", re.ASCII)


class Bounds(NamedTuple):
    """The smallest and the largest value of a policy that is a number."""

    least: int
    most: int


NUMBERS: Final[dict[str, Bounds]] = {
    "pin_min_digits": Bounds(6, 12),
    "pin_tries": Bounds(3, 5),
    "pin_lock_minutes": Bounds(5, 24 * 60),
    "pin_reset_cooldown_minutes": Bounds(0, 7 * 24 * 60),
    "password_min_length": Bounds(15, 64),
    "privileged_idle_minutes": Bounds(5, 60),
    "idle_minutes": Bounds(5, 120),
    "session_hours": Bounds(1, 24),
    "keys_a_product": Bounds(1, 10_000),
}
"""Every policy that is a number, with its bounds; the strictest sensible value is always among them."""
