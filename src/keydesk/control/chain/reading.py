"""Events and entries as the database holds them, read past Django: what somebody has put there may be anything."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from django.db import connection

from keydesk.control.audit.rules import FIELDS, canonical
from keydesk.core.strict_json import refuse_repeated_names

A_PAGE: Final = 2_000
NEWEST: Final = 500
"""So many of the newest events are looked at for one that should be in an entry."""
LEAST: Final = -(2**63)
"""Below every number that a row can have, and not 0: constraints can be dropped as well."""

_MOMENTS: Final = {"postgresql": "(a.at AT TIME ZONE 'UTC')::text", "sqlite": "+a.at"}
"""How each database gives a moment as a text: its driver would fail at one that is out of its own range."""
_COLUMNS: Final = ", ".join("{at}" if name == "at" else f"a.{name}" for name in (*FIELDS, "mac"))
_SAID: Final = len(FIELDS)
_LINKS: Final = f"""
SELECT e.number, e.hash, e.mac, e.seq, {_COLUMNS} FROM audit_entries e LEFT JOIN audit_events a ON a.seq = e.seq
WHERE (e.number, e.seq) > (%s, %s) ORDER BY e.number, e.seq LIMIT %s
"""  # noqa: S608 - the names are the code's own
_PAGE_END: Final = """
SELECT max(seq) FROM (SELECT seq FROM audit_events WHERE seq > %s ORDER BY seq LIMIT %s) AS page
"""
_UNENTERED: Final = f"""
SELECT {_COLUMNS} FROM audit_events a LEFT JOIN audit_entries e ON e.seq = a.seq
WHERE e.seq IS NULL AND a.seq > %s AND a.seq <= %s ORDER BY a.seq
"""  # noqa: S608 - the names are the code's own
_AWAITED: Final = f"""
SELECT {_COLUMNS} FROM audit_waiting w JOIN audit_events a ON a.seq = w.seq LEFT JOIN audit_entries e ON e.seq = w.seq
WHERE e.seq IS NULL ORDER BY w.seq LIMIT %s
"""  # noqa: S608 - the names are the code's own
_LATE: Final = """
SELECT count(*), min({at}) FROM (
  SELECT seq FROM audit_waiting UNION
  SELECT seq FROM (SELECT seq FROM audit_events ORDER BY seq DESC LIMIT %s) AS newest
) AS looked LEFT JOIN audit_entries e ON e.seq = looked.seq JOIN audit_events a ON a.seq = looked.seq
WHERE e.seq IS NULL AND a.at < %s
"""
_GONE: Final = """
SELECT w.seq FROM audit_waiting w LEFT JOIN audit_events a ON a.seq = w.seq WHERE a.seq IS NULL ORDER BY w.seq
"""


class StoredEvent(NamedTuple):
    """An audit event as it was read."""

    seq: int
    canonical: bytes
    """What it says; of one that nobody could have written in this way, bytes that no MAC fits."""
    mac: bytes
    at: datetime | None
    event: str
    details: Any


class Link(NamedTuple):
    """An entry as it was read, with its event; None where that is gone."""

    number: Any
    """A whole number, unless somebody has put there what Keydesk does not."""
    digest: bytes
    mac: bytes
    seq: int
    event: StoredEvent | None


def links() -> Iterator[Link]:
    """Give all entries in order, each with its event."""
    last = (LEAST, LEAST)
    while page := _rows(_LINKS, *last, A_PAGE):
        for number, digest, mac, seq, *rest in page:
            event = None if rest[0] is None else _stored(rest)
            yield Link(number, _octets(digest), _octets(mac), seq, event)
        last = (number, seq)


def events_without_entry() -> Iterator[StoredEvent]:
    """Give the events that are in no entry, by their numbers; it looks at all events there are."""
    last = LEAST
    while (end := _rows(_PAGE_END, last, A_PAGE)[0][0]) is not None:
        yield from map(_stored, _rows(_UNENTERED, last, end))
        last = end


def events_awaited(most: int) -> list[StoredEvent]:
    """Give so many of the events that wait for their entry, the lowest numbers first."""
    return [_stored(row) for row in _rows(_AWAITED, most)]


def numbers_without_event() -> list[int]:
    """Give the numbers of events that were written, wait for their entry, and are gone."""
    return [seq for (seq,) in _rows(_GONE)]


def late_events(before: datetime) -> tuple[int, datetime]:
    """Give how many events from before a moment are in no entry, and when the first was written.

    It looks at those that are noted as waiting and at the newest there are, and not at all the trail.
    """
    moment = connection.ops.adapt_datetimefield_value(before)
    ((count, first),) = _rows(_LATE, NEWEST, moment)
    return count, _moment_or(before, first)


def _rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    asked = statement.replace("{at}", _MOMENTS[connection.vendor])
    with connection.cursor() as cursor, _any_text():
        cursor.execute(asked, values)
        return list(cursor.fetchall())


@contextmanager
def _any_text() -> Iterator[None]:
    """Let SQLite give a text that is not UTF-8 too, for which its driver would else give none of the rows."""
    if connection.vendor != "sqlite":
        yield
        return
    driver = connection.connection
    before = driver.text_factory
    driver.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = before


def _stored(row: Sequence[Any]) -> StoredEvent:
    """Give an event from its columns and its MAC, as either database gives them."""
    values, mac = list(row[:_SAID]), _octets(row[_SAID])
    said = dict(zip(FIELDS, values, strict=True))
    try:
        said["at"] = _moment(said["at"])
        said["details"] = json.loads(said["details"], object_pairs_hook=refuse_repeated_names)
        signed = canonical(list(said.values()))
    except (TypeError, ValueError, RecursionError):
        signed = repr(values).encode(errors="backslashreplace")
        return StoredEvent(said["seq"], signed, mac, None, "", {})
    return StoredEvent(said["seq"], signed, mac, said["at"], said["event"], said["details"])


def _octets(value: Any) -> bytes:
    """Give bytes as the drivers do, none for what is no bytes."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _moment(text: str) -> datetime:
    """Give a moment from its text in UTC; raises TypeError or ValueError for what is none, or has a zone by itself."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError("The moment has a zone.")
    return moment.replace(tzinfo=UTC)


def _moment_or(default: datetime, text: str) -> datetime:
    """Give a moment from its text, the default for what is none."""
    try:
        return _moment(text)
    except (TypeError, ValueError):
        return default
