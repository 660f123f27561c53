"""What verifiers read of this database is what its rows say, and nobody can take a row away."""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from tests.fixtures.generating import generated

from keydesk.config import Secret
from keydesk.control.credentials.actions import create_credential
from keydesk.control.feed import interface
from keydesk.control.feed.actions import publish
from keydesk.control.feed.models import Published
from keydesk.control.keys.models import ApiKey
from keydesk.core.digest import row_mac_matches
from keydesk.core.records import (
    RECORD_TYPES,
    CredentialRecord,
    Environment,
    KeyRecord,
    KeyState,
    ProductRecord,
    ServiceScope,
)

PUBLISHED = sorted(
    (model for model in apps.get_models() if issubclass(model, Published)),
    key=lambda model: model.__name__,
)
VIEWS = {
    "key": "verify_keys_v2",
    "account": "verify_accounts_v2",
    "product": "verify_products_v2",
    "entitlement": "verify_entitlements_v2",
    "credential": "verify_credentials_v1",
}


def rows_of(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def record_in(row, record_type):
    """Read a record out of a view's row, as a replicator does."""
    values = {name: row[name] for name in record_type.__struct_fields__}
    if record_type in {KeyRecord, CredentialRecord}:
        values["digest"] = bytes(row["digest"])
    for name in {"scopes", "networks", "limits"} & values.keys():
        values[name] = tuple(row[name].split())
    if record_type is ProductRecord:
        values["requires_username"] = bool(row["requires_username"])
    return record_type(**values)


def let_one_retire():
    """Give one key both of its moments, with fractions that no record may round up."""
    key = ApiKey.objects.filter(environment=Environment.TEST).get()
    key.state = str(KeyState.RETIRING)
    key.retires_at = datetime(2030, 1, 2, 3, 4, 5, 900_000, tzinfo=UTC)
    key.expires_at = datetime(2031, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
    with transaction.atomic():
        publish(key)


@pytest.fixture
def everything(sinar, samudra, disbursement, inquiry, host):
    """At least one published row of every kind."""
    for environment in Environment:
        generated(sinar, environment=environment)
    let_one_retire()
    soon = timezone.now() + timedelta(days=1)
    create_credential(
        host, name="Gateway", scopes={ServiceScope.VERIFY, ServiceScope.USAGE}, expires_at=soon
    )


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.__name__)
def test_the_view_gives_the_record_of_every_row_and_its_right_mac(model, everything):
    rows = {row.revision: row for row in model.objects.all()}
    record_type = type(next(iter(rows.values())).record())
    seen = {row["revision"]: row for row in rows_of(f"SELECT * FROM {VIEWS[record_type.kind]}")}
    key = settings.KEYDESK.require_secret(Secret.ROW_MAC_KEY)
    assert {revision: record_in(row, record_type) for revision, row in seen.items()} == {
        revision: row.record() for revision, row in rows.items()
    }
    assert all(
        row_mac_matches(key, rows[revision].record(), bytes(row["mac"]))
        for revision, row in seen.items()
    )


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.__name__)
def test_a_views_columns_are_the_records_fields_in_order_and_the_mac(model, everything):
    record_type = type(model.objects.first().record())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {VIEWS[record_type.kind]}")
        columns = [column[0] for column in cursor.description]
    assert columns == [
        *msgspec.structs.fields(record_type)[0:0],
        *record_type.__struct_fields__,
        "mac",
    ]


def test_every_kind_of_record_has_a_view_and_a_table(db):
    assert set(VIEWS) == {record_type.kind for record_type in RECORD_TYPES}
    assert {*VIEWS.values(), "verify_head_v1"} == set(interface.VIEWS)
    assert len(PUBLISHED) == len(RECORD_TYPES)


def test_one_changed_field_breaks_a_rows_mac(everything, sinar):
    key = settings.KEYDESK.require_secret(Secret.ROW_MAC_KEY)
    record = sinar.record()
    changed = [
        msgspec.structs.replace(record, **{name: 7 if name == "revision" else "x"})
        for name in record.__struct_fields__
    ]
    assert [row_mac_matches(key, other, bytes(sinar.mac)) for other in changed] == [False] * 5
    assert row_mac_matches(key, record, bytes(sinar.mac))


@pytest.mark.parametrize("table", interface.KEPT)
def test_the_database_refuses_to_delete_a_kept_row(table, everything):
    before = rows_of(f"SELECT * FROM {table}")
    assert before
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
    assert rows_of(f"SELECT * FROM {table}") == before


def test_the_database_refuses_to_change_an_audit_event(everything):
    before = rows_of("SELECT * FROM audit_events")
    assert before
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_events SET actor_label = 'nobody'")
    assert rows_of("SELECT * FROM audit_events") == before


@pytest.mark.sqlite
@pytest.mark.parametrize("table", interface.KEPT)
def test_sqlite_refuses_to_put_another_row_in_a_kept_ones_place(table, everything):
    before = rows_of(f"SELECT * FROM {table}")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    assert rows_of(f"SELECT * FROM {table}") == before


@pytest.mark.postgresql
@pytest.mark.parametrize("table", interface.KEPT)
def test_postgresql_refuses_to_empty_a_kept_table(table, everything):
    before = rows_of(f"SELECT * FROM {table}")
    with connection.cursor() as cursor:
        # What the test has written is checked now; PostgreSQL would refuse for that alone.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")
    assert rows_of(f"SELECT * FROM {table}") == before


@pytest.mark.parametrize(
    ("vendor", "frozen"),
    [
        ("sqlite", "540874a40dfb42bd98dd3f6b59f5ba8e0f0b60b69d8c6689d8b1fc029b52ad0a"),
        ("postgresql", "fe29ed56fcdaa5eb05808bf03a8f648f21714ac108f9ebe18adf17219bc1e682"),
    ],
)
def test_the_sql_of_the_first_interface_is_the_one_that_databases_were_made_with(vendor, frozen):
    statements = "\n".join(interface.creating(vendor))
    assert hashlib.sha256(statements.encode()).hexdigest() == frozen
