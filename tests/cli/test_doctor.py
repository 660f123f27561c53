"""`keydesk doctor` tells every problem at once, each with its cure, and changes nothing."""

import base64
import re
import secrets
import shutil
import socket

import pytest
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import keydesk_afresh
from tests.fixtures.disks import filled, mount_small_disk
from tests.fixtures.rows import account
from tests.fixtures.valkey import running
from tests.fixtures.verifier import PEPPER, fill

from keydesk.config import LASTING_SECRETS, Secret
from keydesk.replica.layout import FILE_NAME
from keydesk.server.start import sole_desk


def told(host, **settings):
    done = keydesk("doctor", environment=host.environment | settings)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_a_prepared_host_is_well(prepared):
    status, said = told(prepared)
    assert status == 0, said
    *parts, mail = [line.split() for line in said.splitlines()[1:]]
    assert parts == [["folder", "ok"], ["secrets", "ok"], ["addresses", "ok"], ["database", "ok"]]
    assert mail[:4] == ["mail", "waits:", "set", "KEYDESK_MAIL_URL"]


def test_a_host_that_can_send_mail_has_nothing_to_be_told_of_it(prepared):
    address = {"KEYDESK_MAIL_URL": "smtps://a:b@mail.example", "KEYDESK_MAIL_FROM": "a@b.example"}
    status, said = told(prepared, **address)
    assert (status, "waits" in said, "a:b" in said) == (0, False, False)


def test_a_valkey_is_told_of_where_it_cannot_be_counted_in(prepared, tmp_path):
    with running(tmp_path, password="s3cret") as valkey:
        status, said = told(prepared, KEYDESK_VALKEY_URL=valkey.url)
        assert (status, "away:" in said) == (0, False)
        wrong = valkey.url.replace("s3cret", "wr0ng")
        status, said = told(prepared, KEYDESK_VALKEY_URL=wrong)
    assert (status, "wr0ng" in said) == (0, False)
    assert "valkey     away: it refuses with WRONGPASS; see KEYDESK_VALKEY_URL" in said


def test_an_empty_host_is_told_everything_at_once(host):
    status, said = told(host)
    assert status == 1
    assert said.count("keydesk init") == 1 + len(LASTING_SECRETS)
    assert "keydesk migrate" in said


def test_a_secret_that_others_can_read_is_named_with_its_cure(prepared):
    path = prepared.folder / "secrets" / Secret.PEPPER
    path.chmod(0o644)
    assert f"chmod 600 {path}" in told(prepared)[1]


def test_a_taken_port_is_named(prepared):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} on 127.0.0.1 is taken" in told(prepared, KEYDESK_PORT=port)[1]


def test_a_wrong_key_encryption_key_is_found(prepared):
    assert told(prepared)[0] == 0
    path = prepared.folder / "secrets" / Secret.KEY_ENCRYPTION_KEY
    path.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    status, said = told(prepared)
    assert status == 1
    assert "the key-encryption key is wrong" in said


@pytest.mark.parametrize("value", ["", "not base64!", base64.b64encode(bytes(16)).decode()])
def test_a_damaged_secret_is_named_and_its_value_is_not_told(prepared, value):
    path = prepared.folder / "secrets" / Secret.PEPPER
    path.write_text(value)
    status, said = told(prepared)
    assert status == 1
    assert f"{path} must hold 32 bytes in base64." in said
    assert not value or value not in said


def test_a_database_that_does_not_answer_is_told_in_a_sentence(prepared):
    url = "postgresql://keydesk:hidden@127.0.0.1:1/keydesk"
    status, said = told(prepared, KEYDESK_DATABASE_URL=url)
    assert status == 1
    assert "The database does not answer" in said
    assert "hidden" not in said


def test_a_database_that_takes_connections_and_says_nothing_is_given_up_on(prepared):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://keydesk@127.0.0.1:{silent.getsockname()[1]}/keydesk"
        assert "The database does not answer" in told(prepared, KEYDESK_DATABASE_URL=url)[1]


@pytest.mark.parametrize("command", ["doctor", "account list", "replicator", "migrate"])
@pytest.mark.parametrize(
    "url",
    [
        "postgres+psycopg://keydesk:hidden@db/keydesk",
        "postgresql://keydesk:hidden%zz@db/keydesk",
        "postgresql://keydesk:hidden@db/keydesk?no=such",
    ],
)
def test_no_command_repeats_a_database_url_that_cannot_be_read(prepared, command, url):
    environment = prepared.environment | {"KEYDESK_DATABASE_URL": url}
    done = keydesk(*command.split(), environment=environment)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "postgresql://user:password@host" in said
    assert ("hidden" in said, "Traceback" in said) == (False, False)


@pytest.mark.parametrize("name", [Secret.PEPPER, Secret.PIN_PEPPER, Secret.ROW_MAC_KEY])
def test_a_secret_that_the_database_did_not_begin_with_stops_doctor_start_and_migration(
    prepared, name
):
    (prepared.folder / "secrets" / name).write_bytes(base64.b64encode(secrets.token_bytes(32)))
    sentence = f"The secret {name} is not the one that this database began with"
    assert sentence in told(prepared)[1]
    for command in ("serve", "dashboard", "migrate"):
        assert sentence in prepared.run([command], says_no=True)


def test_another_marker_than_the_first_stops_doctor_and_start(prepared):
    sentence = "KEYDESK_KEY_MARKER is not kd, with which every key of this database begins"
    assert sentence in told(prepared, KEYDESK_KEY_MARKER="acme")[1]
    assert sentence in prepared.run(["serve"], says_no=True, KEYDESK_KEY_MARKER="acme")
    assert told(prepared)[0] == 0


