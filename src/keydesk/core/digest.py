"""Keyed digests: what is stored in a key's place, and the MAC that every published row carries.

A key has 256 random bits, so a fast keyed hash is enough (RFC 2104, FIPS 198-1); the pepper means that a dump of the
database cannot be joined with leaked keys, and the row MAC that write access to the database alone cannot mint a key.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

import msgspec

from keydesk.core.records import RECORD_TYPES, Record

DIGEST_LENGTH: Final = 32
SECRET_LENGTH: Final = 32
LABELS: Final = {kind.kind: f"keydesk row/v1 {kind.kind}\0".encode() for kind in RECORD_TYPES}
"""What stands before a row's fields in what its MAC is made over."""
BLOCK_LENGTH: Final = 64

Digester = Callable[[str], bytes]
"""A function from a credential's text to its stored digest."""
RowCheck = Callable[[Record, bytes], bool]
"""A function that says whether a row's MAC is right."""

_encode: Final = msgspec.msgpack.Encoder().encode


def key_digester(pepper: bytes) -> Digester:
    """Give the function that digests credentials under this pepper: HMAC-SHA-256, 32 bytes.

    Raises ValueError if the pepper is not 32 bytes.
    """
    mac = mac_under(pepper, name="pepper")
    return lambda text: mac(text.encode())


def mac_under(secret: bytes, *, name: str) -> Callable[[bytes], bytes]:
    """Give HMAC-SHA-256 under one secret (RFC 2104), at half the cost of `hmac.digest` for each of many texts.

    HMAC's two hashes are begun with the padded secret once, and copied for each text. Raises ValueError, with the
    secret's name, if it is not 32 bytes.
    """
    if len(secret) != SECRET_LENGTH:
        raise ValueError(f"The {name} must be {SECRET_LENGTH} bytes.")
    block = secret.ljust(BLOCK_LENGTH, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def mac(text: bytes) -> bytes:
        first = inner.copy()
        first.update(text)
        second = outer.copy()
        second.update(first.digest())
        return second.digest()

    return mac


def row_mac(row_key: bytes, record: Record) -> bytes:
    """Give the MAC of a published row under the row-MAC key: HMAC-SHA-256 over its kind and every field, 32 bytes."""
    return hmac.digest(row_key, covered(record), "sha256")


def row_mac_matches(row_key: bytes, record: Record, mac: bytes) -> bool:
    """Say whether a row's MAC is right, in constant time."""
    return hmac.compare_digest(row_mac(row_key, record), mac)


def row_checker(row_key: bytes) -> RowCheck:
    """Give the function that says of many rows whether their MACs are right, each in constant time.

    Raises ValueError if the row-MAC key is not 32 bytes.
    """
    right = mac_under(row_key, name="row-MAC key")
    return lambda record, mac: hmac.compare_digest(right(covered(record)), mac)


def covered(record: Record) -> bytes:
    """Give what a row's MAC is made over."""
    return LABELS[record.kind] + _encode(record)
