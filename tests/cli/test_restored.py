"""A restored database begins a new history, and no host mixes it with the one of before."""

from contextlib import closing

import pysqlite3
from tests.fixtures.desk import RunningDesk, status_of, wait_until

from keydesk.server.start import sole_desk

GENERATE = ["key", "generate", "sinarabadi", "disbursement", "--name"]


def asked(path, statement):
    with closing(pysqlite3.connect(path)) as database:
        return database.execute(statement).fetchall()


def key_id_of(desk, name):
    ((key_id,),) = asked(database_of(desk), f"SELECT id FROM api_keys WHERE name = '{name}'")
    return key_id


def database_of(desk):
    return desk.folder / "keydesk.sqlite3"


def copy_database(source, target):
    """Copy a database as the documentation says, and nothing of what was there before."""
    for end in ("", "-wal", "-shm"):
        target.with_name(target.name + end).unlink(missing_ok=True)
    with closing(pysqlite3.connect(source)) as whole, closing(pysqlite3.connect(target)) as copy:
        whole.backup(copy)
    target.chmod(0o600)


class Serving:
    """A desk that serves, and what it decides on keys."""

    def __init__(self, desk, log):
        self.running = RunningDesk("serve", desk.environment, log)

    def __enter__(self):
        self.running.wait_until_up()
        return self

    def __exit__(self, *_):
        self.running.stop()

    def decides(self, *decisions):
        """Wait until keys are decided on so, each named with its status."""
        wait_until(
            lambda: [self.decision(key) for key, _ in decisions] == [each for _, each in decisions],
            seconds=60,
            what=f"it decides {[status for _, status in decisions]}",
        )

    def decision(self, key):
        address = f"{self.running.verifier_url}/v1/authorize/disbursement"
        return status_of(address, {"x-api-key": key})


def test_a_replica_loads_a_restored_database_afresh_and_mixes_no_histories(desk, tmp_path):
    kept, revoked = (desk.run([*GENERATE, name]).strip() for name in ("Kept", "Revoked"))
    copy_database(database_of(desk), tmp_path / "backup.sqlite3")
    with Serving(desk, tmp_path / "before.log") as serving:
        lost = desk.run([*GENERATE, "Lost"]).strip()
        desk.run(["key", "revoke", key_id_of(desk, "Revoked")])
        serving.decides((kept, 200), (lost, 200), (revoked, 401))
    ((revision,),) = asked(database_of(desk), "SELECT revision FROM feed_head")
    copy_database(tmp_path / "backup.sqlite3", database_of(desk))
    assert "The new history is " in desk.run(["restored", "--yes"])
    new = desk.run([*GENERATE, "New"]).strip()
    assert asked(database_of(desk), "SELECT revision FROM feed_head") == [(revision,)]
    with Serving(desk, tmp_path / "after.log") as serving:
        serving.decides((new, 200), (kept, 200), (lost, 401), (revoked, 401))
    assert "is not taken over" not in serving.running.told()


def epoch_and_events(desk):
    path = database_of(desk)
    ((epoch, revision),) = asked(path, "SELECT epoch, revision FROM feed_head")
    events = (
        "SELECT actor_label, object_id, details FROM audit_events WHERE event = 'history.begun'"
    )
    return epoch, revision, asked(path, events)


def test_a_history_begins_only_when_the_operator_says_so_and_leaves_its_event(desk):
    before, revision, _ = epoch_and_events(desk)
    command = ["restored", "--accept-resurrection"]
    assert "Aborted" in desk.run(command, typed="n\n", says_no=True)
    assert epoch_and_events(desk) == (before, revision, [])
    assert f"at revision {revision}" in desk.run(command, typed="y\n")
    epoch, after, events = epoch_and_events(desk)
    details = f'{{"before": "{before}", "revision": {revision}, "entries": 0, "known_from": null}}'
    assert (after, events) == (revision, [("host", epoch, details)])
    assert epoch != before


def test_no_history_begins_while_a_desk_runs_with_the_folder(desk):
    with sole_desk(desk.folder):
        assert "Another Keydesk runs with" in desk.run(["restored", "--yes"], says_no=True)
