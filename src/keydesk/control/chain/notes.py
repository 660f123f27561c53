"""Checkpoints as signed notes (C2SP signed-note): plain text that anybody with the public key can check.

A note's text is the installation's name, how many entries there are, the hash of the last one in base64, and when this
was so. An empty line and the signature follow; in a file, another empty line ends a note.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_MARK: Final = "— "
ED25519: Final = b"\x01"
"""The kind of signature, as C2SP numbers them."""
KEY_ID_BYTES: Final = 4
SIGNATURE_BYTES: Final = KEY_ID_BYTES + 64
TEXT_LINES: Final = 4


class Checkpoint(NamedTuple):
    """Where the chain stood at a moment."""

    size: int
    """How many entries there were."""
    head: bytes
    """The hash of the last one."""
    at: datetime


class Unsigned(NamedTuple):
    """What stands where a checkpoint was expected."""

    is_whole: bool
    """Whether it has everything but the right signature; else its writer was killed, or the disk was full."""


def raw(key: Ed25519PublicKey) -> bytes:
    """Give a public key's 32 bytes."""
    return key.public_bytes_raw()


def origin_of(key: Ed25519PublicKey) -> str:
    """Give the name of the installation that signs with this key."""
    return f"keydesk/{hashlib.sha256(raw(key)).hexdigest()[:16]}"


def key_id(key: Ed25519PublicKey) -> bytes:
    """Give what a signature names its key by."""
    named = origin_of(key).encode() + b"\n" + ED25519 + raw(key)
    return hashlib.sha256(named).digest()[:KEY_ID_BYTES]


def verifier_key(key: Ed25519PublicKey) -> str:
    """Give the public key in the form in which tools for signed notes take it."""
    return f"{origin_of(key)}+{key_id(key).hex()}+{base64.b64encode(ED25519 + raw(key)).decode()}"


def signed(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Give the note of a checkpoint, the empty line at its end included."""
    origin = origin_of(key.public_key())
    head = base64.b64encode(checkpoint.head).decode()
    moment = checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds")
    text = f"{origin}\n{checkpoint.size}\n{head}\n{moment}\n"
    signature = base64.b64encode(key_id(key.public_key()) + key.sign(text.encode())).decode()
    return f"{text}\n{SIGNATURE_MARK}{origin} {signature}\n\n"


def read_notes(lines: Iterable[str], key: Ed25519PublicKey) -> Iterator[Checkpoint | Unsigned]:
    """Give the checkpoints of a file in its order, and in place of what is none why it is none."""
    text: list[str] | None = None
    for block in _blocks(lines):
        if text is not None and block[0].startswith(SIGNATURE_MARK):
            yield _opened(text, block[0], key)
            text = None
        elif text is not None or block[0].startswith(SIGNATURE_MARK):
            yield Unsigned(is_whole=False)
            text = None if block[0].startswith(SIGNATURE_MARK) else block
        else:
            text = block
    if text is not None:
        yield Unsigned(is_whole=False)


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        if stripped := line.rstrip("\r\n"):
            block.append(stripped)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _opened(text: list[str], signature: str, key: Ed25519PublicKey) -> Checkpoint | Unsigned:
    """Give the checkpoint that a text and its signature are."""
    try:
        given = base64.b64decode(signature.rpartition(" ")[2], validate=True)
    except ValueError:
        return Unsigned(is_whole=False)
    if len(given) != SIGNATURE_BYTES or len(text) < TEXT_LINES:
        return Unsigned(is_whole=False)
    try:
        key.verify(given[KEY_ID_BYTES:], "".join(f"{line}\n" for line in text).encode())
    except InvalidSignature:
        return Unsigned(is_whole=True)
    _, size, head, moment, *_ = text
    return Checkpoint(int(size), base64.b64decode(head), datetime.fromisoformat(moment))
