"""Events and entries as the database holds them, read past Django: what somebody has put there may be anything."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from django.db import connection

from keydesk.control.audit.rules import FIELDS, canonical

A_PAGE: Final = 2_000
LEAST: Final = -(2**63)
"""Below every number that a row can have, and not 0: constraints can be dropped as well."""

_COLUMNS: Final = ", ".join(f"a.{name}" for name in (*FIELDS, "mac"))
_SAID: Final = len(FIELDS)
_LINKS: Final = f"""
SELECT e.number, e.hash, e.mac, e.seq, {_COLUMNS} FROM audit_entries e LEFT JOIN audit_events a ON a.seq = e.seq
WHERE (e.number, e.seq) > (%s, %s) ORDER BY e.number, e.seq LIMIT %s
"""  # noqa: S608 - the names are the code's own
_UNENTERED: Final = f"""
SELECT {_COLUMNS} FROM audit_events a LEFT JOIN audit_entries e ON e.seq = a.seq
WHERE e.seq IS NULL AND a.seq > %s AND a.seq <= %s ORDER BY a.seq
"""  # noqa: S608 - the names are the code's own
_AWAITED: Final = f"""
SELECT {_COLUMNS} FROM audit_waiting w JOIN audit_events a ON a.seq = w.seq LEFT JOIN audit_entries e ON e.seq = w.seq
WHERE e.seq IS NULL ORDER BY w.seq LIMIT %s
"""  # noqa: S608 - the names are the code's own
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

    number: int
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
    last = 0
    ((newest,),) = _rows("SELECT coalesce(max(seq), 0) FROM audit_events")
    while last < newest:
        yield from map(_stored, _rows(_UNENTERED, last, last + A_PAGE))
        last += A_PAGE


def events_awaited(most: int) -> list[StoredEvent]:
    """Give so many of the events that wait for their entry, the lowest numbers first."""
    return [_stored(row) for row in _rows(_AWAITED, most)]


def numbers_without_event() -> list[int]:
    """Give the numbers of events that were written, wait for their entry, and are gone."""
    return [seq for (seq,) in _rows(_GONE)]


def _rows(statement: str, *values: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _stored(row: Sequence[Any]) -> StoredEvent:
    """Give an event from its columns and its MAC, as either database gives them."""
    values, mac = list(row[:_SAID]), _octets(row[_SAID])
    said = dict(zip(FIELDS, values, strict=True))
    try:
        said["at"] = _moment(said["at"])
        said["details"] = json.loads(said["details"])
        signed = canonical(list(said.values()))
    except (TypeError, ValueError, RecursionError):
        signed = repr(values).encode(errors="backslashreplace")
        return StoredEvent(said["seq"], signed, mac, None, "", {})
    return StoredEvent(said["seq"], signed, mac, said["at"], said["event"], said["details"])


def _octets(value: Any) -> bytes:
    """Give bytes as the drivers do, none for what is no bytes."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _moment(value: datetime | str) -> datetime:
    """Give a moment in UTC: SQLite holds it as a text without a zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(value).replace(tzinfo=UTC)
