"""Between which bounds a provider may set each policy; pure."""

import re
from typing import Any, Final, NamedTuple

from keydesk.control.access.names import is_name
from keydesk.control.policies.colours import is_legible

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
    "usage_minutes_hours": Bounds(48, 14 * 24),
    "usage_hours_days": Bounds(31, 400),
    "refused_requests_days": Bounds(1, 365),
}
"""Every policy that is a number, with its bounds; the strictest sensible value is always among them."""
FLAGS: Final = ("mfa_for_managers", "four_eyes_on_approval", "four_eyes_on_live")
LANGUAGES: Final = ("", "en", "id")
"""The languages that the provider and each person may choose; the empty one is whoever's stands behind theirs."""


def fault_of(name: str, value: Any) -> str | None:
    """Say why a policy of this name cannot have this value: `invalid` or, of a colour, `too_light`; None if it can."""
    if name == "brand_colour" and is_colour(value):
        return None if is_legible(value) else "too_light"
    return None if stands(name, value) else "invalid"


def stands(name: str, value: Any) -> bool:
    """Say whether a policy of this name may have this value by its kind and bounds."""
    if name in NUMBERS:
        bounds = NUMBERS[name]
        return type(value) is int and bounds.least <= value <= bounds.most
    if name in FLAGS:
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    return {
        "brand_name": not value or is_name(value, longest=BRAND_LENGTH),
        "brand_colour": not value or is_colour(value),
        "default_language": value in LANGUAGES,
    }.get(name, False)


def is_colour(value: Any) -> bool:
    """Say whether this is a colour as it is stored: `#rrggbb` in lower case."""
    return isinstance(value, str) and COLOUR.fullmatch(value) is not None
