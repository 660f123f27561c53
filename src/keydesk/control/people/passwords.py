"""How passwords are hashed: argon2id with a cost that is decided here, not by a library's default."""

import threading
from typing import Final

from django.contrib.auth.hashers import Argon2PasswordHasher

MEBIBYTE: Final = 1024

SLOTS: Final = threading.BoundedSemaphore(2)
"""Who hashes now in this process, passwords and PINs together.

Each hash takes 64 MiB; more at once would only wait for the processor, and fill the memory.
"""


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id over 64 MiB, three passes, one lane: the memory-constrained choice of RFC 9106, section 4.

    One lane, so that a log-in takes one core and others go on meanwhile.
    """

    time_cost = 3
    memory_cost = 64 * MEBIBYTE
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Give the hash of a password, when a slot is free."""
        with SLOTS:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Say whether this is the password behind the hash, when a slot is free."""
        with SLOTS:
            return super().verify(password, encoded)
