"""What stops a start is said in one sentence, before anything runs."""

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pysqlite3
import pytest
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import (
    RunningDesk,
    copy_demo,
    descendants,
    desk_environment,
    keydesk_afresh,
    lose_override,
    wait_until,
)

from keydesk.cli.facts import FORMAT
from keydesk.config import LASTING_SECRETS, Secret
from keydesk.server.start import sole_desk

powerless = partial(keydesk_afresh, preexec_fn=lose_override)


def refusal(command, environment, run=keydesk):
    """What a command says when it refuses: exit code 1, nothing on the output, no traceback."""
    refused = run(*command.split(), environment=environment)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Traceback" not in refused.stderr
    return refused.stderr


@pytest.mark.parametrize("setting", ["PORT", "VERIFIER_PORT", "METRICS_PORT"])
def test_a_taken_port_is_named_with_its_setting(prepared, setting):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refusal("serve", {**prepared, f"KEYDESK_{setting}": str(port)})
    assert f", port {port} on 127.0.0.1 is taken" in told
    assert f"set KEYDESK_{setting} to another port" in told
    assert told.count("\n") == 1


def opened_for_writing(pipe):
    """Open a named pipe once somebody reads from it, None until then."""
    try:
        return os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "w")
    except OSError:
        return None


def test_a_port_that_another_desk_took_while_this_one_looked_at_the_rest_is_told(
    prepared, prepared_once, tmp_path
):
    """The second start has seen that its ports are free, and waits for a secret while the first comes up."""
    os.mkfifo(pipe := tmp_path / "secret")
    slow = {**prepared, "KEYDESK_KEY_ENCRYPTION_KEY_FILE": str(pipe)}
    second = RunningDesk("serve", slow, tmp_path / "second.log")
    waiting = wait_until(lambda: opened_for_writing(pipe), seconds=60, what="it has come so far")
    shutil.copytree(prepared_once, tmp_path / "first")
    environment = desk_environment(tmp_path / "first", PORT=prepared["KEYDESK_PORT"])
    first = RunningDesk("serve", environment, tmp_path / "first.log")
    try:
        first.wait_until_up()
        with waiting:
            waiting.write(base64.b64encode(secrets.token_bytes(32)).decode())
        assert second.process.wait(60) == 1
    finally:
        first.stop()
        second.stop()
    assert second.told() == (
        f"keydesk: For the dashboard, port {prepared['KEYDESK_PORT']} on 127.0.0.1 is taken, perhaps by another "
        "Keydesk: stop what listens there, or set KEYDESK_PORT to another port.\n"
    )


@pytest.mark.parametrize(
    ("command", "host"),
    [
        *(("serve", host) for host in ("0.0.0.0", "::", "192.0.2.1")),
        *((command, "192.0.2.1") for command in ("dashboard", "verifier")),
    ],
)
def test_an_address_that_others_reach_needs_leave(prepared, command, host):
    """What an address is does not depend on who asks: each kind with one command, each command with one kind."""
    environment = {**prepared, "KEYDESK_HOST": host, "KEYDESK_VERIFIER_HOST": host}
    assert "--allow-remote" in refusal(command, environment)


def test_a_data_folder_that_cannot_be_written_is_named(prepared, tmp_path):
    blocked = tmp_path / "a file"
    blocked.touch()
    for command in ("init", "serve"):
        told = refusal(command, {**prepared, "KEYDESK_DATA_DIR": str(blocked)})
        assert str(blocked) in told
        assert "KEYDESK_DATA_DIR" in told


def test_a_demo_does_not_touch_a_folder_that_is_not_its_own(tmp_path):
    (tmp_path / "letter").write_text("mine")
    told = refusal("demo --reset", desk_environment(tmp_path))
    assert "is not the folder of a demo" in told
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def make_newer(folder):
    """Leave a database as a later version would."""
    with closing(pysqlite3.connect(folder / "keydesk.sqlite3")) as database, database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('control', '9999_later', '2030-01-01')"
        )


@pytest.mark.parametrize("command", ["serve", "dashboard", "migrate"])
def test_a_database_newer_than_the_code_is_left_alone(prepared, command):
    make_newer(Path(prepared["KEYDESK_DATA_DIR"]))
    told = refusal(command, prepared)
    assert "newer than this version of Keydesk" in told
    assert "9999_later" in told


