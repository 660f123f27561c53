"""A spool: what a process leaves for another to carry on, in files that survive the process.

One file has one writer, who holds its lock; a record is its length, its CRC-32 and its bytes, so that one which was
not written whole is recognised. A file is removed by whoever has delivered all of it, once its writer is gone or has
begun the next one. Nothing here knows what a record says.
"""

import fcntl
import logging
import os
import re
import secrets
import socket
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

MOST_FILE_BYTES: Final = 1024 * 1024
"""From here on a writer begins its next file."""
MOST_WAITING_BYTES: Final = 8 * 1024 * 1024
"""How much a writer keeps in memory while it cannot write."""
MOST_RECORD_BYTES: Final = 1024 * 1024
HEAD: Final = struct.Struct(">II")
"""Before each record: its length in bytes, and its CRC-32 (ISO-HDLC)."""
ENDING: Final = ".spool"
LONGEST_HOST: Final = 40

Deliver = Callable[[str, list[bytes]], bool]
"""Delivers records of one source; False keeps that source's records for later, an exception those of all."""

logger: Final = logging.getLogger(__name__)


def new_source() -> str:
    """Give a name for a process that no other has had: its host's, and 48 random bits."""
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower())[:LONGEST_HOST].strip("-")
    return f"{host or 'host'}-{secrets.token_hex(6)}"


def framed(record: bytes) -> bytes:
    """Give a record as it stands in a file."""
    return HEAD.pack(len(record), zlib.crc32(record)) + record


class SpoolWriter:
    """Writes one process's records; what cannot be written waits in memory, up to a bound."""

    def __init__(self, folder: Path, source: str) -> None:
        """Takes the spool's folder, which is made when it is needed, and the name of this process."""
        self._folder: Final = folder
        self._source: Final = source
        self._waiting: deque[bytes] = deque()
        self._file: IO[bytes] | None = None
        self._size = 0
        self._number = 0
        self._is_failing = False
        self.waiting_bytes = 0
        """Bytes that could not be written yet."""
        self.dropped = 0
        """Records that were given up because too much was waiting."""

    def append(self, records: list[bytes]) -> None:
        """Write the records behind those that wait; a disk that refuses them is logged at its beginning and end."""
        for record in records:
            self._waiting.append(framed(record))
            self.waiting_bytes += len(self._waiting[-1])
        try:
            self._write()
        except OSError as error:
            if not self._is_failing:
                logger.warning("The spool %s cannot be written: %s", self._folder, error.strerror)
            self._is_failing = True
            self._drop_oldest()
        else:
            if self._is_failing:
                logger.warning("The spool %s can be written again.", self._folder)
            self._is_failing = False

    def close(self) -> None:
        """Give the file up, so that whoever reads it may remove it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self) -> None:
        while self._waiting:
            file = self._file or self._next_file()
            self._put(file, self._waiting[0])
            self.waiting_bytes -= len(self._waiting.popleft())
            if self._size >= MOST_FILE_BYTES:
                os.fdatasync(file.fileno())
                self.close()
        if self._file is not None:
            os.fdatasync(self._file.fileno())

    def _put(self, file: IO[bytes], frame: bytes) -> None:
        """Write a whole record, or nothing of it."""
        try:
            written = os.write(file.fileno(), frame)
            while written < len(frame):
                written += os.write(file.fileno(), frame[written:])
        except OSError:
            try:
                os.ftruncate(file.fileno(), self._size)
            except OSError:
                self.close()  # a reader drops what was not written whole, and the next file begins clean
            raise
        self._size += len(frame)

    def _next_file(self) -> IO[bytes]:
        """Begin a file; it gets its name once it is locked, so that no reader takes it for one that is over."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._number += 1
        path = self._folder / f"{self._source}.{self._number:06}{ENDING}"
        fresh = path.with_suffix(".new")
        file = fresh.open("xb", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            fresh.rename(path)
        except OSError:
            file.close()
            with suppress(OSError):
                fresh.unlink()
            raise
        self._file, self._size = file, 0
        return file

    def _drop_oldest(self) -> None:
        while self.waiting_bytes > MOST_WAITING_BYTES:
            self.waiting_bytes -= len(self._waiting.popleft())
            self.dropped += 1


class SpoolReader:
    """Delivers what the writers of a folder have left, each source's records in order, and removes what is delivered.

    How far it has come in a file that is still written is kept in memory alone: after a restart such a file, of one
    mebibyte at most, is delivered again from its beginning.
    """

    def __init__(self, folder: Path) -> None:
        """Takes the spool's folder, which need not be there yet."""
        self._folder: Final = folder
        self._delivered: dict[Path, int] = {}

    def drain(self, deliver: Deliver, *, most_bytes: int) -> int:
        """Deliver all records there are, at most so many bytes of records at a time; gives how many records.

        A record larger than that is delivered alone. What `deliver` raises ends this, and nothing is lost.
        """
        held, count = set(), 0
        for path in self._files():
            source = path.name.partition(".")[0]
            if source not in held:
                done, number = self._drain_file(path, source, deliver, most_bytes)
                count += number
                if not done:
                    held.add(source)
        return count

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{ENDING}"))

    def _drain_file(
        self, path: Path, source: str, deliver: Deliver, most_bytes: int
    ) -> tuple[bool, int]:
        count = 0
        try:
            file = path.open("rb")
        except FileNotFoundError:  # another reader was quicker
            return True, 0
        with file:
            is_over = is_unlocked(file)
            file.seek(self._delivered.get(path, 0))
            for records, end in chunks(file, most_bytes=most_bytes):
                if not deliver(source, records):
                    return False, count
                self._delivered[path] = end
                count += len(records)
            if is_over:
                self._remove(path, file)
        return True, count

    def _remove(self, path: Path, file: IO[bytes]) -> None:
        left = os.fstat(file.fileno()).st_size - self._delivered.get(path, 0)
        if left:
            logger.warning(
                "The last %d bytes of %s are no whole record and are dropped.", left, path
            )
        path.unlink(missing_ok=True)
        self._delivered.pop(path, None)


def is_unlocked(file: IO[bytes]) -> bool:
    """Say whether a file's writer is done with it; if so, this process holds the lock until it closes the file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def chunks(file: IO[bytes], *, most_bytes: int) -> Iterator[tuple[list[bytes], int]]:
    """Give the whole records from the file's position on, some at a time, each time with the position behind them."""
    records: list[bytes] = []
    size, end = 0, file.tell()
    for record in whole_records(file):
        if records and size + len(record) > most_bytes:
            yield records, end
            records, size = [], 0
        records.append(record)
        size += len(record)
        end += HEAD.size + len(record)
    if records:
        yield records, end


def whole_records(file: IO[bytes]) -> Iterator[bytes]:
    """Give the records from the file's position on, up to the first that is not whole."""
    while len(head := file.read(HEAD.size)) == HEAD.size:
        length, checksum = HEAD.unpack(head)
        if length > MOST_RECORD_BYTES:
            return
        record = file.read(length)
        if len(record) < length or zlib.crc32(record) != checksum:
            return
        yield record


def waiting_bytes(folder: Path) -> int:
    """Give how many bytes of a spool wait to be delivered."""
    size = 0
    for path in folder.glob(f"*{ENDING}"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size
