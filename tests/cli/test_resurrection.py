"""D2: whatever is revoked after a backup stays revoked, also for hosts that never heard of it."""

import base64
import json
import secrets
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pysqlite3
import pytest
from msgspec.structs import replace
from tests.cli.desk_history import OVERLAPS, REVOKED
from tests.fixtures.desk import wait_until
from tests.fixtures.feeds import SINAR, rows_in
from tests.fixtures.hosts import Host as Installation
from tests.fixtures.relays import Host as RelayingHost
from tests.fixtures.verifier import fill

from keydesk.config import Config, Secret
from keydesk.core.clock import system_clock
from keydesk.core.codes import Code
from keydesk.core.decide import Decider, Question
from keydesk.core.digest import key_digester
from keydesk.core.keyformat import KeyFormat
from keydesk.replica.follow import Follower
from keydesk.replica.layout import Head, Signed
from keydesk.replica.sources.postgres import PostgresSource
from keydesk.replica.sources.sqlite import SqliteSource
from keydesk.replica.store import Moment, Reader, Writer

PROJECT = Path(__file__).parents[2]


class SqliteDesk:
    """A desk whose database is the file in its folder."""

    def __init__(self, folder):
        self.setting = {}
        self.path = folder / "keydesk.sqlite3"
        self.copy = folder.with_name("backup.sqlite3")

    def source(self):
        return SqliteSource(self.path)

    def back_up(self):
        self._copy(self.path, self.copy)

    def restore(self):
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
        self._copy(self.copy, self.path)
        self.path.chmod(0o600)

    def ask(self, statement):
        with closing(pysqlite3.connect(self.path)) as connection:
            return connection.execute(statement).fetchall()

    @staticmethod
    def _copy(source, target):
        with (
            closing(pysqlite3.connect(source)) as whole,
            closing(pysqlite3.connect(target)) as copy,
        ):
            whole.backup(copy)


class PostgresDesk:
    """A desk whose database is on a server, made after another one if that is given."""

    def __init__(self, server, *, template="template0"):
        self.server, self.name = server, f"desk_{secrets.token_hex(8)}"
        self.url = server.url(self.name)
        self.setting = {"KEYDESK_DATABASE_URL": self.url}
        server.ask(f"CREATE DATABASE {self.name} TEMPLATE {template}")

    def source(self):
        return PostgresSource(self.url)

    def back_up(self):
        self.wait_until_left()
        self.server.ask(f"CREATE DATABASE backup_{self.name} TEMPLATE {self.name}")

    def restore(self):
        self.wait_until_left()
        self.server.ask(f"DROP DATABASE {self.name}")
        self.server.ask(f"CREATE DATABASE {self.name} TEMPLATE backup_{self.name}")

    def wait_until_left(self):
        """Wait until the server has noticed that nobody is connected any more."""
        connected = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.name}'"
        wait_until(lambda: self.server.ask(connected) == "0", seconds=60, what="all have left")

    def ask(self, statement):
        with closing(psycopg.connect(self.url)) as connection:
            return connection.execute(statement).fetchall()


