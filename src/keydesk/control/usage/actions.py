"""Taking home what verifiers have counted: each entry once, however often it is delivered."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import require
from keydesk.control.access.roles import Permission
from keydesk.control.catalog.models import Product
from keydesk.control.keys.models import ApiKey
from keydesk.control.usage.models import (
    AccountCount,
    KeyAddress,
    KeySighting,
    RefusedRequest,
    StrangerCount,
    UsageCount,
    UsageSource,
)
from keydesk.control.usage.rules import Place, Sums
from keydesk.core.usage import Batch, Entry

MORE: Final = "held.number + EXCLUDED.number"
LATER: Final = (
    "CASE WHEN EXCLUDED.last_at > held.last_at THEN EXCLUDED.{column} ELSE held.{column} END"
)
MANY: Final = {"number": MORE, "last_at": LATER.format(column="last_at")}
"""What becomes of a row that is there already."""


class Recorded(NamedTuple):
    """What became of a batch."""

    taken: int
    """Entries that were new."""
    left_out: int
    """Requests with keys that are not there."""


def record_usage(actor: Actor, *, batch: Batch) -> Recorded:
    """Add what a process has counted to what is known; an entry that was taken before is passed by.

    A process numbers its entries, delivers them in order, and each one's number is noted in the transaction that adds
    it up: whatever was delivered twice, as after an answer that was lost, counts once. It leaves no audit event, since
    it changes nothing that anybody decides, and happens every second.
    Raises Refused `permission_denied`.
    """
    require(actor, Permission.USAGE_RECORD)
    with transaction.atomic():
        entries = _new_entries(batch)
        places = _places_of(entries)
        sums = Sums(
            keys=places,
            products=set(Product.objects.values_list("pk", flat=True)),
            now=int(timezone.now().timestamp()),
        )
        sums.add(entries)
        for write in (
            _add_counts,
            _add_account_counts,
            _note_sights,
            _add_addresses,
            _add_strangers,
        ):
            write(sums)
        _keep_refused(sums, places)
    return Recorded(len(entries), sums.left_out)


def _new_entries(batch: Batch) -> list[Entry]:
    """Give the entries that were not taken before, and note them as taken, under the source's lock."""
    now = timezone.now()
    UsageSource.objects.get_or_create(source=batch.source, defaults={"taken_at": now})
    held = UsageSource.objects.select_for_update().get(pk=batch.source)
    entries = []
    for entry in batch.entries:
        if entry.sequence > held.sequence:
            held.sequence = entry.sequence
            entries.append(entry)
    if entries:
        held.taken_at = now
        held.save(update_fields=["sequence", "taken_at"])
    return entries


def _places_of(entries: list[Entry]) -> dict[str, Place]:
    """Give where each key belongs that is named and is there."""
    named = {count.key for entry in entries for count in entry.counts}
    named |= {call.key for entry in entries for call in entry.refused}
    keys = ApiKey.objects.filter(pk__in=named).values_list("pk", "account_id", "environment")
    return {key: Place(*place) for key, *place in keys}


def _add_counts(sums: Sums) -> None:
    columns = ("key_id", "span", "starts_at", "code", "product", "environment")
    rows = [(*row, number) for row, number in sorted(sums.counts.items())]
    _upsert(UsageCount, columns, {"number": MORE}, rows)


def _add_account_counts(sums: Sums) -> None:
    columns = ("account_id", "environment", "span", "starts_at", "code")
    rows = [(*row, number) for row, number in sorted(sums.of_accounts().items())]
    _upsert(AccountCount, columns, {"number": MORE}, rows)


def _note_sights(sums: Sums) -> None:
    rows = [(key, *seen) for key, seen in sorted(sums.sights.items())]
    later = {"last_at": LATER.format(column="last_at"), "address": LATER.format(column="address")}
    _upsert(KeySighting, ("key_id",), later, rows)


def _add_addresses(sums: Sums) -> None:
    rows = [(*place, *many) for place, many in sorted(sums.addresses.items())]
    _upsert(KeyAddress, ("key_id", "day", "address"), MANY, rows)


def _add_strangers(sums: Sums) -> None:
    rows = [(*place, *many) for place, many in sorted(sums.strangers.items())]
    _upsert(StrangerCount, ("day", "prefix", "address", "code"), MANY, rows)


def _upsert(
    model: type[Model], place: tuple[str, ...], changes: dict[str, str], rows: list[tuple[Any, ...]]
) -> None:
    """Add rows, or change those that are there already; sorted, so that two batches never wait for each other."""
    table, columns = model._meta.db_table, (*place, *changes)  # noqa: SLF001 - Django documents this attribute
    sets = ", ".join(f"{name} = {value}" for name, value in changes.items())
    statement = (
        f"INSERT INTO {table} AS held ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608 - our own names
        f"ON CONFLICT ({', '.join(place)}) DO UPDATE SET {sets}"
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _keep_refused(sums: Sums, places: Mapping[str, Place]) -> None:
    """Keep refused calls under their request ids; one that is there already stays as it is."""
    latest = timezone.now().timestamp()
    rows = [
        RefusedRequest(
            request_id=call.request_id,
            account_id=places[call.key].account,
            key_id=call.key,
            code=call.code,
            product=sums.product(call.product),
            environment=call.environment,
            address=call.address or "",
            at=datetime.fromtimestamp(min(call.at, latest), UTC),
        )
        for call in sums.refused
    ]
    RefusedRequest.objects.bulk_create(rows, ignore_conflicts=True)
