"""What verifiers have counted, as it travels home: entries of about one second of one process, and batches of them.

A spool keeps each entry as the JSON of an `Entry`, and `POST /v1/usage` takes a `Batch` of the same text, so whoever
carries entries need not understand them. A process numbers its entries from 1 on; that is what makes it harmless to
deliver one twice.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from keydesk.core.strict_json import read_strictly

MINUTE: Final = 60
HOUR: Final = 3600
MOST_BATCH_BYTES: Final = 1024 * 1024
LONGEST_PRODUCT: Final = 40
LONGEST_PREFIX: Final = 24
SOURCE: Final = r"^[a-z0-9][a-z0-9-]{0,63}$"

Id = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,40}$")]
Product = Annotated[str, Meta(max_length=LONGEST_PRODUCT, pattern=r"^[a-z0-9-]*$")]
Environment = Literal["", "live", "test"]
Prefix = Annotated[str, Meta(max_length=LONGEST_PREFIX, pattern=r"^[A-Za-z0-9_]*$")]
Address = Annotated[str, Meta(min_length=2, max_length=45, pattern=r"^[0-9a-f.:]+$")]
Moment = Annotated[int, Meta(ge=0, lt=2**40)]
"""Whole seconds since the Unix epoch."""
Number = Annotated[int, Meta(ge=1, lt=2**32)]


class Count(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many requests with one known key, from one address, ended in one way within a minute."""

    key: Id
    code: Id
    minute: Moment
    """When the minute began."""
    number: Number
    last_at: Moment
    product: Product = ""
    """The product that was asked for; empty if that is no product's name."""
    environment: Environment = ""
    address: Address | None = None
    """None if it was not told, or if there were too many to keep them apart."""


class Stranger(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many requests without a known key ended in one way within a minute."""

    code: Id
    minute: Moment
    number: Number
    last_at: Moment
    prefix: Prefix = ""
    """What may be shown of the credential; empty if it was none, not one of ours, or one of too many."""
    address: Address | None = None


class RefusedCall(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One refused request with a known key, kept so that its account can look it up."""

    request_id: Id
    key: Id
    code: Id
    at: Annotated[float, Meta(ge=0, lt=2**40)]
    """Unix seconds."""
    product: Product = ""
    environment: Environment = ""
    address: Address | None = None


class Entry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one process has counted since its entry before."""

    sequence: Annotated[int, Meta(ge=1, lt=2**62)]
    counts: list[Count] = []
    strangers: list[Stranger] = []
    refused: list[RefusedCall] = []


class Batch(Struct, frozen=True, forbid_unknown_fields=True):
    """Some of a process's entries, in their order."""

    source: Annotated[str, Meta(pattern=SOURCE)]
    """The process: the name of its host, and what it drew when it started."""
    entries: Annotated[list[Entry], Meta(min_length=1)]


encode_entry: Final = msgspec.json.Encoder().encode
_decode_batch: Final = msgspec.json.Decoder(Batch).decode


def batch_text(source: str, entries: list[bytes]) -> bytes:
    """Give the JSON of a batch of entries that are JSON already."""
    return b'{"source":"%s","entries":[%s]}' % (source.encode(), b",".join(entries))


def read_batch(body: bytes) -> Batch:
    """Give the batch in a JSON text; raises NotStrictError for anything else."""
    return read_strictly(body, _decode_batch)
