"""A desk moves from SQLite into PostgreSQL whole, or not at all."""

import base64
import json
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from types import SimpleNamespace

import psycopg
import pysqlite3
import pytest
from tests.fixtures.desk import RunningDesk, status_of, wait_until
from tests.fixtures.hosts import Host

from keydesk.config import Config, Secret
from keydesk.core.digest import row_checker
from keydesk.replica.sources.contract import SourceUnavailable
from keydesk.replica.sources.postgres import PostgresSource
from keydesk.replica.sources.sqlite import SqliteSource
from keydesk.replica.trust import judge
from keydesk.server.moving import MADE_THERE, moved_models
from keydesk.server.start import sole_desk

OPENED = """
import django; django.setup()
from keydesk.control.feed.digests import digester
from keydesk.control.keys.models import ApiKey
from keydesk.control.vault.safe import SealedCopy, open_sealed
for key in ApiKey.objects.exclude(sealed=None).select_related("data_key").order_by("id"):
    copy = SealedCopy(key.data_key, bytes(key.sealed))
    text = open_sealed(copy, account_id=key.account_id, key_id=key.id, digest=bytes(key.digest))
    print(key.id, digester()(text) == bytes(key.digest))
"""
ENTERED = """
import django; django.setup()
from keydesk.control.chain.actions import enter_events
while enter_events():
    pass
"""
UNFINISHED = "A move of data into this database was not finished"


@pytest.fixture(scope="module")
def filled_once(tmp_path_factory, prepared_once):
    """A data folder as large as the demo's."""
    made = Host(tmp_path_factory.mktemp("filled") / "data")
    shutil.copytree(prepared_once, made.folder)
    (made.folder / "demo.json").write_text("{}")
    made.run(["seed"], MAILBOX="true")
    run_program(ENTERED, made.environment)
    return made.folder