def test_a_lost_secret_is_to_be_brought_back_and_not_made_anew(prepared):
    path = prepared.folder / "secrets" / Secret.PEPPER
    path.unlink()
    status, said = told(prepared)
    assert status == 1
    assert f"The secret pepper is missing: bring it back from your copy, as {path}" in said
    assert "keydesk init" not in said


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"age_seconds": 60}, "revision 1, confirmed 6x s ago; late, unless Keydesk is stopped"),
        ({"age_seconds": 60, "clock_ahead_seconds": -7.25}, "this host's clock is -7.2 s from the"),
    ],
)
def test_how_old_the_replica_is_and_what_is_odd_about_it_is_told_and_stops_nothing(
    prepared, known, sentence
):
    assert "replica" not in told(prepared)[1].replace(str(prepared.folder), "")
    fill(prepared.folder / "replica", [account(revision=1)], **known)
    status, said = told(prepared)
    assert (status, sentence in re.sub(r"6[0-9]\.[0-9] s", "6x s", said)) == (0, True), said


def test_where_the_own_verifier_is_silent_its_port_is_not_called_taken(prepared):
    with socket.create_server(("127.0.0.1", 0)) as silent, sole_desk(prepared.folder):
        port = str(silent.getsockname()[1])
        status, said = told(prepared, KEYDESK_VERIFIER_PORT=port)
    assert (status, "is taken" in said) == (1, False)
    assert f"its verifier does not answer at http://127.0.0.1:{port}" in said


@pytest.mark.parametrize("url", [{}, {"KEYDESK_DATABASE_URL": "postgresql://a@127.0.0.1:1/x"}])
def test_a_host_that_only_verifies_needs_the_pepper_and_no_desk(host, url):
    fill(host.folder / "replica", [])
    host.folder.chmod(0o700)
    status, said = told(host, **url)
    assert status == 1
    assert re.findall(r"The secret (\w+) is missing", said) == ["pepper"]
    status, said = told(host, **url, KEYDESK_PEPPER=base64.b64encode(PEPPER).decode())
    assert (status, "to mend" in said, "this one only verifies" in said) == (0, False, True), said


def test_a_full_disk_is_told(prepared):
    kept = prepared.folder.with_name("kept")
    prepared.folder.rename(kept)

    def fill_disk():
        mount_small_disk(prepared.folder)
        shutil.copytree(kept, prepared.folder, dirs_exist_ok=True)
        filled(prepared.folder)

    done = keydesk_afresh("doctor", environment=prepared.environment, preexec_fn=fill_disk)
    assert "disk       0.0 MiB are left: below 16 MiB calls with limits may get 503" in done.stdout


def test_a_verifying_hosts_port_that_says_nothing_is_not_called_taken_and_a_dashboards_is_no_matter(
    host,
):
    fill(host.folder / "replica", [])
    host.folder.chmod(0o700)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        pepper = {"KEYDESK_PEPPER": base64.b64encode(PEPPER).decode()}
        assert told(host, KEYDESK_PORT=port, **pepper)[0] == 0
        status, said = told(host, KEYDESK_VERIFIER_PORT=port, **pepper)
    assert (status, "is taken" in said) == (1, False)
    assert f"What listens at http://127.0.0.1:{port} does not answer as a verifier" in said


@pytest.mark.parametrize("content", [None, b"not a replica"], ids=["missing", "unreadable"])
def test_a_host_without_django_only_verifies_and_is_told_of_a_replica_that_cannot_be_read(
    host, tmp_path, content
):
    (host.folder / "replica").mkdir(parents=True)
    host.folder.chmod(0o700)
    if content is not None:
        (host.folder / "replica" / FILE_NAME).write_bytes(content)
    done = without_django(host, tmp_path, "doctor")
    assert done.returncode == 0, done.stdout
    sentence = "replica    none, so requests get 503. There is no readable replica at "
    assert (sentence in done.stdout, "only verifies" in done.stdout) == (True, True), done.stdout


@pytest.mark.parametrize("command", ["replicator", "demo", "dashboard"])
def test_what_is_not_installed_is_said_in_a_sentence(host, tmp_path, command):
    done = without_django(host, tmp_path, command)
    assert (done.returncode, "with its extra `desk`" in done.stderr) == (1, True), done.stderr


def without_django(host, tmp_path, command):
    """Run a command as an installation without the extra `desk` does."""
    code = "import sys; sys.modules.update(dict.fromkeys(['django', 'pysqlite3'], None))"
    (tmp_path / "sitecustomize.py").write_text(code)
    secret = base64.b64encode(PEPPER).decode()
    environment = {
        **host.environment,
        "PYTHONPATH": f"{tmp_path}:{host.environment['PYTHONPATH']}",
        "KEYDESK_PEPPER": secret,
        "KEYDESK_ROW_MAC_KEY": secret,
    }
    return keydesk_afresh(command, environment=environment)


def test_the_steps_of_replacing_the_key_encryption_key_are_told(prepared):
    own, previous = (
        prepared.folder / "secrets" / name
        for name in (Secret.KEY_ENCRYPTION_KEY, Secret.KEY_ENCRYPTION_KEY_PREVIOUS)
    )
    assert "rewrap" not in told(prepared)[1]
    assert "Every data key is wrapped" in prepared.run(["rewrap"])
    previous.write_bytes(own.read_bytes())
    previous.chmod(0o600)
    own.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    status, said = told(prepared)
    assert (status, "not replaced yet: run `keydesk rewrap`" in said) == (0, True)
    finished = "o data key needs the key-encryption key of before: remove " + previous.name
    assert finished in prepared.run(["rewrap"])
    assert finished in told(prepared)[1]
    previous.unlink()
    assert "rewrap" not in told(prepared)[1]
