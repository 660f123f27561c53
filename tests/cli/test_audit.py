"""`keydesk audit verify` tells whether the trail is whole, and a restore from an attack."""

import re
from contextlib import closing

import pysqlite3
from tests.cli.test_restored import copy_database, database_of
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import RunningDesk, wait_until


def work(desk, tmp_path):
    """Let the worker enter what has happened and add its checkpoint."""
    path = desk.folder / "checkpoints.txt"
    before = path.read_text() if path.exists() else ""
    worker = RunningDesk("worker", desk.environment, tmp_path / "worker.log")
    try:
        wait_until(
            lambda: path.exists() and path.read_text() != before, seconds=60, what="a checkpoint"
        )
    finally:
        worker.stop()


def create(desk, slug):
    desk.run(["product", "create", slug, "--name", slug])


def verified(desk, *options):
    """Give the exit code of a verification and what it says, each moment and figure of speed as one word."""
    done = keydesk("audit", "verify", *options, environment=desk.environment)
    assert done.stderr == ""
    told = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "THEN", done.stdout)
    return done.returncode, re.sub(r"[\d,]+ a second", "FAST", told).splitlines()


def test_a_restore_is_told_from_an_attack(desk, tmp_path):
    create(desk, "first")
    work(desk, tmp_path)
    copy_database(database_of(desk), tmp_path / "backup.sqlite3")
    create(desk, "second")
    work(desk, tmp_path)
    whole = ["The audit trail is whole.", "Entries: 8, up to THEN, FAST."]
    agreed = "Checkpoints that agree: {}, the last at entry {} of THEN."
    waiting = "Events that wait for their entry: 0."
    assert verified(desk) == (0, [*whole, waiting, agreed.format(2, 8)])

    copy_database(tmp_path / "backup.sqlite3", database_of(desk))
    cut_off = (
        "The trail ends at entry 7, and a checkpoint saw entry 8 on THEN: its end was cut off, or this is an older "
        "copy of the database."
    )
    older = ["The audit trail is not whole.", "Entries: 7, up to THEN, FAST.", waiting]
    assert verified(desk) == (1, [cut_off, *older, agreed.format(1, 7)])

    desk.run(["restored", "--yes", "--accept-resurrection"])
    back = (
        "At entry 8 an older copy with 7 entries was put back, as `keydesk restored` noted on THEN."
    )
    gone = "Checkpoints of what was gone with an older copy: 1."
    assert verified(desk) == (0, [*whole, waiting, back, agreed.format(1, 7), gone])


def test_files_of_checkpoints_of_which_none_agrees_vouch_for_nothing(desk, tmp_path):
    work(desk, tmp_path)
    own, empty = desk.folder / "checkpoints.txt", tmp_path / "empty.txt"
    empty.touch()
    told = f"No checkpoint in {empty} agrees: whether the end was cut off cannot be told."
    code, lines = verified(desk, "--checkpoints", str(empty))
    assert (code, lines[0], lines[-1]) == (1, "The audit trail is whole.", told)
    agreed = "Checkpoints that agree: 1, the last at entry 6 of THEN."
    code, lines = verified(desk, "--checkpoints", str(empty), "--checkpoints", str(own))
    assert (code, lines[-1]) == (0, agreed)
    own.unlink()
    code, lines = verified(desk)
    assert (code, lines[-1]) == (0, told.replace(str(empty), str(own)))


def test_an_edited_event_and_checkpoints_that_cannot_be_trusted_are_told(desk, tmp_path):
    work(desk, tmp_path)
    with closing(pysqlite3.connect(database_of(desk))) as database:
        database.execute("DROP TRIGGER audit_events_no_update")
        database.execute("UPDATE audit_events SET actor_label = 'nobody' WHERE seq = 3")
        database.commit()
    note = (desk.folder / "checkpoints.txt").read_text()
    copy = tmp_path / "copy.txt"
    copy.write_text(note.replace("\n6\n", "\n7\n") + note[:70])
    assert verified(desk, "--checkpoints", str(copy)) == (
        1,
        [
            f"Checkpoint 1 of {copy} was altered, or is another installation's.",
            f"Checkpoint 2 of {copy} was not written to its end, and is left out.",
            "Entry 3: its event, 3, was altered after it was entered.",
            "The audit trail is not whole.",
            "Entries: 6, up to THEN, FAST.",
            "Events that wait for their entry: 0.",
            f"No checkpoint in {copy} agrees: whether the end was cut off cannot be told.",
        ],
    )
    said = desk.run(["audit", "verify", "--checkpoints", "nowhere.txt"], says_no=True)
    assert said == "keydesk: nowhere.txt cannot be read: No such file or directory.\n"
    origin = note.partition("\n")[0]
    assert re.fullmatch(
        rf"{origin}\+[0-9a-f]{{8}}\+[\w+/=]{{44}}", desk.run(["audit", "key"]).strip()
    )


def test_doctor_tells_that_events_wait_for_a_worker(desk):
    with closing(pysqlite3.connect(database_of(desk))) as database:
        database.execute("DROP TRIGGER audit_events_no_update")
        database.execute("UPDATE audit_events SET at = '2026-01-02 03:04:05'")
        database.commit()
    said = keydesk("doctor", environment=desk.environment).stdout
    assert "trail      6 events since 2026-01-02 03:04:05 UTC wait for their entry: does" in said
