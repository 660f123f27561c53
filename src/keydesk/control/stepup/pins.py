"""Hashing PINs: argon2id (RFC 9106) over an HMAC with the PIN pepper, in the slots of passwords."""

import hmac
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from django.conf import settings

from keydesk.config import Secret
from keydesk.control.people.passwords import SLOTS

HASHER: Final = PasswordHasher(
    time_cost=3, memory_cost=64 * 1024, parallelism=1, hash_len=32, salt_len=16
)


@cache
def pin_pepper() -> bytes:
    """Give the pepper of PIN hashes; raises ConfigError if it is nowhere."""
    return settings.KEYDESK.require_secret(Secret.PIN_PEPPER)


def hash_pin(pin: str, *, user_id: int) -> str:
    """Give the hash of a person's PIN with its parameters and salt (PHC string format)."""
    with SLOTS:
        return HASHER.hash(_peppered(pin, user_id))


def matches(pin: str, *, user_id: int, stored: str) -> bool:
    """Say whether this is the PIN behind the stored hash of this person; the one costly step of a try."""
    with SLOTS:
        try:
            return HASHER.verify(stored, _peppered(pin, user_id))
        except (InvalidHashError, VerificationError):
            # Wrong, or a hash that cannot be read: neither fits anybody.
            return False


def is_outdated(stored: str) -> bool:
    """Say whether a hash was made with other parameters than today's and should be made anew."""
    return HASHER.check_needs_rehash(stored)


def _peppered(pin: str, user_id: int) -> bytes:
    """Bind the PIN to the person, so that a hash that is copied to another row fits nobody there."""
    return hmac.digest(pin_pepper(), f"keydesk pin/v1 {user_id}\0{pin}".encode(), "sha256")
