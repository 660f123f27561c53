"""The replica's file: one writer, readers in any process, and what both survive."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import lmdb
import pytest
from msgspec.structs import replace
from tests.fixtures.feeds import DISBURSEMENT, ENTITLED, SINAR, credential, key, rows_in
from tests.fixtures.replicators import eventually, in_child

import keydesk
from keydesk.core.records import KeyRecord
from keydesk.replica.layout import FILE_NAME, Head, open_environment
from keydesk.replica.moments import Moment
from keydesk.replica.store import Reader, ReplicaMissing, Writer
from keydesk.replica.writer import ReplicaBusy

ALL = [key(), SINAR, DISBURSEMENT, ENTITLED, credential()]


def fill(replica_dir, rows, *, revision=1, epoch="first"):
    with Writer(replica_dir) as writer:
        writer.snapshot(Head(epoch, revision, 0), rows, confirmed=Moment.ago())


PROGRAM = """
import signal, sys
from pathlib import Path
sys.path.append({root!r})
from keydesk.replica.store import Head, Moment, Reader, Writer
from tests.fixtures.feeds import key
replica_dir = Path({replica_dir!r})
def ready():
    print("ready", flush=True)
    signal.pause()
{code}
ready()
"""


@contextmanager
def process(code, replica_dir):
    """Run the code in another process up to where it is ready; it is killed at the end."""
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(root=root, replica_dir=str(replica_dir), code=code)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(keydesk.__file__).parents[1])},
    )
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def fill_after_fork(reader, replica_dir):
    reader.close()
    fill(replica_dir, [], epoch="second")
    return True


def test_a_reader_sees_every_kind_of_row_that_was_written(replica_dir):
    fill(replica_dir, ALL)
    with Reader(replica_dir).rows() as rows:
        found = [
            rows.key(key().digest),
            rows.account("acc_sinar"),
            rows.product("disbursement"),
            rows.entitlement("acc_sinar", "disbursement", "live"),
            rows.credential(b"c" * 32),
        ]
        assert (found, rows.epoch, rows.revision) == (ALL, "first", 1)


@pytest.mark.parametrize("text", ["", "\0", "disbursement\0", "\ud800", "x" * 5000, "DISBURSEMENT"])
def test_a_product_that_only_a_request_knows_is_not_found(replica_dir, text):
    fill(replica_dir, ALL)
    with Reader(replica_dir).rows() as rows:
        assert rows.product(text) is None


def test_a_reader_made_before_the_replica_finds_it_once_it_is_there(replica_dir):
    reader = Reader(replica_dir)
    with pytest.raises(ReplicaMissing, match="rows-v3"):
        reader.rows()
    fill(replica_dir, ALL)
    with reader.rows() as rows:
        assert rows.key(key().digest) == key()


def test_a_replica_that_was_opened_and_never_filled_was_never_confirmed(replica_dir):
    Writer(replica_dir).close()
    with Reader(replica_dir).rows() as rows:
        assert (rows.confirmed_at, rows.epoch, rows.revision) == (None, "", 0)


def test_a_request_sees_one_moment_and_the_next_request_the_next(replica_dir):
    fill(replica_dir, ALL)
    reader = Reader(replica_dir)
    revoked, renamed = (
        key(state="REVOKED"),
        SINAR.__class__("acc_sinar", "other", "APPROVED", (), 2),
    )
    with reader.rows() as rows:
        assert in_child(lambda: fill(replica_dir, [revoked, renamed], revision=2) is None)
        assert (rows.key(key().digest), rows.account("acc_sinar")) == (key(), SINAR)
    with reader.rows() as rows:
        assert (rows.key(key().digest), rows.account("acc_sinar")) == (revoked, renamed)


def test_a_forked_child_reads_for_itself_and_the_parent_goes_on(replica_dir):
    fill(replica_dir, ALL)
    reader = Reader(replica_dir)
    assert reader.status().revision == 1
    assert in_child(lambda: reader.status().revision == 1)
    assert reader.status().revision == 1


def test_a_host_has_one_writer_until_it_dies(replica_dir):
    with process("kept = Writer(replica_dir)", replica_dir) as other:
        with pytest.raises(ReplicaBusy):
            Writer(replica_dir)
        other.kill()
        other.wait()
        Writer(replica_dir).close()


def test_a_writer_killed_in_the_middle_leaves_what_was_there_and_the_next_one_goes_on(replica_dir):
    fill(replica_dir, ALL)
    code = """
def rows():
    yield from (key(f"key_{number}", revision=2) for number in range(20_000))
    ready()
