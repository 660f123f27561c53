"""Sealing with AES-256-GCM: pure functions over bytes, each result bound to the one place where it may be opened.

A sealed value is `1 (format) | 12 bytes of random nonce | ciphertext | 16 bytes of tag` (NIST SP 800-38D). What it is
bound to is encoded unambiguously as associated data, so that a value copied to another row opens nowhere.
"""

import hmac
import os
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
FORMAT: Final = b"\x01"
MAX_SEALS_PER_DATA_KEY: Final = 2**24
"""Far below the 2**32 messages that random nonces of 96 bits allow under one key."""

_CHECK_LABEL: Final = b"keydesk kek-check/v1"

_encode: Final = msgspec.msgpack.Encoder().encode


class BrokenSealError(Exception):
    """A sealed value was altered, moved to another row or sealed under another key: trust no part of it."""


class KeyBinding(msgspec.Struct, frozen=True, array_like=True):
    """What the sealed copy of an API key is bound to."""

    account_id: str
    key_id: str
    digest: bytes
    pepper_version: int
    data_key_id: str


class DataKeyBinding(msgspec.Struct, frozen=True, array_like=True):
    """What a wrapped data key is bound to."""

    account_id: str
    data_key_id: str
    key_encryption_key_id: str


def new_data_key() -> bytes:
    """Give a new random data key, 32 bytes."""
    return AESGCM.generate_key(bit_length=KEY_BYTES * 8)


def wrap_data_key(key_encryption_key: bytes, data_key: bytes, *, binding: DataKeyBinding) -> bytes:
    """Give a data key wrapped by the key-encryption key."""
    return _seal(key_encryption_key, data_key, label="dek", binding=binding)


def unwrap_data_key(key_encryption_key: bytes, wrapped: bytes, *, binding: DataKeyBinding) -> bytes:
    """Give the data key back; raises BrokenSealError if anything about it or its place has changed."""
    return _open(key_encryption_key, wrapped, label="dek", binding=binding)


def seal_key(data_key: bytes, text: str, *, binding: KeyBinding) -> bytes:
    """Give an API key sealed under its account's data key."""
    return _seal(data_key, text.encode(), label="v1", binding=binding)


def open_key(data_key: bytes, sealed: bytes, *, binding: KeyBinding) -> str:
    """Give the API key back; raises BrokenSealError if anything about it or its place has changed."""
    try:
        return _open(data_key, sealed, label="v1", binding=binding).decode()
    except UnicodeDecodeError:
        # Sealed by whoever holds the data key, but never a key; the error itself would hold what was in it.
        raise BrokenSealError from None


def check_value(key_encryption_key: bytes) -> bytes:
    """Give the value that tells, without any sealed data, whether a key-encryption key is the right one."""
    return hmac.digest(key_encryption_key, _CHECK_LABEL, "sha256")[:TAG_BYTES]


def _seal(key: bytes, plain: bytes, *, label: str, binding: KeyBinding | DataKeyBinding) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, plain, _encode((label, binding)))


def _open(key: bytes, sealed: bytes, *, label: str, binding: KeyBinding | DataKeyBinding) -> bytes:
    start = len(FORMAT) + NONCE_BYTES
    if sealed[: len(FORMAT)] != FORMAT or len(sealed) < start + TAG_BYTES:
        raise BrokenSealError
    try:
        return AESGCM(key).decrypt(
            sealed[len(FORMAT) : start], sealed[start:], _encode((label, binding))
        )
    except InvalidTag:
        raise BrokenSealError from None
