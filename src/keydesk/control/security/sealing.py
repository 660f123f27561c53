"""Sealing what second factors are made from, so that a copy of the database alone makes no code.

AES-256-GCM under a key that is derived from the PIN pepper: that secret lives as long as what people have set up, and
an installation notices when it is another one.
"""

import base64
import hmac
import os
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from keydesk.config import Secret

FORMAT: Final = "f1."
NONCE_BYTES: Final = 12
_LABEL: Final = b"keydesk second-factor/v1"


class UnreadableFactorError(Exception):
    """A second factor was altered, or sealed under another secret: it fits no code."""


@cache
def factor_key() -> bytes:
    """Give the key under which factors are sealed; raises ConfigError if its secret is nowhere."""
    return hmac.digest(settings.KEYDESK.require_secret(Secret.PIN_PEPPER), _LABEL, "sha256")


def seal(text: str) -> str:
    """Give a text sealed."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(factor_key()).encrypt(nonce, text.encode(), _LABEL)
    return FORMAT + base64.b64encode(sealed).decode()


def unseal(sealed: str) -> str:
    """Give the text back; raises UnreadableFactorError if it was not sealed here or has changed."""
    try:
        raw = base64.b64decode(sealed.removeprefix(FORMAT), validate=True)
        opened = AESGCM(factor_key()).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _LABEL)
    except (InvalidTag, ValueError):
        raise UnreadableFactorError from None
    return opened.decode()
