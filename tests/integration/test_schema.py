"""The database is of this code's version, or it says so."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

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
        cursor.execute("DELETE FROM django_migrations WHERE name = '0002_interface'")
    assert (pending_migrations(), unknown_migrations()) == (["0002_interface"], [])
