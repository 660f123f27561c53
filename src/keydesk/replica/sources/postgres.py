"""Published rows out of PostgreSQL. A notification is a hint to look at once; looking regularly is what counts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

import psycopg
from msgspec.structs import replace
from psycopg.conninfo import conninfo_to_dict

from keydesk.config import PREFIX, ConfigError
from keydesk.core import urls
from keydesk.core.records import CHANNEL
from keydesk.replica.histories import history_of
from keydesk.replica.layout import Head
from keydesk.replica.sources.contract import (
    EVERYTHING,
    QUERIES,
    ROW_QUERIES,
    Published,
    Reading,
    SourceUnavailable,
    to_head,
)
from keydesk.replica.sources.patience import cut_after

ROWS_AT_ONCE: Final = 1_000 if psycopg.capabilities.has_stream_chunked() else 1
"""How many rows cross the wire at once while a result is read; libpq before 17 knows only one."""

PATIENCE: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
"""A server that has gone without a word is noticed within seconds, not after TCP's quarter of an hour."""
IMPATIENCE: Final = {
    "connect_timeout": 2,  # libpq knows no shorter one
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 2_000,
}
"""A replicator waits less: it can begin anew at any time, and after a cut it has to be current within two seconds."""
ANSWER_SECONDS: Final = 5.0
"""How long a server may think about where it stands, which takes it less than a millisecond."""
ROWS_TOGETHER: Final = 1_000
STALL_SECONDS: Final = 30.0
"""How long so many rows may take: a server that stands still in the middle of them is given up."""


class PostgresSource:
    """The database behind a URL: `keydesk.replica.sources.contract.Source`."""

    def __init__(self, url: str) -> None:
        """Takes a libpq URL; what it says itself about waiting wins. Raises ConfigError if it is none."""
        self._parameters: Final = parameters_of(url, IMPATIENCE)
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def head(self) -> Head:
        """Give where the source stands now; a server that takes the question and gives no answer is unavailable."""
        with self._connected() as connection, cut_after(ANSWER_SECONDS, connection):
            return read_head(connection)

    @contextmanager
    def changes(self, after: int) -> Iterator[Reading]:
        """Give the rows whose revision is above `after`, all as of the first moment of reading."""
        with self._connected() as connection, connection.transaction():
            with cut_after(ANSWER_SECONDS, connection):
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                head = read_head(connection)
            yield Reading(head, read_rows(connection, after))

    def snapshot(self) -> Any:
        """Give all rows."""
        return self.changes(EVERYTHING)

    def wait(self, timeout_seconds: float) -> None:
        """Return once a notification comes, at the latest when the time is over."""
        with self._connected() as connection:
            for _ in connection.notifies(timeout=timeout_seconds, stop_after=1):
                return

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        try:
            if self._connection is None:
                self._connection = connect(self._parameters)
            yield self._connection
        except (psycopg.Error, OSError) as error:
            self.close()
            raise SourceUnavailable(
                f"PostgreSQL cannot be read: {' '.join(str(error).split())}"
            ) from error


def parameters_of(url: str, patience: Mapping[str, int] = PATIENCE) -> dict[str, Any]:
    """Give what libpq is to connect with: what the URL says and, where it says nothing about waiting, the patience.

    Raises ConfigError, which repeats nothing of the URL, if libpq cannot read it.
    """
    try:
        return {**patience, **conninfo_to_dict(url)}
    except psycopg.ProgrammingError:
        raise ConfigError(f"{PREFIX}DATABASE_URL: {urls.POSTGRESQL.fault}") from None


def connect(parameters: dict[str, Any]) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection that listens for new revisions and begins transactions where the code says so."""
    settings: dict[str, Any] = {"application_name": "keydesk replicator", **parameters}
    connection = psycopg.connect(**settings, autocommit=True)
    connection.execute(f"LISTEN {CHANNEL}")
    return connection


def read_head(connection: psycopg.Connection[tuple[Any, ...]]) -> Head:
    """Give the head, its epoch with the server's timeline, whether the server is a standby, and its clock."""
    ((is_standby, timeline, clock_ms),) = connection.execute(QUERIES["standing"]).fetchall()
    head = to_head(connection.execute(QUERIES["head"]).fetchone(), is_standby=is_standby)
    return replace(head, epoch=history_of(head.epoch, timeline), clock_ms=clock_ms)


def read_rows(connection: psycopg.Connection[tuple[Any, ...]], after: int) -> Iterator[Published]:
    """Give the published rows above a revision, kind by kind, without ever holding them all."""
    for kind, query in ROW_QUERIES.items():
        asked = query.replace(":after", "%(after)s")
        with connection.cursor(binary=True) as cursor:
            rows = cursor.stream(asked, {"after": after}, size=ROWS_AT_ONCE)
            while some := within(STALL_SECONDS, rows, connection):
                for values in some:
                    yield Published(kind, values)


def within(
    seconds: float, rows: Iterator[Any], connection: psycopg.Connection[tuple[Any, ...]]
) -> list[Any]:
    """Give the next rows, none at their end; raises TimeoutError if they take longer."""
    with cut_after(seconds, connection):
        return list(islice(rows, ROWS_TOGETHER))
