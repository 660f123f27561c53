"""The ids of rows that leave this database: a prefix that says what they name, and 100 random bits."""

import secrets
from typing import Final

ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
RANDOM_LENGTH: Final = 20
ID_LENGTH: Final = 24


def new_id(prefix: str) -> str:
    """Give a new id such as `key_` and 20 lower-case base32 characters for the prefix `key`."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
