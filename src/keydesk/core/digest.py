"""Keyed digests: what is stored in a key's place, and the MAC that every published row carries.

A key has 256 random bits, so a fast keyed hash is enough (RFC 2104, FIPS 198-1); the pepper means that a dump of the
database cannot be joined with leaked keys, and the row MAC that write access to the database alone cannot mint a key.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

import msgspec

from keydesk.core.records import Record

DIGEST_LENGTH: Final = 32
SECRET_LENGTH: Final = 32
ROW_LABEL: Final = b"keydesk row/v1 "
BLOCK_LENGTH: Final = 64

Digester = Callable[[str], bytes]
"""A function from a credential's text to its stored digest."""

_encode: Final = msgspec.msgpack.Encoder().encode


def key_digester(pepper: bytes) -> Digester:
    """Give the function that digests credentials under this pepper: HMAC-SHA-256, 32 bytes.

    The two padded blocks of HMAC are hashed once here and copied for each key, which halves the cost of a digest.
    Raises ValueError if the pepper is not 32 bytes.
    """
    if len(pepper) != SECRET_LENGTH:
        raise ValueError(f"The pepper must be {SECRET_LENGTH} bytes.")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in pepper.ljust(BLOCK_LENGTH, b"\0")))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in pepper.ljust(BLOCK_LENGTH, b"\0")))

    def digest(text: str) -> bytes:
        first = inner.copy()
        first.update(text.encode())
        second = outer.copy()
        second.update(first.digest())
        return second.digest()

    return digest


def row_mac(row_key: bytes, record: Record) -> bytes:
    """Give the MAC of a published row under the row-MAC key: HMAC-SHA-256 over its kind and every field, 32 bytes."""
    return hmac.digest(
        row_key, ROW_LABEL + record.kind.encode() + b"\0" + _encode(record), "sha256"
    )


def row_mac_matches(row_key: bytes, record: Record, mac: bytes) -> bool:
    """Say whether a row's MAC is right, in constant time."""
    return hmac.compare_digest(row_mac(row_key, record), mac)
