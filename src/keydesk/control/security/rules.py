"""What a second factor is, and how a typed code is read; pure."""

from enum import StrEnum
from typing import Final

PASSKEY_NAME_LENGTH: Final = 60
TOTP_PERIOD_SECONDS: Final = 30
TOTP_STEPS: Final = (-1, 0, 1)
"""A phone's clock may be half a minute off; a code still counts once alone."""
CODE_LENGTH: Final = 40
"""Longer than any code with its spaces."""


class Kind(StrEnum):
    """What a person has that proves who they are; the values are allauth's."""

    RECOVERY_CODES = "recovery_codes"
    TOTP = "totp"
    PASSKEY = "webauthn"


FACTORS: Final = (Kind.TOTP, Kind.PASSKEY)
"""What counts as a second factor; recovery codes only stand in for one."""


class Method(StrEnum):
    """How a person confirmed that they are still there."""

    PASSWORD = "password"  # noqa: S105 - the name of a method
    CODE = "code"
    PASSKEY = "passkey"


def plain_code(text: str) -> str:
    """Give a code as it is compared: without the spaces and dashes that people read it in groups with."""
    return "".join(text.split()).replace("-", "")[:CODE_LENGTH]


def steps_around(moment: float) -> list[int]:
    """Give the numbers of the time steps whose codes count at a moment (RFC 6238, section 5.2)."""
    return [int(moment) // TOTP_PERIOD_SECONDS + step for step in TOTP_STEPS]