class Disaster:
    """A host whose database was backed up, went on, and was restored; its replica followed all of it."""

    def __init__(self, folder, *, database, made=None):
        self.host, self.database, self.made = Installation(folder), database, made or {}
        self.replica_dir = folder / "replica"

    def happen(self):
        self.made = self.do("before")
        self.follow(self.replica_dir)
        shutil.copytree(self.replica_dir, self.replica_dir.with_name("stale"))
        self.host.run(["account", "create", "empatlima", "--name", "PT"], **self.database.setting)
        self.database.back_up()
        self.made |= self.do("since")
        self.follow(self.replica_dir)
        self.database.restore()

    def do(self, what):
        done = subprocess.run(
            [sys.executable, "-m", "tests.cli.desk_history", what],
            env=self.host.environment
            | self.database.setting
            | {"DJANGO_SETTINGS_MODULE": "keydesk.server.settings"},
            input=json.dumps(self.made),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def restored(self, *options, says_no=False):
        command = ["restored", "--yes", *map(str, options)]
        return self.host.run(command, says_no=says_no, **self.database.setting)

    def claim_revoked(self, name):
        """Write into the replica, without a proof, that a key was revoked."""
        key = self.made[name]["id"]
        (row,) = [row for row in rows_in(self.replica_dir) if getattr(row, "id", "") == key]
        with Writer(self.replica_dir) as writer:
            head = Head(writer.meta.epoch, writer.meta.revision + 1, 0)
            forged = Signed(replace(row, state="REVOKED", revision=head.revision), bytes(32))
            writer.apply(head, [forged], confirmed=Moment.ago())

    def secret(self, name):
        return Config(data_dir=self.host.folder).require_secret(name)

    def follow(self, replica_dir):
        """Bring a replica to what the database publishes, as the replicator does."""
        key = self.secret(Secret.ROW_MAC_KEY)
        with closing(self.database.source()) as source, Writer(replica_dir) as writer:
            Follower(source, writer, row_mac_key=key, stop=threading.Event()).step()

    def decisions(self, replica_dir):
        """Give the code of the decision on each key, by its name."""
        decider = Decider(KeyFormat("kd"), key_digester(self.secret(Secret.PEPPER)))
        keys = {name: key for name, key in self.made.items() if "product" in key}
        with closing(Reader(replica_dir)) as reader, reader.rows() as rows:
            return {
                name: decider.decide(
                    rows, Question(key["text"], key["product"], key["environment"]), system_clock()
                ).code
                for name, key in keys.items()
            }

    def decisions_of_a_new_host(self, tmp_path):
        """Give the decisions of a host that never held a row before."""
        fresh = tmp_path / "fresh"
        self.follow(fresh)
        return self.decisions(fresh)

    def stand(self):
        return self.database.ask("SELECT epoch, revision FROM feed_head")

    def ended_for_good(self):
        ended = ("credential", "replaced", "overlap is over", *REVOKED)
        return sorted(self.made[name]["id"] for name in ended)

    def retirements(self):
        """Give the moments at which keys retire, by their names, as the replica knows them and as they are told."""
        names = {self.made[name]["id"]: name for name in OVERLAPS}
        return {
            names[row.id]: f"{datetime.fromtimestamp(row.retires_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
            for row in rows_in(self.replica_dir)
            if getattr(row, "id", "") in names
        }

    def revoked_again(self):
        """Give what the audit trail says to have been revoked because of the restoring."""
        statement = (
            "SELECT object_id FROM audit_events WHERE event IN ('key.revoked', 'credential.revoked') "
            "AND CAST(details AS text) LIKE '%restored%'"
        )
        return sorted(name for (name,) in self.database.ask(statement))


@pytest.fixture(scope="module")
def disaster_once(tmp_path_factory, prepared_once):
    folder = tmp_path_factory.mktemp("disaster") / "data"
    shutil.copytree(prepared_once, folder)
    disaster = Disaster(folder, database=SqliteDesk(folder))
    disaster.happen()
    return disaster


@pytest.fixture
def disaster(disaster_once, tmp_path):
    """A disaster of its own for each test, on SQLite."""
    folder = tmp_path / "data"
    shutil.copytree(disaster_once.host.folder, folder)
    return Disaster(folder, database=SqliteDesk(folder), made=disaster_once.made)


@pytest.fixture(scope="module")
def disaster_on_postgresql_once(tmp_path_factory, prepared_once, postgres):
    folder = tmp_path_factory.mktemp("disaster") / "data"
    shutil.copytree(prepared_once, folder)
    disaster = Disaster(folder, database=PostgresDesk(postgres))
    disaster.host.run(["migrate"], **disaster.database.setting)
    disaster.happen()
    return disaster


@pytest.fixture
def disaster_on_postgresql(disaster_on_postgresql_once, postgres, tmp_path):
    """A disaster of its own for each test, on PostgreSQL."""
    once, folder = disaster_on_postgresql_once, tmp_path / "data"
    once.database.wait_until_left()
    shutil.copytree(once.host.folder, folder)
    database = PostgresDesk(postgres, template=once.database.name)
    return Disaster(folder, database=database, made=once.made)


@pytest.mark.parametrize("where", ["disaster", "disaster_on_postgresql"])
def test_d2_no_host_accepts_again_what_was_ended_after_the_backup_and_all_else_is_as_before(
    where, request, tmp_path
):
    disaster = request.getfixturevalue(where)
    last = disaster.decisions(disaster.replica_dir)
    revoked = {"revoked before", "replaced", *REVOKED}
    assert {name for name, code in last.items() if code is Code.KEY_REVOKED} == revoked
    assert {name for name, code in last.items() if code is Code.OK} == {
        *("kept", "limited", "lost", "overlap goes on")
    }
    assert last["overlap is over"] is Code.KEY_EXPIRED
    disaster.restored()
    assert disaster.revoked_again() == disaster.ended_for_good()
    assert disaster.decisions_of_a_new_host(tmp_path) == last | {
        "lost": Code.KEY_UNKNOWN,
        "overlap is over": Code.KEY_REVOKED,
    }


def test_what_the_replica_knows_otherwise_is_told_and_a_second_time_nothing_more_is_ended(
    disaster,
):
    made = {name: key["id"] for name, key in disaster.made.items() if "id" in key}
    accounts = disaster.made["accounts"]
    in_test = f"{accounts['sinarabadi']}/disbursement/test"
    revoked = "state REVOKED (backup: ACTIVE)"
    retiring = {
        name: f"state RETIRING (backup: ACTIVE), retires_at {moment} (backup: none)"
        for name, moment in disaster.retirements().items()
    }
    _, until, *told, _, _ = disaster.restored().splitlines()
    assert until.startswith("What the replica knew up to revision ")
    assert sorted(told) == sorted(
        [
            "  Ended for good since the backup, and now revoked:",
            *(f"    key {made[name]} of sinarabadi: {revoked}" for name in ("replaced", *REVOKED)),
            f"    key {made['overlap is over']} of sinarabadi: {retiring['overlap is over']}",
            f"    credential {made['credential']}: {revoked}",
            "  Stopped since the backup, and now stopped again; the reason given then is lost:",
            f"    key {made['stopped']} of sinarabadi: state DISABLED (backup: ACTIVE)",
            f"    account {accounts['duasamudra']} of duasamudra: status SUSPENDED (backup: APPROVED)",
            f"    account {accounts['tigapulau']} of tigapulau: status CLOSED (backup: APPROVED)",
            "    product inquiry: state STOPPED (backup: ACTIVE)",
            "    product payment-link: state RETIRED (backup: ACTIVE)",
            f"    entitlement {in_test} of sinarabadi: state DISABLED (backup: ENABLED)",
            "  Made since the backup, and gone:",
            f"    key {made['lost']} of sinarabadi",
            f"    key {disaster.made['replacement']['id']} of sinarabadi",
            *(f"    key {key} of sinarabadi" for key in disaster.made["successors"].values()),
            "  Changed since the backup, and as the backup has it: change it again where that is right.",
            f"    key {made['limited']} of sinarabadi: limits key:burst=5/60s (backup: none)",
            f"    key {made['overlap goes on']} of sinarabadi: {retiring['overlap goes on']}",
        ]
    )
    ended = disaster.stand()
    assert [line for line in disaster.restored().splitlines() if line.startswith("  ")] == told[-8:]
    assert disaster.stand()[0][1] == ended[0][1]


def test_without_a_replica_nothing_begins_unless_the_operator_says_that_revoked_keys_may_work(
    disaster, tmp_path
):
    before = disaster.stand()
    shutil.rmtree(disaster.replica_dir)
    told = disaster.restored(says_no=True)
    assert told.startswith(f"keydesk: There is no replica at {disaster.replica_dir}.")
    assert "--accept-resurrection" in told
    assert disaster.stand() == before
    assert "work again" in disaster.restored("--accept-resurrection")
    decisions = disaster.decisions_of_a_new_host(tmp_path)
    assert {decisions[name] for name in REVOKED} == {Code.OK}
    ((known_from,),) = disaster.database.ask(
        "SELECT json_extract(details, '$.known_from') FROM audit_events WHERE event = 'history.begun'"
    )
    assert known_from is None


def test_a_replica_that_is_older_than_the_backup_does_not_count_as_one(disaster):
    before = disaster.stand()
    stale = disaster.replica_dir.with_name("stale")
    told = disaster.restored("--replica", stale, says_no=True)
    assert "and the backup is later." in told
    assert disaster.stand() == before


@pytest.mark.parametrize("where", ["disaster", "disaster_on_postgresql"])
def test_a_revocation_that_nothing_proves_ends_nothing_and_stops_a_restore_until_that_is_accepted(
    where, request, tmp_path
):
    disaster = request.getfixturevalue(where)
    before = disaster.stand()
    disaster.claim_revoked("kept")
    told = disaster.restored(says_no=True)
    assert "were revoked which work in the database, 1 of them, and no MAC proves it." in told
    assert "--accept-resurrection" in told
    assert (disaster.stand(), disaster.revoked_again()) == (before, [])
    key = disaster.made["kept"]["id"]
    assert f"    key {key}: its MAC is wrong\n" in disaster.restored("--accept-resurrection")
    assert disaster.revoked_again() == disaster.ended_for_good()
    assert disaster.decisions_of_a_new_host(tmp_path)["kept"] is Code.OK


def test_the_replica_of_another_installation_does_not_count_as_one(disaster, tmp_path):
    before = disaster.stand()
    fill(tmp_path / "foreign", [SINAR])
    told = disaster.restored("--replica", tmp_path / "foreign", says_no=True)
    assert told.startswith("keydesk: Not one of its rows carries a right MAC")
    assert disaster.stand() == before


def test_a_replica_that_fails_while_it_is_read_is_not_taken_for_none(disaster, tmp_path):
    before = disaster.stand()
    fill(tmp_path / "foreign", [SINAR])
    told = disaster.restored(
        "--replica", tmp_path / "foreign", "--accept-resurrection", says_no=True
    )
    assert "Nothing has changed: run it again, or with another replica." in told
    assert disaster.stand() == before


def test_the_operator_is_asked_before_a_replica_is_opened(disaster):
    shutil.rmtree(disaster.replica_dir)
    assert disaster.host.run(["restored"], typed="n\n", says_no=True) == "Aborted.\n"


@pytest.fixture
def elsewhere(disaster, tmp_path):
    """Another host, with the one replica that is left and a credential for its relay."""
    host = RelayingHost(tmp_path / "elsewhere")
    disaster.replica_dir.rename(host.replica_dir)
    host.credential_file.write_text(disaster.made["relay"]["text"])
    yield host
    host.end()


def test_another_hosts_relay_tells_what_was_ended(disaster, elsewhere):
    relay = elsewhere.relay(PEPPER=base64.b64encode(disaster.secret(Secret.PEPPER)).decode())
    named = ["--from", relay.url, "--credential-file", elsewhere.credential_file]
    disaster.restored(*named)
    assert disaster.revoked_again() == disaster.ended_for_good()
    relay.stop()
    told = disaster.restored(*named, says_no=True)
    assert told.startswith(f"keydesk: {relay.url} cannot be asked: ")
    assert "--accept-resurrection" in told


def test_a_relay_is_not_asked_without_a_credential(disaster):
    told = disaster.restored("--from", "https://relay.example.com", says_no=True)
    assert told == "keydesk: --from needs --credential-file, as `keydesk replicate` does.\n"


def test_no_history_begins_while_a_desk_is_connected_to_the_database(disaster_on_postgresql):
    disaster = disaster_on_postgresql
    others = {"keydesk desk": True, "keydesk replicator": False}
    for application_name, says_no in others.items():
        named = psycopg.connect(disaster.database.url, application_name=application_name)
        with closing(named):
            said = disaster.restored(says_no=says_no)
        assert ("Another Keydesk is connected" in said) is says_no
        disaster.database.wait_until_left()
