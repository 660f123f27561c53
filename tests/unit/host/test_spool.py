"""A spool keeps what was written whole, through killed writers, full disks and readers that start again."""

import os
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from keydesk.host import spool
from keydesk.host.spool import (
    ENDING,
    HEAD,
    MOST_FILE_BYTES,
    SpoolReader,
    SpoolWriter,
    new_source,
    waiting_bytes,
)

MOST = 64 * 1024

CHILD = """
import os, sys
from pathlib import Path
from keydesk.host.spool import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), "web-1")
for number in range(1, 4):
    writer.append([b"record %d" % number])
os.write(writer._file.fileno(), b"\\0\\0\\0\\x09torn")
os.kill(os.getpid(), 9)
"""

UNDER_LIMIT = """
import sys
from pathlib import Path
from keydesk.host.spool import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), "web-1")
for number in range(20):
    writer.append([b"%02d" % number * 500])
print(writer.waiting_bytes > 0, writer.dropped)
"""


@pytest.fixture
def write():
    """Give the writer of a source in a folder; all are closed in the end."""
    writers = []

    def write(folder, source="web-1"):
        writers.append(SpoolWriter(folder, source))
        return writers[-1]

    yield write
    for writer in writers:
        writer.close()


@pytest.fixture
def delivered():
    return []


@pytest.fixture
def deliver(delivered):
    def deliver(source, records):
        delivered.append((source, records))
        return True

    return deliver


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_delivered_once_in_order_and_then_removed(
    write, tmp_path, deliver, delivered
):
    writer, reader = write(tmp_path), SpoolReader(tmp_path)
    writer.append([b"a", b"b"])
    assert reader.drain(deliver, most_bytes=MOST) == 2
    assert reader.drain(deliver, most_bytes=MOST) == 0
    writer.append([b"c"])
    assert reader.drain(deliver, most_bytes=MOST) == 1
    assert files(tmp_path) == ["web-1.000001.spool"], "its writer still has it"
    writer.close()
    assert reader.drain(deliver, most_bytes=MOST) == 0
    assert (delivered, files(tmp_path)) == ([("web-1", [b"a", b"b"]), ("web-1", [b"c"])], [])


def test_records_are_delivered_in_batches_of_a_size_and_a_large_one_alone(
    write, tmp_path, deliver, delivered
):
    writer = write(tmp_path)
    writer.append([b"1" * 400, b"2" * 400, b"3" * 400, b"4" * 2000, b"5"])
    SpoolReader(tmp_path).drain(deliver, most_bytes=1000)
    assert [[record[:1] for record in records] for _, records in delivered] == [
        [b"1", b"2"],
        [b"3"],
        [b"4"],
        [b"5"],
    ]


def test_a_killed_writer_s_records_are_delivered_and_the_torn_one_is_dropped(
    tmp_path, deliver, delivered, caplog
):
    subprocess.run([sys.executable, "-c", CHILD, str(tmp_path)], check=False)
    SpoolReader(tmp_path).drain(deliver, most_bytes=MOST)
    assert delivered == [("web-1", [b"record 1", b"record 2", b"record 3"])]
    assert files(tmp_path) == []
    assert "The last 8 bytes of" in caplog.text


@pytest.mark.parametrize("place", [0, 3, HEAD.size, HEAD.size + 4])
def test_a_damaged_record_ends_its_file_and_nothing_wrong_is_delivered(
    write, tmp_path, deliver, delivered, place
):
    writer = write(tmp_path)
    writer.append([b"first", b"other", b"third"])
    writer.close()
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[HEAD.size + 5 + place] ^= 0x5A
    path.write_bytes(content)
    SpoolReader(tmp_path).drain(deliver, most_bytes=MOST)
    assert (delivered, files(tmp_path)) == ([("web-1", [b"first"])], [])


def test_what_fails_to_be_delivered_stays_for_the_next_time(write, tmp_path, deliver, delivered):
    writer, reader = write(tmp_path), SpoolReader(tmp_path)
    writer.append([b"a"])
    writer.close()

    def fail(_source, _records):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        reader.drain(fail, most_bytes=MOST)
    reader.drain(deliver, most_bytes=MOST)
    assert (delivered, files(tmp_path)) == ([("web-1", [b"a"])], [])