def test_a_demo_on_a_database_newer_than_the_code_is_left_alone(demo_folder, tmp_path):
    copy_demo(demo_folder, tmp_path / "demo")
    make_newer(tmp_path / "demo")
    told = refusal("demo", desk_environment(tmp_path / "demo"))
    assert "newer than this version of Keydesk" in told
    assert "9999_later" in told


def test_a_database_that_was_never_made_is_told_apart(tmp_path):
    environment = desk_environment(tmp_path / "data")
    assert keydesk("init", environment=environment).returncode == 0
    assert "keydesk migrate" in refusal("serve", environment)


def test_a_setting_that_does_not_exist_stops_every_command(prepared):
    told = refusal("serve", {**prepared, "KEYDESK_PROT": "80"})
    assert told == "keydesk: KEYDESK_PROT is not a setting of Keydesk.\n"


def test_a_demo_never_fills_a_database_that_is_not_its_own(tmp_path):
    environment = desk_environment(tmp_path / "demo", DATABASE_URL="postgresql://db.example/desk")
    assert "unset KEYDESK_DATABASE_URL" in refusal("demo", environment)


def test_a_demo_of_another_version_is_told_how_to_start_afresh(tmp_path):
    (tmp_path / "demo.json").write_text('{"format": 0}')
    assert "make demo ARGS=--reset" in refusal("demo", desk_environment(tmp_path))


@pytest.mark.parametrize("path", ["secrets/pepper", "keydesk.sqlite3"])
def test_what_other_users_could_read_is_not_started_with(prepared, tmp_path, path):
    (tmp_path / "data" / path).chmod(0o640)
    assert f"chmod 600 {tmp_path / 'data' / path}" in refusal("serve", prepared)


def secrets_in(pid):
    """The names of the secrets, and of servers' passwords, that a process was given as variables."""
    words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    names = {word.partition(b"=")[0].decode() for word in words}
    given = {f"KEYDESK_{name.upper()}" for name in (*Secret, "database_url", "valkey_url")}
    given.add("PGPASSWORD")
    return names & given


def test_a_process_is_given_no_secret_that_it_does_not_hold(prepared, tmp_path):
    folder = tmp_path / "data" / "secrets"
    secrets = {f"KEYDESK_{path.name.upper()}": path.read_text() for path in folder.iterdir()}
    shutil.rmtree(folder)
    database = {"KEYDESK_DATABASE_URL": "postgresql://desk@127.0.0.1:1/desk", "PGPASSWORD": "x"}
    valkey = {"KEYDESK_VALKEY_URL": "valkey://:x@127.0.0.1:1"}
    desk = RunningDesk("serve", {**prepared, **secrets, **database, **valkey}, tmp_path / "log")
    try:
        pids = {
            name: desk.pid_of(name) for name in ("dashboard", "verifier", "replicator", "worker")
        }
        wait_until(lambda: descendants(pids["verifier"]), seconds=60, what="the verifier's worker")
        given = {name: secrets_in(pid) for name, pid in pids.items()}
        given["child of verifier"] = secrets_in(descendants(pids["verifier"])[0])
    finally:
        desk.stop()
    assert given == {
        "dashboard": {*secrets, *database},
        "verifier": {"KEYDESK_PEPPER", *valkey},
        "child of verifier": {"KEYDESK_PEPPER", *valkey},
        "replicator": {"KEYDESK_ROW_MAC_KEY", *database},
        "worker": {"KEYDESK_ROW_MAC_KEY", "KEYDESK_SESSION_KEY", *database},
    }


PLAN = """
import django
django.setup()
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts.actions import create_account, set_account_status
from keydesk.control.catalog.actions import create_product
from keydesk.control.entitlements.actions import enable_product, plan_change
from keydesk.core.records import AccountStatus, EntitlementState, Environment
create_product(HOST_OPERATOR, slug="disbursement", name="Disbursement")
account = create_account(HOST_OPERATOR, username="sinarabadi", name="PT")
for status in (AccountStatus.WAITING_FOR_APPROVAL, AccountStatus.APPROVED):
    set_account_status(HOST_OPERATOR, account_id=account.id, status=status)
place = dict(account_id=account.id, product="disbursement", environment=Environment.LIVE)
enable_product(HOST_OPERATOR, **place)
plan_change(HOST_OPERATOR, **place, target=EntitlementState.DISABLED, reason="a test")
"""


