"""What the follower needs of a source of published rows, whatever database stands behind it."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from keydesk.core.records import RECORD_TYPES, Record
from keydesk.replica.layout import Head

EVERYTHING: Final = -1
"""The revision that lies before all others."""


class SourceUnavailable(Exception):  # noqa: N818 - it names a state, not a mistake
    """The source cannot be read at the moment; the message says why. The same source may be tried again."""


class Published(NamedTuple):
    """A row as a source holds it, not yet trusted: the values of its view's columns."""

    kind: type[Record]
    values: tuple[Any, ...]


class Reading(NamedTuple):
    """The head and the rows of one consistent view of the source. The rows can be read once, while it is open.

    A source that is read in parts gives, before each later part, the head as of then; the last one counts.
    """

    head: Head
    rows: Iterator[Published | Head]


class Source(Protocol):
    """A database or a relay that publishes rows.

    Every method raises SourceUnavailable, and connects anew the next time.
    """

    def head(self) -> Head:
        """Give where the source stands now."""

    def changes(self, after: int) -> AbstractContextManager[Reading]:
        """Give the rows whose revision is above `after`; of a relay, those that changed after that position."""

    def snapshot(self) -> AbstractContextManager[Reading]:
        """Give all rows."""

    def wait(self, timeout_seconds: float) -> None:
        """Return as soon as there may be something new, at the latest when the time is over."""

    def close(self) -> None:
        """Let go of the source."""


def read_queries(path: Path) -> dict[str, str]:
    """Give the statements of an SQL file by the names above them."""
    parts = re.split(r"^-- name: (\w+)$", path.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


QUERIES: Final = read_queries(Path(__file__).with_name("queries.sql"))
KINDS: Final = {kind.kind: kind for kind in RECORD_TYPES}
ROW_QUERIES: Final = {kind: QUERIES[kind.kind] for kind in RECORD_TYPES}


def to_head(found: tuple[Any, ...] | None, *, is_standby: bool = False) -> Head:
    """Give the head that a database answered. Raises SourceUnavailable if that is none."""
    if found is None:
        raise SourceUnavailable("The feed has no head: the database is not set up.")
    try:
        epoch, revision, heartbeat_at = msgspec.convert(found, tuple[str, int, int])
    except msgspec.ValidationError as error:
        raise SourceUnavailable(f"The feed's head makes no sense: {error}.") from error
    return Head(epoch, revision, heartbeat_at, is_standby)