def test_a_source_that_is_refused_waits_and_holds_up_no_other(write, tmp_path, delivered):
    for source in ("web-1", "web-2"):
        writer = write(tmp_path, source)
        writer.append([source.encode()])
        writer.close()

    def deliver(source, records):
        delivered.append(records)
        return source != "web-1"

    reader = SpoolReader(tmp_path)
    assert reader.drain(deliver, most_bytes=MOST) == 1
    assert files(tmp_path) == ["web-1.000001.spool"]
    reader.drain(deliver, most_bytes=MOST)
    assert delivered == [[b"web-1"], [b"web-2"], [b"web-1"]]


def test_a_reader_that_starts_again_delivers_from_the_file_s_beginning(
    write, tmp_path, deliver, delivered
):
    writer = write(tmp_path)
    writer.append([b"a"])
    for _ in range(2):
        SpoolReader(tmp_path).drain(deliver, most_bytes=MOST)
    assert delivered == [("web-1", [b"a"])] * 2


def test_a_full_file_is_followed_by_the_next_and_can_be_removed_while_its_writer_lives(
    write, tmp_path, deliver, delivered
):
    writer, reader = write(tmp_path), SpoolReader(tmp_path)
    writer.append([b"x" * (MOST_FILE_BYTES // 2)] * 3)
    assert files(tmp_path) == ["web-1.000001.spool", "web-1.000002.spool"]
    assert waiting_bytes(tmp_path) == 3 * (MOST_FILE_BYTES // 2 + HEAD.size)
    assert reader.drain(deliver, most_bytes=MOST) == 3
    assert files(tmp_path) == ["web-1.000002.spool"]


def test_a_folder_that_cannot_be_written_costs_nothing_once_it_can(
    write, tmp_path, deliver, delivered, caplog
):
    folder = tmp_path / "usage"
    folder.write_text("in the way")
    writer = write(folder)
    for record in (b"a", b"b"):
        writer.append([record])
    assert (writer.waiting_bytes, writer.dropped) == (2 * (HEAD.size + 1), 0)
    folder.unlink()
    writer.append([b"c"])
    assert (writer.waiting_bytes, writer.dropped) == (0, 0)
    SpoolReader(folder).drain(deliver, most_bytes=MOST)
    assert delivered == [("web-1", [b"a", b"b", b"c"])]
    assert [record.getMessage().rpartition("usage ")[2] for record in caplog.records] == [
        "cannot be written: File exists",
        "can be written again.",
    ]


def test_what_waits_in_memory_has_a_bound_and_the_oldest_goes_first(
    write, tmp_path, deliver, delivered, monkeypatch
):
    monkeypatch.setattr(spool, "MOST_WAITING_BYTES", 30)
    folder = tmp_path / "usage"
    folder.write_text("in the way")
    writer = write(folder)
    for number in range(5):
        writer.append([b"%d" % number])
    assert (writer.waiting_bytes, writer.dropped) == (27, 2)
    folder.unlink()
    writer.append([])
    SpoolReader(folder).drain(deliver, most_bytes=MOST)
    assert delivered == [("web-1", [b"2", b"3", b"4"])]


def test_a_disk_that_takes_only_a_part_keeps_whole_records_and_no_half_one(
    tmp_path, deliver, delivered
):
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (4500, resource.RLIM_INFINITY))
    ran = subprocess.run(
        [sys.executable, "-c", UNDER_LIMIT, str(tmp_path)],
        preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), limit()),
        env={**os.environ, "PYTHONPATH": str(Path(spool.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "True 0\n"
    assert (tmp_path / f"web-1.000001{ENDING}").stat().st_size == 4 * (1000 + HEAD.size)
    SpoolReader(tmp_path).drain(deliver, most_bytes=MOST)
    assert delivered == [("web-1", [b"%02d" % number * 500 for number in range(4)])]


def test_no_two_processes_have_one_name_and_each_can_be_a_file_s():
    names = {new_source() for _ in range(100)}
    assert len(names) == 100
    assert all(name.replace("-", "").isalnum() and len(name) <= 64 for name in names)
