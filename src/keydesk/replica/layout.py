"""How a replica lies in its LMDB file: the file, its tables, the key and the value of each row.

The file's name carries the version of this layout, so a version that lays rows out differently starts its own file.
"""

from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import lmdb
import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from keydesk.core.records import (
    RECORD_TYPES,
    AccountRecord,
    CredentialRecord,
    EntitlementRecord,
    KeyRecord,
    ProductRecord,
    Record,
)
from keydesk.replica.moments import Moment

ROWS_VERSION: Final = "rows-v3"
FILE_NAME: Final = f"{ROWS_VERSION}.lmdb"
LOCK_SUFFIX: Final = "-lock"
MAP_BYTES: Final = 1 << 36
"""64 GiB of address space, not of disk: the file grows with its content, and no process ever has to map it anew."""
MAX_READERS: Final = 512
LONGEST_KEY: Final = 511
"""What LMDB takes as a key, in bytes."""
Natural = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
"""A whole number that a source may tell: whatever counts with it, or keeps it in a cell of its own, can hold it."""

META: Final = "meta"
META_KEY: Final = b"head"
REFUSED: Final = "refused"
CHANGES: Final = "changes"
TABLES: Final = (*(kind.kind for kind in RECORD_TYPES), REFUSED, CHANGES, META)

NO_MAC: Final = b""
"""Stands where a row has no MAC of its source: where it was not told, or where the replica keeps a row of before."""

encode: Final = msgspec.msgpack.Encoder().encode
DECODERS: Final = {kind.kind: msgspec.msgpack.Decoder(kind).decode for kind in RECORD_TYPES}


class Signed(NamedTuple):
    """A row with the MAC that came with it."""

    record: Record
    mac: bytes


class Place(Struct, frozen=True, array_like=True):
    """How far a reader has followed what a replica tells of its changes."""

    log: str = ""
    """The name of what is told; a replica begins anew, under another name, where its earlier changes say nothing."""
    position: int = 0
    """How many rows had changed in it."""


class Head(Struct, frozen=True):
    """Where a source stands: the name of its history, its last revision, and when its worker last said it lives."""

    epoch: str
    revision: Natural
    heartbeat_at: Natural
    is_standby: bool = False
    """Whether the source only follows another database, and so can only vouch for the moment of the heartbeat."""
    place: Place | None = None
    """Where the tale of a relay's own changes stands; a database has none, since its changes are its revisions."""
    oldest: Natural = 0
    """The position from which on the relay still knows every change."""
    age_ms: int = 0
    """How long ago the database behind a relay confirmed all this, in milliseconds."""
    clock_ms: Natural | None = None
    """What the clock of the database's host said when this was asked, in Unix milliseconds; None if nobody knows."""


class Meta(Struct, frozen=True, array_like=True):
    """What a replica knows about itself."""

    epoch: str
    revision: int
    heartbeat_at: int
    confirmed: Moment | None
    generation: int
    """Counts the transactions that wrote rows: as long as it stays, so do they."""
    has_gone_back: bool = False
    """Whether the source was seen behind this replica; then all rows are compared once it is level again."""
    place: Place = Place()
    """Where the replica's own tale of its changes stands."""
    followed: Place | None = None
    """How far the replica has followed its relay's tale; None if its source is a database."""
    clock_ahead_seconds: float | None = None
    """By how much this host's clock was ahead of the database's when last seen, negative if behind; None if unknown."""


NEVER_FILLED: Final = Meta(epoch="", revision=0, heartbeat_at=0, confirmed=None, generation=0)
decode_meta: Final = msgspec.msgpack.Decoder(Meta).decode


class ReplicaMissing(Exception):  # noqa: N818 - it names a state, not a mistake
    """There is no replica here that this process can read; the message says where and why.

    The replicator makes it. Until then, or while permissions keep this process out, nothing can be decided.
    """


def value_of(signed: Signed) -> bytes:
    """Give the value under which a row lies: its record's array with the MAC as one element more.

    What decodes a record passes over that one.
    """
    return encode((*astuple(signed.record), signed.mac))


def entitlement_key(account: str, product: str, environment: str) -> bytes:
    """Give the key of an entitlement's row."""
    return f"{account}\0{product}\0{environment}".encode()


def key_of(record: Record) -> bytes:
    """Give the key under which a record lies in the table of its kind."""
    match record:
        case KeyRecord() | CredentialRecord():
            return record.digest
        case AccountRecord():
            return record.id.encode()
        case ProductRecord():
            return record.slug.encode()
        case EntitlementRecord():
            return entitlement_key(record.account, record.product, record.environment)


def name_of(record: Record) -> str:
    """Give the name by which a person finds the row in the database."""
    match record:
        case KeyRecord() | CredentialRecord() | AccountRecord():
            return record.id
        case ProductRecord():
            return record.slug
        case EntitlementRecord():
            return f"{record.account}/{record.product}/{record.environment}"


def open_environment(replica_dir: Path, *, is_writer: bool) -> Any:
    """Open the LMDB environment of a replica; a process may have it open once. Raises `lmdb.Error`.

    Readers lock too: a reader without a lock would see its pages overwritten under its hands. The slots that killed
    readers left are cleared, because in an outage no writer comes by to do it. A file that was cut short is not
    opened: the system kills a process that reads what is missing of a mapped file.
    """
    path = replica_dir / FILE_NAME
    environment = lmdb.open(
        str(path),
        subdir=False,
        readonly=not is_writer,
        create=is_writer,
        map_size=MAP_BYTES,
        max_dbs=len(TABLES),
        max_readers=MAX_READERS,
        mode=0o660,
        lib_version=0,  # the engine whose file format this layout is; a newer one is to be chosen, not met
    )
    if path.stat().st_size < needed_bytes(environment):
        environment.close()
        raise lmdb.CorruptedError(f"{path} is cut short")
    environment.reader_check()
    return environment


def needed_bytes(environment: Any) -> int:
    """Give how long the file of an environment has to be for all pages that its last transaction knows."""
    pages: int = environment.info()["last_pgno"] + 1
    page_bytes: int = environment.stat()["psize"]
    return pages * page_bytes


def file_identity(path: Path) -> tuple[int, int]:
    """Give what tells one file at a path from the next one there. Raises OSError."""
    found = path.stat()
    return found.st_dev, found.st_ino
