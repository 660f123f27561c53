"""Published rows out of the SQLite database on this host, over a connection that cannot write."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pysqlite3.dbapi2 as sqlite3
from msgspec.structs import replace

from keydesk.replica.layout import Head, file_identity
from keydesk.replica.sources.contract import (
    EVERYTHING,
    QUERIES,
    ROW_QUERIES,
    Published,
    Reading,
    SourceUnavailable,
    to_head,
)

POLL_SECONDS: Final = 0.01
BUSY_SECONDS: Final = 1.0
MILLISECONDS: Final = 1000


class SqliteSource:
    """The database file at a path: `keydesk.replica.sources.contract.Source`."""

    def __init__(self, path: Path) -> None:
        """Takes the database's path; the file need not be there yet."""
        self._path: Final = path
        self._connection: Any = None
        self._identity: tuple[int, int] | None = None
        self._data_version = 0

    def head(self) -> Head:
        """Give where the source stands now."""
        with self._connected() as connection:
            self._data_version = read_data_version(connection)
            head = to_head(connection.execute(QUERIES["head"]).fetchone())
        # A file has its host's clock.
        return replace(head, clock_ms=int(time.time() * MILLISECONDS))

    @contextmanager
    def changes(self, after: int) -> Iterator[Reading]:
        """Give the rows whose revision is above `after`, all as of the first moment of reading."""
        with self._connected() as connection:
            connection.execute("BEGIN")
            try:
                head = to_head(connection.execute(QUERIES["head"]).fetchone())
                yield Reading(head, read_rows(connection, after))
            finally:
                connection.execute("ROLLBACK")

    def snapshot(self) -> Any:
        """Give all rows."""
        return self.changes(EVERYTHING)

    def wait(self, timeout_seconds: float) -> None:
        """Return once somebody has committed to the database, at the latest when the time is over."""
        deadline = time.monotonic() + timeout_seconds
        with self._connected() as connection:
            while read_data_version(connection) == self._data_version:
                if time.monotonic() >= deadline:
                    return
                time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Give a connection to the file that lies at the path now: a restored one is another file."""
        try:
            identity = file_identity(self._path)
            if self._connection is None or identity != self._identity:
                self.close()
                self._connection, self._identity = connect(self._path), identity
            yield self._connection
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise SourceUnavailable(f"{self._path} cannot be read: {error}") from error


def connect(path: Path) -> Any:
    """Open the database for reading only; transactions begin where the code says so.

    A text that is no UTF-8 must reach the judgement of its row, and not end the reading of all others.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    return connection


def read_data_version(connection: Any) -> int:
    """Give SQLite's count of other connections' commits."""
    ((count,),) = connection.execute(QUERIES["data_version"]).fetchall()
    return int(count)


def read_rows(connection: Any, after: int) -> Iterator[Published]:
    """Give the published rows above a revision, kind by kind."""
    for kind, query in ROW_QUERIES.items():
        for values in connection.execute(query, {"after": after}):
            yield Published(kind, values)
