"""The shape of a key: `<marker>_<env>_<43 base62 characters><6 base62 characters of CRC-32>`.

The checksum drops typing errors and garbage before any look-up and lets scanners confirm a find; it is no
security measure. A service credential has the same shape under the marker with an `s` behind it.
"""

import re
import secrets
import zlib
from typing import Final

from keydesk.core.records import Environment

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH: Final = 43
CHECKSUM_LENGTH: Final = 6
SHOWN_LENGTH: Final = 4
_TWO_DIGITS: Final = len(ALPHABET) ** 2
_FOUR_DIGITS: Final = len(ALPHABET) ** 4
_PAIRS: Final = [first + second for first in ALPHABET for second in ALPHABET]


class KeyFormat:
    """The key format under one installation's marker."""

    def __init__(self, marker: str) -> None:
        """Takes the marker: 2 to 8 lower-case letters, 9 with the `s` of service credentials.

        Raises ValueError for any other text.
        """
        if not re.fullmatch(r"[a-z]{2,9}", marker):
            raise ValueError(f"A key marker is 2 to 8 lower-case letters, not {marker!r}.")
        self.marker: Final = marker
        environments = "|".join(Environment)
        tail = RANDOM_LENGTH + CHECKSUM_LENGTH
        self._is_shaped: Final = re.compile(
            rf"{marker}_(?:{environments})_[0-9A-Za-z]{{{tail}}}", re.ASCII
        ).fullmatch

    def mint(self, environment: Environment) -> str:
        """Give a new key for the environment: 43 characters drawn without bias (256 bits), and their checksum."""
        random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
        body = f"{self.marker}_{environment}_{random}"
        return body + checksum(body)

    def is_well_formed(self, text: str) -> bool:
        """Say whether a credential has the right marker, environment, alphabet, length and checksum."""
        return self._is_shaped(text) is not None and text[-CHECKSUM_LENGTH:] == checksum(
            text[:-CHECKSUM_LENGTH]
        )

    def shown_prefix(self, key: str) -> str:
        """Give the part of a key that may be shown anywhere: marker, environment, first four random characters."""
        return key[: -(RANDOM_LENGTH + CHECKSUM_LENGTH - SHOWN_LENGTH)]


def checksum(body: str) -> str:
    """Give the CRC-32 (ISO-HDLC, as in RFC 1952) of the text before it, as six base62 digits, highest first."""
    high, rest = divmod(zlib.crc32(body.encode()), _FOUR_DIGITS)
    middle, low = divmod(rest, _TWO_DIGITS)
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


def service_marker(marker: str) -> str:
    """Give the marker of service credentials for an installation's key marker."""
    return marker + "s"