def plan_an_end(environment):
    """Enable a product for an account, and plan its end, which is due at once."""
    settings = {"DJANGO_SETTINGS_MODULE": "keydesk.server.settings"}
    subprocess.run([sys.executable, "-c", PLAN], env=environment | settings, check=True)


def states_of_changes(folder):
    with closing(pysqlite3.connect(folder / "keydesk.sqlite3")) as database:
        return [state for (state,) in database.execute("SELECT state FROM planned_changes")]


def test_the_worker_carries_out_planned_changes_with_no_secret_but_those_that_it_holds(
    prepared, tmp_path
):
    plan_an_end(prepared)
    folder = tmp_path / "data" / "secrets"
    secrets = {f"KEYDESK_{path.name.upper()}": path.read_text() for path in folder.iterdir()}
    shutil.rmtree(folder)
    desk = RunningDesk("serve", {**prepared, **secrets}, tmp_path / "log")
    try:
        wait_until(
            lambda: states_of_changes(tmp_path / "data") == ["DONE"], seconds=60, what="it is done"
        )
    finally:
        desk.stop()


def test_a_desk_that_other_machines_reach_under_its_public_name_says_that_it_is_up(
    prepared, tmp_path
):
    remote = {"KEYDESK_HOST": "0.0.0.0", "KEYDESK_PUBLIC_URL": "https://desk.example"}
    desk = RunningDesk("serve --allow-remote", {**prepared, **remote}, tmp_path / "log")
    try:
        desk.wait_until_told("dashboard at http://0.0.0.0:")
    finally:
        desk.stop()
    assert "Invalid HTTP_HOST" not in desk.told()


@pytest.mark.parametrize("name", sorted(set(LASTING_SECRETS) - {Secret.KEY_ENCRYPTION_KEY}))
def test_a_desk_does_not_start_without_a_secret_that_it_needs(prepared, tmp_path, name):
    path = tmp_path / "data" / "secrets" / name
    path.unlink()
    told = refusal("serve", prepared)
    assert f"The secret {name} is missing: bring it back from your copy, as {path}, or " in told
    assert told.count("\n") == 1


def test_a_desk_does_not_start_with_secrets_that_it_cannot_use(prepared, tmp_path):
    secrets = tmp_path / "data" / "secrets"
    (secrets / Secret.KEY_ENCRYPTION_KEY).write_text("c2hvcnQ=")
    (secrets / Secret.PEPPER).chmod(0)
    told = refusal("serve", prepared, run=powerless)
    assert f"{secrets / Secret.KEY_ENCRYPTION_KEY} must hold 32 bytes in base64." in told
    assert f"{secrets / Secret.PEPPER} cannot be read: Permission denied." in told


def test_a_desk_without_its_key_encryption_key_starts_sealed(prepared, tmp_path):
    (tmp_path / "data" / "secrets" / Secret.KEY_ENCRYPTION_KEY).unlink()
    desk = RunningDesk("serve", prepared, tmp_path / "output.log")
    try:
        desk.wait_until_up()
    finally:
        desk.stop()
    assert "Keydesk runs sealed" in desk.told()


def test_a_database_that_cannot_be_written_stops_the_start_and_is_told_by_doctor(
    prepared, tmp_path
):
    (tmp_path / "data" / "keydesk.sqlite3").chmod(0o400)
    told = "The database can be read and not written"
    assert told in refusal("serve", prepared, run=powerless)
    looked = powerless("doctor", environment=prepared)
    assert (looked.returncode, looked.stdout.count(told)) == (1, 1)


@pytest.mark.parametrize("command", ["serve", "demo", "demo --reset"])
def test_a_data_folder_has_one_desk_at_a_time(prepared, tmp_path, command):
    facts = tmp_path / "data" / "demo.json"
    facts.write_text(json.dumps({"format": FORMAT}))
    with sole_desk(facts.parent):
        told = refusal(command, prepared)
    assert told.startswith(f"keydesk: Another Keydesk runs with {facts.parent}: stop that one, or ")
    assert told.count("\n") == 1
    assert json.loads(facts.read_text()) == {"format": FORMAT}
