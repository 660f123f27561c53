"""The file of checkpoints, outside of the database: only added to, so that it can be sent elsewhere as it grows."""

import errno
import os
from pathlib import Path
from typing import Final

from django.utils import timezone

from keydesk.control.chain.keys import chain_keys
from keydesk.control.chain.notes import Checkpoint, Unsigned, read_notes, signed
from keydesk.control.chain.queries import Head

_END: Final = b"\n\n"


def add_checkpoint(path: Path, head: Head) -> None:
    """Add a checkpoint of where the chain stands now; raises OSError if that cannot be written.

    It is on the disk when this returns. What a writer that was killed left behind stays, cut off from what follows.
    """
    note = signed(Checkpoint(head.number, head.digest, timezone.now()), chain_keys().checkpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        begun = os.pread(descriptor, len(_END), max(0, size - len(_END)))
        added = (_END if size and begun != _END else b"") + note.encode()
        if file.write(added) < len(added):
            raise OSError(errno.ENOSPC, "only a part of it was written", str(path))
        os.fsync(descriptor)


def read_checkpoints(path: Path) -> list[Checkpoint | Unsigned]:
    """Give the checkpoints of a file, and in place of what is none why it is none; raises OSError."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return list(read_notes(lines, chain_keys().checkpoint.public_key()))
