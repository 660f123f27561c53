"""The secrets of links, and what is stored in the place of whatever was drawn at random."""

import hashlib
import secrets
from typing import Final

TOKEN_BYTES: Final = 32


def new_token() -> str:
    """Give the secret of a new link: 256 random bits, in letters that an address can have."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> bytes:
    """Give what is stored of a token, 32 bytes; its 128 random bits or more need no slower hash."""
    return hashlib.sha256(token.encode()).digest()
