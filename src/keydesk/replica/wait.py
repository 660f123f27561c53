"""Waiting until this host's replica has caught up with a change, so that a new key works when it is shown."""

import time
from functools import cache
from pathlib import Path
from typing import Final

import lmdb

from keydesk.replica.store import Reader, ReplicaMissing

POLL_SECONDS: Final = 0.005


def wait_for_revision(replica_dir: Path, revision: int, *, timeout_seconds: float) -> bool:
    """Say whether the replica holds the revision, waiting for it as long as the timeout allows."""
    deadline = time.monotonic() + timeout_seconds
    while not holds(replica_dir, revision):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def holds(replica_dir: Path, revision: int) -> bool:
    """Say whether the replica holds the revision now."""
    try:
        return reader_of(replica_dir).status().revision >= revision
    except (ReplicaMissing, lmdb.Error):  # it may be replaced at this very moment
        return False


@cache
def reader_of(replica_dir: Path) -> Reader:
    """Give this process's reader of a replica."""
    return Reader(replica_dir)
