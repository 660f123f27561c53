"""How passwords are hashed: argon2id with a cost that is decided here, not by a library's default."""

from typing import Final

from django.contrib.auth.hashers import Argon2PasswordHasher

MEBIBYTE: Final = 1024


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id over 64 MiB, three passes, one lane: the memory-constrained choice of RFC 9106, section 4.

    One lane, so that a log-in takes one core and others go on meanwhile.
    """

    time_cost = 3
    memory_cost = 64 * MEBIBYTE
    parallelism = 1
