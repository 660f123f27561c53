"""How long the links last with which people of the internal team first get in; pure."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

TOKEN_BYTES: Final = 32
FIRST_OWNER_LINK_LASTS: Final = timedelta(minutes=15)
INVITATION_LASTS: Final = timedelta(days=7)


def new_token() -> str:
    """Give the secret of a new link."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> bytes:
    """Give what is stored of a link's secret; its 256 random bits need no slower hash."""
    return hashlib.sha256(token.encode()).digest()
