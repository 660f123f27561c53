"""The database is of this code's version, or it says so; on the way there nothing that was promised is lost."""

import re
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from keydesk.control.chain.actions import enter_events
from keydesk.control.chain.verification import verify_trail
from keydesk.control.checks import pending_migrations, unknown_migrations

pytestmark = pytest.mark.django_db


def test_the_migrations_make_the_tables_that_the_code_describes():
    call_command("makemigrations", "control", check=True, dry_run=True, verbosity=0)
    assert (pending_migrations(), unknown_migrations()) == ([], [])


def test_a_database_newer_than_the_code_is_found():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, %s)",
            ["control", "9999_from_the_future", timezone.now()],
        )
    assert (pending_migrations(), unknown_migrations()) == ([], ["9999_from_the_future"])


def test_a_database_older_than_the_code_is_found():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '0009_interface'")
    assert (pending_migrations(), unknown_migrations()) == (["0009_interface"], [])


TRIGGER = re.compile(r"\s*(CREATE|DROP) TRIGGER (\w+)(?:.*? ON (\w+))?", re.DOTALL)
TRIGGERS = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": (
        "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE NOT tgisinternal"
    ),
}


@pytest.fixture
def new_database(transactional_db, tmp_path):
    """Let Django speak to a new database without tables, on the server that the run has, until the test ends."""
    described = connection.settings_dict
    before = described["NAME"]
    name = f"{before}_from_the_beginning"  # each process of the run has a database of its own
    on_server = connection.vendor == "postgresql"
    if on_server:
        say_to_server(f"CREATE DATABASE {name}")
    connection.close()
    described["NAME"] = name if on_server else str(tmp_path / "new.sqlite3")
    yield
    connection.close()
    described["NAME"] = before
    if on_server:
        say_to_server(f"DROP DATABASE {name}")


def say_to_server(statement):
    """Execute what may take longer than a page would wait for: the server copies and removes files."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(statement)
    connection.close()


@contextmanager
def noting_triggers():
    """Give which triggers were made and not taken away meanwhile, each with its table."""
    made = {}

    def note(execute, statement, params, many, context):
        found = TRIGGER.match(statement)
        if found and found[1] == "CREATE":
            made[found[2]] = found[3]
        elif found:
            del made[found[2]]
        return execute(statement, params, many, context)

    with connection.execute_wrapper(note):
        yield made


@pytest.mark.django_db(transaction=True)
def test_events_from_before_the_chain_are_signed_and_wait_for_their_entry(new_database):
    call_command("migrate", "control", "0012", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_events (at, actor_kind, actor_label, request_id, session_ref, event, object_id, "
            "details) VALUES (%s, 'host', 'host', '', '', 'key.revoked', 'key_old', '{}')",
            ["2026-01-02 03:04:05.678901"],
        )
    call_command("migrate", verbosity=0)
    assert enter_events() == 1
    assert verify_trail([], tell=pytest.fail).entries == 1


@pytest.mark.django_db(transaction=True)
def test_no_migration_loses_a_trigger_that_another_has_made(new_database):
    with noting_triggers() as made:
        call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS[connection.vendor])
        kept = dict(cursor.fetchall())
    assert kept == made
    assert {"api_keys_stay_revoked", "audit_events_no_update"} <= kept.keys()
