"""Writes the replica of a test's desk, in a process of its own as the replicator does: see `keydesk.client.testing`.

`python -m keydesk.client.scribe FOLDER` takes rows on its standard input, one list of them a line, and answers each
line once the rows are in the replica. It ends with its input.
"""

import sys
from pathlib import Path
from select import select
from typing import Final

import msgspec

from keydesk.core.records import RECORD_TYPES, Record
from keydesk.replica.layout import Head
from keydesk.replica.moments import Moment
from keydesk.replica.store import Writer

EPOCH: Final = "testing"
CONFIRM_SECONDS: Final = 1.0
DONE: Final = b"done\n"
KINDS: Final = {kind.kind: msgspec.json.Decoder(kind) for kind in RECORD_TYPES}

_decode: Final = msgspec.json.Decoder(list[tuple[str, msgspec.Raw]]).decode
_encode: Final = msgspec.json.Encoder().encode


def as_line(records: list[Record]) -> bytes:
    """Give the line that has these rows written."""
    return _encode([(record.kind, record) for record in records]) + b"\n"


def read_line(line: bytes) -> list[Record]:
    """Give the rows of a line."""
    return [KINDS[kind].decode(row) for kind, row in _decode(line)]


def next_line(writer: Writer) -> bytes:
    """Wait for a line and give it, empty at the end; meanwhile the replica is kept current, as a replicator does."""
    while not select([sys.stdin.buffer], [], [], CONFIRM_SECONDS)[0]:
        writer.confirm(Head(EPOCH, writer.meta.revision, 0), confirmed=Moment.ago())
    return sys.stdin.buffer.readline()


def main() -> None:
    """Write what comes in."""
    with Writer(Path(sys.argv[1])) as writer:
        writer.snapshot(Head(EPOCH, 0, 0), [], confirmed=Moment.ago())
        while line := next_line(writer):
            records = read_line(line)
            revision = max(writer.meta.revision, *(record.revision for record in records))
            writer.apply(Head(EPOCH, revision, 0), records, confirmed=Moment.ago())
            sys.stdout.buffer.write(DONE)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
