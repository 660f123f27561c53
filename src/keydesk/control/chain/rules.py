"""How the chain is made, in pure functions: what stands before the first entry, and what each is made over."""

import hashlib
from typing import Final

NUMBER_BYTES: Final = 8

_BEGINNING: Final = b"\x00"
_ENTRY: Final = b"\x01"


def beginning(origin: str) -> bytes:
    """Give what stands in place of the entry before the first one: it names the installation."""
    return hashlib.sha256(_BEGINNING + origin.encode()).digest()


def entry_hash(before: bytes, event: bytes) -> bytes:
    """Give an entry's hash, from the hash of the entry before and the canonical bytes of its event."""
    return hashlib.sha256(_ENTRY + before + event).digest()


def covered(number: int, entry: bytes) -> bytes:
    """Give what the MAC of the entry with this number and hash is made over."""
    return number.to_bytes(NUMBER_BYTES, "big", signed=True) + entry
