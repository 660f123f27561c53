"""The file in which a host counts, and the copy of it that survives the machine.

What is written is never flushed, because no call can wait for a disk: the file is whole whatever happens to a process,
and of no use once the machine itself has stopped without notice. So a file belongs to one run of the machine, and the
next run goes on with the last copy.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import lmdb

from keydesk.host.boot import BOOT_ID

LAYOUT: Final = "counts-v2"
GUARD_NAME: Final = f"{LAYOUT}.guard"
COPY_NAME: Final = f"{LAYOUT}.copy"
ASIDE_NAME: Final = f"{LAYOUT}.unreadable"
MAP_BYTES: Final = 1 << 34
"""16 GiB of address space, not of disk."""
HEADROOM_BYTES: Final = 16 << 20
"""What is set aside on the disk beyond what is in use: a write into a hole of a full disk would end the process."""
MAX_READERS: Final = 512
LOCK_BYTES: Final = 1 << 16
"""The size of LMDB's lock file, which is mapped and so must have no holes either."""
COPY_SECONDS: Final = 30
MODE: Final = 0o660
UNREADABLE: Final = (
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
)


class CountsFile:
    """The open file of one host's counts; open it once in a process, after its fork."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder, which is made if it is not there. Raises OSError or lmdb.Error.

        The first process of a host puts things right while the others wait: files of an earlier run of the machine
        go, the copy takes their place, and what cannot be read is set aside.
        """
        self.path: Final = folder / f"{LAYOUT}-{BOOT_ID}.lmdb"
        self._copy: Final = folder / COPY_NAME
        self._reserved = 0
        with contextlib.ExitStack() as undo:
            folder.mkdir(parents=True, exist_ok=True)
            self._guard: Final = os.open(folder / GUARD_NAME, os.O_RDWR | os.O_CREAT, MODE)
            undo.callback(os.close, self._guard)
            is_first = is_locked(self._guard)
            if is_first:
                clear_earlier_runs(folder, self.path)
                restore(self._copy, self.path)
            else:
                fcntl.flock(self._guard, fcntl.LOCK_SH)
            self.env: Final[Any] = (
                open_first(self.path) if is_first else open_environment(self.path)
            )
            undo.callback(self.env.close)
            self._descriptor: Final = os.open(self.path, os.O_RDWR)
            fcntl.flock(self._guard, fcntl.LOCK_SH)
            undo.pop_all()

    @property
    def used_bytes(self) -> int:
        """How much of the file is in use."""
        return int((self.env.info()["last_pgno"] + 1) * self.env.stat()["psize"])

    def has_headroom(self) -> bool:
        """Set disk aside beyond what is in use, and say whether a second's writes have room."""
        used = self.used_bytes
        if used + HEADROOM_BYTES // 2 <= self._reserved:
            return True
        try:
            os.posix_fallocate(self._descriptor, 0, used + HEADROOM_BYTES)
        except OSError:
            return False
        self._reserved = used + HEADROOM_BYTES
        return True

    def copy(self) -> bool:
        """Write the copy to the disk, where the last one is old enough and no other process does; give whether it did.

        It may take as long as the disk does; counting goes on meanwhile. Raises OSError or lmdb.Error.
        """
        with locked(self._copy.with_suffix(".copying")) as descriptor:
            if descriptor is None or not self._is_due():
                return False
            self.env.reader_check()  # what a killed process was copying would keep old pages from being used again
            os.ftruncate(descriptor, 0)
            self.env.copyfd(descriptor, compact=True)
            os.fsync(descriptor)
            self._copy.with_suffix(".copying").replace(self._copy)
            return True

    def close(self) -> None:
        """Close the file."""
        self.env.close()
        os.close(self._descriptor)
        os.close(self._guard)

    def _is_due(self) -> bool:
        if shutil.disk_usage(self.path.parent).free < self.used_bytes + HEADROOM_BYTES:
            return False  # the disk belongs to what is being counted
        try:
            return abs(time.time() - self._copy.stat().st_mtime) >= COPY_SECONDS
        except FileNotFoundError:
            return True


def open_environment(path: Path) -> Any:
    """Give the LMDB environment of a file, which is made if it is not there. Raises OSError or lmdb.Error."""
    descriptor = os.open(lock_of(path), os.O_RDWR | os.O_CREAT, MODE)
    try:
        os.posix_fallocate(descriptor, 0, LOCK_BYTES)
    finally:
        os.close(descriptor)
    environment = lmdb.open(
        str(path),
        subdir=False,
        map_size=MAP_BYTES,
        max_readers=MAX_READERS,
        mode=MODE,
        writemap=True,
        sync=False,
        metasync=False,
        map_async=True,
        lib_version=0,  # the engine whose file format this layout is; a newer one is to be chosen, not met
    )
    environment.reader_check()
    return environment


def open_first(path: Path) -> Any:
    """Give the environment of a file that no other process has open; one that cannot be read is set aside."""
    try:
        return open_environment(path)
    except UNREADABLE:
        path.replace(path.with_name(ASIDE_NAME))
        lock_of(path).unlink(missing_ok=True)
        return open_environment(path)


def clear_earlier_runs(folder: Path, current: Path) -> None:
    """Remove what earlier runs of the machine, or earlier layouts, left in the folder."""
    kept = {current, lock_of(current), folder / GUARD_NAME, folder / COPY_NAME}
    for ending in ("lmdb", "lmdb-lock", "guard", "copy"):
        for path in folder.glob(f"counts-v*.{ending}"):
            if path not in kept:
                path.unlink(missing_ok=True)


def restore(copy: Path, path: Path) -> None:
    """Begin with the copy, where there is one and this run of the machine has not counted yet."""
    if not path.exists() and copy.exists():
        unfinished = path.with_suffix(".restoring")
        shutil.copyfile(copy, unfinished)
        unfinished.replace(path)


def lock_of(path: Path) -> Path:
    """Give the path of LMDB's own lock file."""
    return path.with_name(f"{path.name}-lock")


def is_locked(descriptor: int) -> bool:
    """Lock a file for this process alone if nobody has it, and say whether that worked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int | None]:
    """Give the descriptor of a file that only this process writes, None if another does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, MODE)
    try:
        yield descriptor if is_locked(descriptor) else None
    finally:
        os.close(descriptor)
