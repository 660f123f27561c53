"""Which passwords may be chosen, after NIST SP 800-63B-4, and how they are hashed.

Length counts and guesses are refused; there is no rule on which characters a password is made of. The hash is argon2id
with a cost that is decided here, not by a library's default.
"""

import re
import threading
from typing import Any, Final

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from keydesk.control.policies.queries import current_policies

MOST_BYTES: Final = 1024
"""Far above the 64 characters that have to be allowed; what is longer is no password that somebody types."""
OWN_CHARACTERS: Final = 8
"""How much of a password has to be neither a name of the person, the company or the desk, nor a repetition."""
SHORTEST_WORD: Final = 4
WORDS: Final = re.compile(r"\w+")

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


class PasswordRules:
    """What a password must be; Django asks this of every password that somebody chooses."""

    def __init__(self) -> None:
        """Read the list of common passwords, once."""
        self.common = CommonPasswordValidator().passwords

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError with the first problem's code."""
        policies = current_policies()
        names = (
            policies.brand,
            *(getattr(user, name, "") for name in ("email", "full_name", "company")),
        )
        if len(password) < policies.password_min_length:
            raise ValidationError("Too short.", code="password_too_short")
        if len(password.encode(errors="surrogatepass")) > MOST_BYTES:
            raise ValidationError("Too long.", code="password_too_long")
        if is_common(password, self.common):
            raise ValidationError("Too common.", code="password_too_common")
        if is_made_of_names(password, names):
            raise ValidationError("Too similar.", code="password_too_similar")

    def get_help_text(self) -> str:
        """Say nothing: the pages have their own words."""
        return ""


def is_common(password: str, common: set[str]) -> bool:
    """Say whether many people use this password, or one that it repeats, or little more than one character."""
    plain = password.lower().strip()
    if plain in common or len(set(plain)) < OWN_CHARACTERS // 2:
        return True
    bare = plain.rstrip("0123456789!?.-_ ")
    return bare in common or any(
        is_repeated(plain, length) and (length < OWN_CHARACTERS or plain[:length] in common)
        for length in range(1, len(plain))
    )


def is_repeated(text: str, length: int) -> bool:
    """Say whether a text is its own beginning of this length again and again."""
    return text[:-length] == text[length:] if length < len(text) else False


def is_made_of_names(password: str, names: tuple[str, ...]) -> bool:
    """Say whether little is left of a password without the words of these names, however they are joined."""
    plain = "".join(WORDS.findall(password.lower()))
    words = {word for name in (*names, "keydesk") for word in WORDS.findall(name.lower())}
    left = plain
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= SHORTEST_WORD:
            left = left.replace(word, "")
    return left != plain and len(left) < OWN_CHARACTERS
