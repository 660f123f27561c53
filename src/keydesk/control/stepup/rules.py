"""What a PIN may be, how often it may be tried, and which actions it guards; pure, no clock and no database."""

import re
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

MIN_DIGITS: Final = 6
"""No policy lets a PIN be shorter."""
MAX_DIGITS: Final = 12
TRIES_IN_TOTAL: Final = 10
"""Wrong tries in a row, over all pauses and under every policy, before only a reset helps."""
GRANT_SECONDS: Final = 120
CHALLENGE_SECONDS: Final = 5 * 60
"""How long a passkey may be asked for; a person looks for it meanwhile."""
LINK_SECONDS: Final = 30 * 60


class PinPolicy(NamedTuple):
    """What the provider has decided about PINs."""

    min_digits: int
    tries: int
    """Wrong tries in a row before a pause; every one is counted before it is evaluated."""
    lock_seconds: int
    cooldown_seconds: int
    """How long keys cannot be seen again after a PIN was replaced through a mailed link."""


_COMMONEST_TEXT: Final = """
    123698 124578 125689 131420 134679 134779 135246 136900 139713 139742 141421 142536 142857
    145236 159632 159874 161803 178500 192837 193728 201314 202122 235689 246810 246813 248163
    271828 292513 314159 369121 420690 421365 485769 520134 521314 563412 584520 635241 748596
    794613 852036 867530 871421 976431 1029384 1123581 1357924 1470258 2468013 3141592 5201314
    8675309 10203040 12131415 12345600 12345687 13572468 14253678 14725836 20132014 24681357
    31415926 135792468 147258300 192837465 314159265 1029384756 2718281828 3141592653
    10203040506 010203040506
"""
COMMONEST: Final = frozenset(_COMMONEST_TEXT.split())
"""PINs that lists of leaked ones put on top and that no pattern below already refuses."""

FEW_DIGITS: Final = 2

LINES: Final = ("123", "456", "789", "147", "258", "369", "159", "357", "2580")
"""The straight lines of a keypad, which on phones and on keyboards are the same up to a mirror."""

RUNS: Final = tuple(("0123456789" * 2)[at:][:size] for at in range(10) for size in (3, 4, 5))
"""Counting up, after 9 with 0; every longer run is made of these."""

PATTERN: Final = re.compile(
    "(?:" + "|".join(part + "|" + part[::-1] for part in sorted({*LINES, *RUNS})) + ")+"
)

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2099
MONTH_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

DATE_LAYOUTS: Final = ("DMy", "MDy", "yMD", "YM", "MY", "DMY", "MDY", "YMD", "YDM")
"""How people write dates: D day, M month, y and Y a year of two and four digits."""


class GuardedAction(StrEnum):
    """An action that a member confirms with the PIN."""

    ACCOUNT_SET_NETWORKS = "account.set_networks"
    KEY_GENERATE = "key.generate"
    KEY_REGENERATE = "key.regenerate"
    KEY_RESTRICT = "key.restrict"
    KEY_REVEAL = "key.reveal"


class Purpose(StrEnum):
    """What a passkey is asked for: a guarded action, or to replace a forgotten PIN."""

    ACCOUNT_SET_NETWORKS = "account.set_networks"
    KEY_GENERATE = "key.generate"
    KEY_REGENERATE = "key.regenerate"
    KEY_RESTRICT = "key.restrict"
    KEY_REVEAL = "key.reveal"
    PIN_REPLACE = "pin.replace"


class Weakness(StrEnum):
    """Why a PIN is refused when it is set."""

    COMMON = "common"
    DATE = "date"
    KEYBOARD = "keyboard"
    PASSWORD = "password"  # noqa: S105 - the name of a reason
    PREVIOUS = "previous"
    REPEAT = "repeat"
    RUN = "run"
    SHAPE = "shape"


def has_pin_shape(pin: str) -> bool:
    """Say whether a text is 6 to 12 ASCII digits; digits of other scripts and spaces are not.

    The policy may ask for more of a new PIN, but one that was set before it did still confirms.
    """
    return MIN_DIGITS <= len(pin) <= MAX_DIGITS and pin.isascii() and pin.isdigit()


def weakness_of(pin: str, *, min_digits: int = MIN_DIGITS) -> Weakness | None:
    """Give the first reason why a new PIN is too short or too easy to guess, None if there is none."""
    if not has_pin_shape(pin) or len(pin) < min_digits:
        return Weakness.SHAPE
    checks = (
        (is_repeat, Weakness.REPEAT),
        (is_run, Weakness.RUN),
        (is_keyboard_pattern, Weakness.KEYBOARD),
        (is_date, Weakness.DATE),
        (COMMONEST.__contains__, Weakness.COMMON),
    )
    return next((weakness for check, weakness in checks if check(pin)), None)


def is_repeat(pin: str) -> bool:
    """Say whether a PIN is a shorter text again and again, digits in groups, or made of two digits only."""
    has_period = pin in (pin + pin)[1:-1]
    groups = 1 + sum(left != right for left, right in pairwise(pin))
    return has_period or len(set(pin)) <= FEW_DIGITS or groups <= len(pin) // 2


def is_run(pin: str) -> bool:
    """Say whether a PIN, but for its first or last digit, counts in equal steps (after 9 comes 0)."""
    return any(
        len({(int(right) - int(left)) % 10 for left, right in pairwise(part)}) == 1
        for part in (pin, pin[1:], pin[:-1])
    )


def is_keyboard_pattern(pin: str) -> bool:
    """Say whether a PIN is made of straight lines on a keypad and of short runs, in either direction."""
    return PATTERN.fullmatch(pin) is not None


def is_date(pin: str) -> bool:
    """Say whether a PIN can be read as a date, with a year of two digits or one from 1900 to 2099."""
    return any(_reads_as(pin, layout) for layout in DATE_LAYOUTS)


def _reads_as(pin: str, layout: str) -> bool:
    """Say whether a PIN fills the layout exactly and names a day that exists; any year may be a leap year."""
    sizes = [4 if part == "Y" else 2 for part in layout]
    if len(pin) != sum(sizes):
        return False
    ends = list(accumulate(sizes))
    parts = {
        part: int(pin[end - size : end])
        for part, size, end in zip(layout, sizes, ends, strict=True)
    }
    month, day, year = parts["M"], parts.get("D", 1), parts.get("Y", FIRST_YEAR)
    return (
        1 <= month <= len(MONTH_DAYS)
        and 1 <= day <= MONTH_DAYS[month - 1]
        and FIRST_YEAR <= year <= LAST_YEAR
    )
