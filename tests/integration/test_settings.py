"""The database is set up to keep what it acknowledges, and nothing is signed with a key that others could know."""

import base64

import pytest
from django.conf import settings
from django.db import connection

from keydesk.config import Config, ConfigError, Secret
from keydesk.replica.sources.postgres import PATIENCE
from keydesk.server.settings import database, names_of_this_host, signing_key
from keydesk.server.sqlite import require_safe

SQLITE = {
    "journal_mode": "wal",
    "synchronous": 2,
    "secure_delete": 1,
    "trusted_schema": 0,
    "recursive_triggers": 1,
    "busy_timeout": 5000,
    "foreign_keys": 1,
}


@pytest.mark.sqlite
def test_sqlite_keeps_what_it_acknowledges_and_overwrites_what_it_deletes(db):
    with connection.cursor() as cursor:
        found = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in SQLITE}
    assert found == SQLITE


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2)])
def test_an_sqlite_that_can_damage_a_shared_database_is_refused(version):
    with pytest.raises(ConfigError, match="SQLite"):
        require_safe(version)
    require_safe((3, 51, 3))


def test_without_a_session_key_each_process_signs_with_a_key_of_its_own(tmp_path):
    config = Config(data_dir=tmp_path)
    assert signing_key(config) != signing_key(config)


def test_the_signing_key_follows_from_the_session_key_and_is_not_it():
    config = settings.KEYDESK
    session_key = config.require_secret(Secret.SESSION_KEY)
    assert signing_key(config) == signing_key(config) == settings.SECRET_KEY
    assert settings.SECRET_KEY not in {session_key.hex(), base64.b64encode(session_key).decode()}


def test_a_postgresql_url_says_all_that_a_connection_needs():
    url = "postgresql://desk:s3cret@db.example:6432/keydesk?sslmode=verify-full"
    described = database(Config(database_url=url))
    assert {name: described[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")} == {
        "NAME": "keydesk",
        "USER": "desk",
        "PASSWORD": "s3cret",
        "HOST": "db.example",
        "PORT": "6432",
    }
    assert described["OPTIONS"] == {
        **PATIENCE,
        "sslmode": "verify-full",
        "application_name": "keydesk desk",
        "options": "-c lock_timeout=5s -c statement_timeout=5s",
    }


def test_what_a_url_says_itself_about_waiting_wins():
    url = "postgresql://db.example/keydesk?connect_timeout=9&options=-c%20lock_timeout%3D1s"
    options = database(Config(database_url=url))["OPTIONS"]
    assert options["connect_timeout"] == "9"
    assert options["options"].endswith("-c lock_timeout=1s")


@pytest.mark.postgresql
def test_postgresql_gives_up_on_what_takes_longer_than_a_page_may_wait(db):
    shown = {}
    with connection.cursor() as cursor:
        for name in ("lock_timeout", "statement_timeout"):
            shown[name] = cursor.execute(f"SHOW {name}").fetchone()[0]
    assert shown == {"lock_timeout": "5s", "statement_timeout": "5s"}


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({}, ["localhost", "127.0.0.1", "[::1]"]),
        (
            {"public_url": "https://desk.example"},
            ["localhost", "127.0.0.1", "[::1]", "desk.example"],
        ),
        ({"host": "0.0.0.0"}, ["*"]),
        ({"host": "127.0.0.2"}, ["localhost", "127.0.0.1", "[::1]", "127.0.0.2"]),
        ({"host": "::1"}, ["localhost", "127.0.0.1", "[::1]"]),
        (
            {"host": "0.0.0.0", "public_url": "https://desk.example"},
            ["localhost", "127.0.0.1", "[::1]", "desk.example"],
        ),
    ],
)
def test_pages_answer_to_the_names_of_this_desk_alone(where, names):
    assert names_of_this_host(Config(**where)) == names