def run_program(text, environment):
    """Give what a program says that sets Django up by itself."""
    return subprocess.run(
        [sys.executable, "-c", text],
        env={**environment, "DJANGO_SETTINGS_MODULE": "keydesk.server.settings"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@contextmanager
def new_database(postgres):
    """Give an empty database, and how a desk is told to use it."""
    name = f"moved_{secrets.token_hex(8)}"
    postgres.ask(f"CREATE DATABASE {name}")
    url = postgres.url(name)
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        yield SimpleNamespace(
            url=url,
            setting={"KEYDESK_DATABASE_URL": url},
            ask=lambda statement: connection.execute(statement).fetchall(),
        )


@pytest.fixture
def target(postgres):
    with new_database(postgres) as target:
        yield target


@pytest.fixture(scope="module")
def moved(postgres, filled_once):
    """A desk that has moved, for tests that look at it or add to it: its host, its database and what moved."""
    host = Host(filled_once)
    row_mac_key = Config(data_dir=host.folder).require_secret(Secret.ROW_MAC_KEY)
    with new_database(postgres) as target:
        asked(host, "UPDATE sqlite_sequence SET seq = 7000 WHERE name = 'users'")
        assert "Everything has arrived" in move(host, target)
        yield SimpleNamespace(
            host=host,
            target=target,
            before=published(SqliteSource(host.folder / "keydesk.sqlite3"), row_mac_key),
            after=published(PostgresSource(target.url), row_mac_key),
        )


def move(host, target, **options):
    return host.run(["migrate-data", "--to", target.url], **options)


def asked(host, statement):
    with closing(pysqlite3.connect(host.folder / "keydesk.sqlite3")) as database:
        found = database.execute(statement).fetchall()
        database.commit()
        return found


def published(source, row_mac_key):
    """Give a source's head and its rows as a replicator judges them, sorted."""
    matches = row_checker(row_mac_key)
    with source.snapshot() as reading:
        rows = [judge(row, reading.head, mac_matches=matches) for row in reading.rows]
    source.close()
    return reading.head, sorted(rows, key=repr)


def test_every_table_that_there_is_moves_or_is_made_there(desk):
    tables = {name for (name,) in asked(desk, "SELECT name FROM sqlite_master WHERE type = 'table'")}  # fmt: skip
    moved = {model._meta.db_table for model in moved_models()}
    assert moved.isdisjoint(MADE_THERE)
    assert tables - {"sqlite_sequence"} == moved | MADE_THERE


def test_what_verifiers_follow_is_the_same_in_a_new_history(moved):
    (head, rows), (new_head, new_rows) = moved.before, moved.after
    assert len(rows) > 20
    assert new_rows == rows
    assert (new_head.revision, new_head.epoch == head.epoch) == (head.revision, False)


def test_the_audit_trail_keeps_its_numbers_and_goes_on_after_them(moved):
    trail = "SELECT seq, event, actor_kind, actor_label, object_id FROM audit_events ORDER BY seq"
    before, there = asked(moved.host, trail), moved.target.ask(trail)
    assert there[: len(before)] == before
    moved.host.run(["product", "create", "qris", "--name", "QRIS"], **moved.target.setting)
    (number, event, *_), *rest = moved.target.ask(trail)[len(there) :]
    assert (number, event, rest) == (there[-1][0] + 1, "product.created", [])


def test_the_audit_trail_is_as_whole_as_before(moved):
    ((before,),) = asked(moved.host, "SELECT max(number) FROM audit_entries")
    told = moved.host.run(["audit", "verify"], **moved.target.setting)
    assert told.startswith(f"The audit trail is whole.\nEntries: {before:,}, up to ")


def test_a_number_that_was_given_once_is_not_given_again(moved):
    asked_for = "SELECT nextval(pg_get_serial_sequence('users', 'id'))"
    assert moved.target.ask(asked_for) == [(7001,)]


def test_every_sealed_key_opens_with_the_same_secrets(moved):
    sealed = asked(moved.host, "SELECT id FROM api_keys WHERE sealed IS NOT NULL ORDER BY id")
    told = run_program(OPENED, moved.host.environment | moved.target.setting).splitlines()
    assert len(sealed) > 3
    assert [line for line in told if line.split()[0] in {name for (name,) in sealed}] == [
        f"{name} True" for (name,) in sealed
    ]


def test_a_moved_desk_decides_by_old_keys_and_by_new_ones(moved, tmp_path):
    old = json.loads((moved.host.folder / "demo.json").read_text())["example_key"]
    environment = moved.host.environment | moved.target.setting
    desk = RunningDesk("serve", environment, tmp_path / "output.log")

    def decision(key):
        return status_of(f"{desk.verifier_url}/v1/authorize/disbursement", {"x-api-key": key})

    try:
        desk.wait_until_up()
        assert decision(old) == 200
        command = ["key", "generate", "sinarabadi", "disbursement", "--name", "New"]
        new = moved.host.run(command, **moved.target.setting).strip()
        wait_until(lambda: decision(new) == 200, seconds=30, what="the new key works")
        ((key_id,),) = moved.target.ask("SELECT id FROM api_keys WHERE name = 'New'")
        moved.host.run(["key", "revoke", key_id], **moved.target.setting)
        wait_until(lambda: decision(new) == 401, seconds=30, what="the new key ends")
    finally:
        desk.stop()


def test_the_database_guards_what_has_moved_as_it_guards_the_rest(moved):
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="are kept"):
        moved.target.ask("DELETE FROM api_keys")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="are kept"):
        moved.target.ask("UPDATE audit_events SET event = 'nothing'")


def test_a_url_with_its_password_comes_from_a_file(desk, target, tmp_path):
    (tmp_path / "url").write_text(target.url.replace("keydesk@", "keydesk:secret@") + "\n")
    assert "Everything has arrived" in desk.run(["migrate-data", "--to-file", str(tmp_path / "url")])  # fmt: skip


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:hunter2@db/keydesk", "postgresql://db/keydesk?user=me&password=hunter2"],
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(desk, url):
    said = desk.run(["migrate-data", "--to", url], says_no=True)
    assert "--to carries a password" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("given", [[], ["--to", "postgresql://db/a", "--to-file", "b"]])