Writer(replica_dir).apply(Head("first", 2, 0), rows(), confirmed=Moment.ago())
"""
    with process(code, replica_dir) as other:
        other.kill()
        other.wait()
    assert rows_in(replica_dir) == ALL
    fill(replica_dir, [key("key_b")], revision=3)
    assert rows_in(replica_dir) == [ALL[0], key("key_b"), *ALL[1:]]


def test_the_slot_of_a_killed_reader_is_freed_by_whoever_opens_next_while_others_read_on(
    replica_dir,
):
    fill(replica_dir, ALL)
    code = "kept = Reader(replica_dir).rows()"
    with process(code, replica_dir) as killed, process(code, replica_dir) as other:
        killed.kill()
        killed.wait()
        with open_environment(replica_dir, is_writer=False) as env:
            assert str(killed.pid) not in env.readers()
            assert str(other.pid) in env.readers()


def test_a_large_map_takes_no_more_room_than_its_rows(replica_dir):
    fill(replica_dir, ALL)
    assert (replica_dir / FILE_NAME).stat().st_blocks * 512 < 1 << 20


def test_a_full_disk_stops_writing_and_not_reading(replica_dir):
    fill(replica_dir, ALL)

    def write_too_much():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))
        with pytest.raises(lmdb.Error):
            fill(replica_dir, (key(f"key_{n}") for n in range(20_000)), revision=2)
        fill(replica_dir, [key("key_b")], revision=3)
        return True

    assert in_child(write_too_much)
    assert [row for row in rows_in(replica_dir) if type(row) is KeyRecord] == [key(), key("key_b")]


def test_another_user_of_the_folders_group_reads_and_cannot_write():
    other = 65534 if os.geteuid() == 0 else os.geteuid()  # only root can become somebody else
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        replica_dir = Path(above) / "replica"
        Writer(replica_dir).close()
        os.chown(replica_dir, -1, other if other == 65534 else -1)
        for file in replica_dir.iterdir():
            file.unlink()
        fill(replica_dir, ALL)

        def read_as_other():
            if other == 65534:
                os.setgroups([])
                os.setgid(other)
                os.setuid(other)
                with pytest.raises(PermissionError):
                    Writer(replica_dir)
            return Reader(replica_dir).status().revision == 1

        assert in_child(read_as_other)


def test_files_let_the_group_in_whatever_the_umask_is(replica_dir):
    before = os.umask(0o077)
    try:
        fill(replica_dir, ALL)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in replica_dir.iterdir()}
    assert modes == {FILE_NAME: 0o640, f"{FILE_NAME}-lock": 0o660, "writer.lock": 0o600}
    assert replica_dir.stat().st_mode & 0o7777 == 0o2750


@pytest.mark.parametrize("lock_is_removed", [True, False])
def test_a_replica_that_was_replaced_is_read_from_its_new_file(replica_dir, lock_is_removed):
    with Writer(replica_dir) as writer:
        writer.snapshot(Head("first", 1, 0), ALL, confirmed=Moment.ago(60))
    reader = Reader(replica_dir)
    assert reader.status().epoch == "first"
    (replica_dir / FILE_NAME).unlink()
    if lock_is_removed:
        (replica_dir / f"{FILE_NAME}-lock").unlink()
    assert in_child(lambda: fill_after_fork(reader, replica_dir))
    assert eventually(lambda: reader.status().epoch == "second")


def test_a_writer_notices_that_its_file_was_taken_away(replica_dir):
    with Writer(replica_dir) as writer:
        (replica_dir / FILE_NAME).unlink()
        with pytest.raises(ReplicaMissing):
            writer.confirm(Head("first", 1, 0), confirmed=Moment.ago())


@pytest.mark.parametrize("content", [b"", b"not a replica" * 1000, b"\0" * 8192])
def test_a_file_that_is_no_replica_is_built_anew(replica_dir, content):
    replica_dir.mkdir()
    (replica_dir / FILE_NAME).write_bytes(content)
    fill(replica_dir, ALL)
    assert Reader(replica_dir).status().revision == 1


@pytest.mark.parametrize("left", [1, 4096, 5000, 8192, 20_000, -1])
def test_a_file_that_was_cut_short_is_not_read_and_built_anew(replica_dir, left):
    fill(replica_dir, ALL)
    whole = (replica_dir / FILE_NAME).stat().st_size
    os.truncate(replica_dir / FILE_NAME, left % whole)
    with pytest.raises(ReplicaMissing):
        Reader(replica_dir).status()
    fill(replica_dir, ALL, revision=2)
    assert Reader(replica_dir).status().revision == 2


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.kind)
def test_an_older_row_of_any_kind_is_refused(replica_dir, row):
    held = replace(row, revision=3)
    fill(replica_dir, [held], revision=3)
    with Writer(replica_dir) as writer:
        writer.apply(Head("first", 4, 0), [replace(row, revision=2)], confirmed=Moment.ago())
        assert writer.refused_rows() == 1
    assert rows_in(replica_dir) == [held]


def test_a_snapshot_does_not_go_back_within_its_epoch(replica_dir):
    fill(replica_dir, ALL, revision=5)
    with pytest.raises(ValueError, match="go back"):
        fill(replica_dir, [], revision=4)
    assert rows_in(replica_dir) == ALL


@pytest.mark.parametrize(("epoch", "revision"), [("first", 4), ("second", 9)])
def test_changes_that_do_not_follow_the_replica_are_refused(replica_dir, epoch, revision):
    fill(replica_dir, ALL, revision=5)
    with Writer(replica_dir) as writer, pytest.raises(ValueError, match="own"):
        writer.apply(Head(epoch, revision, 0), [], confirmed=Moment.ago())


def test_a_late_confirmation_never_makes_the_replica_older(replica_dir):
    fill(replica_dir, ALL)
    with Writer(replica_dir) as writer:
        held = writer.meta.confirmed
        writer.confirm(Head("first", 1, 0), confirmed=Moment.ago(50))
        assert writer.meta.confirmed == held