def test_there_is_one_target(desk, given):
    assert "Say where to move the data" in desk.run(["migrate-data", *given], says_no=True)


def test_a_desk_that_runs_is_not_moved(desk, target):
    with sole_desk(desk.folder):
        assert "Another Keydesk runs" in move(desk, target, says_no=True)
    assert target.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_a_target_that_holds_anything_is_left_alone(desk, target):
    with closing(psycopg.connect(target.url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE theirs (one int)")
    assert "not empty: it has 1 tables, such as theirs" in move(desk, target, says_no=True)
    assert target.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("theirs",)]  # fmt: skip


def test_a_desk_is_not_moved_with_other_secrets_than_its_own(desk, target):
    (desk.folder / "secrets" / Secret.PEPPER).write_bytes(base64.b64encode(secrets.token_bytes(32)))
    assert "The secret pepper is not the one" in move(desk, target, says_no=True)
    assert target.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_a_target_that_does_not_answer_is_told(desk):
    said = desk.run(["migrate-data", "--to", "postgresql://127.0.0.1:1/none"], says_no=True)
    assert said.startswith("keydesk: The target does not answer: ")


def test_a_desk_that_is_on_postgresql_already_is_told(desk, target):
    assert "on PostgreSQL already" in move(desk, target, says_no=True, **target.setting)


def test_a_host_without_a_desk_has_nothing_to_move(host, target):
    host.run(["init"])
    assert "There is nothing to move" in move(host, target, says_no=True)


def refuses_to_be_used(host, target):
    """Say whether each part of Keydesk turns down a target that was filled in part."""
    commands = [["migrate"], ["migrate", "--check"], ["serve"]]
    told = [
        subprocess.run(
            [sys.executable, "-m", "keydesk", *command],
            env=host.environment | target.setting,
            check=False,
            capture_output=True,
            text=True,
        )
        for command in commands
    ]
    return [(each.returncode, UNFINISHED in each.stdout + each.stderr) for each in told] == [
        (1, True)
    ] * len(commands)


def test_a_row_that_postgresql_does_not_take_stops_all_of_it_until_it_is_mended(desk, target):
    asked(desk, "UPDATE accounts SET name = 'PT Sinar' || char(0)")
    said = move(desk, target, says_no=True)
    assert said.startswith("keydesk: The data was not moved: ")
    assert refuses_to_be_used(desk, target)
    assert target.ask("SELECT count(*) FROM accounts") == [(0,)]
    source = PostgresSource(target.url)
    with pytest.raises(SourceUnavailable, match="no head"):
        source.head()
    source.close()
    asked(desk, "UPDATE accounts SET name = 'PT Sinar'")
    assert "Everything has arrived" in move(desk, target)
    assert target.ask("SELECT name FROM accounts") == [("PT Sinar",)]


def test_a_move_that_was_killed_leaves_the_source_and_can_be_run_again(desk, target):
    before = asked(desk, "SELECT revision, epoch FROM feed_head")
    move_of = [sys.executable, "-m", "keydesk", "migrate-data", "--to", target.url]
    moving = subprocess.Popen(move_of, env=desk.environment, start_new_session=True)
    there = "SELECT 1 FROM pg_tables WHERE tablename = 'unfinished_move'"
    wait_until(lambda: target.ask(there), seconds=60, what="the move has begun")
    moving.send_signal(signal.SIGKILL)
    assert moving.wait(30) == -signal.SIGKILL
    assert refuses_to_be_used(desk, target)
    assert asked(desk, "SELECT revision, epoch FROM feed_head") == before
    wait_until(lambda: not_migrating(target), seconds=60, what="what it started has ended")
    assert "Everything has arrived" in move(desk, target)


def not_migrating(target):
    """Say whether nobody else is connected to the database."""
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    return target.ask(f"SELECT count(*) FROM pg_stat_activity WHERE {others}") == [(0,)]
