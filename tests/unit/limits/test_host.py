"""The counts of a host: exact across processes, kept through kills, and bounded on the disk."""

import multiprocessing
import os
import signal
import struct
import time

import lmdb
import pytest
from tests.fixtures.disks import filled, mount_small_disk

from keydesk.core.codes import Code
from keydesk.core.limits import DAY_SECONDS, Bucket, parse_limit
from keydesk.limits.host import DISK_FULL, PRUNED_AT_ONCE, HostLedger
from keydesk.limits.ledger import LedgerUnavailable
from keydesk.limits.storage import ASIDE_NAME, COPY_NAME, CountsFile

NOW = 1_800_000_000.0
PROCESS = multiprocessing.get_context("fork")
ALL_DAY = parse_limit("account:daily=1000/day")


def bucket(limit=ALL_DAY, name=b"a"):
    return Bucket(name, limit)


def call(ledger, *buckets, cost=1, now=NOW):
    return ledger.spend(buckets or (bucket(),), cost=cost, now=now).code


def count_accepted(folder, calls, started, accepted):
    ledger = HostLedger(folder)
    started.wait()
    accepted.put(sum(call(ledger) is Code.OK for _ in range(calls)))


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_exactly_as_many_calls_pass_as_the_limit_says_whatever_the_number_of_processes(
    tmp_path, processes
):
    accepted, started = PROCESS.Queue(), PROCESS.Barrier(processes)
    crew = [
        PROCESS.Process(target=count_accepted, args=(tmp_path, 1000, started, accepted))
        for _ in range(processes)
    ]
    for process in crew:
        process.start()
    passed = sum(accepted.get() for _ in crew)
    for process in crew:
        process.join()
    assert passed == 1000


def spend_for_ever(folder, started):
    ledger = HostLedger(folder)
    started.wait()
    while True:
        call(ledger, bucket(parse_limit("key:all=999999999999/day"), b"other"))


def test_a_process_killed_in_the_middle_keeps_nobody_waiting(tmp_path):
    started = PROCESS.Barrier(2)
    process = PROCESS.Process(target=spend_for_ever, args=(tmp_path, started))
    process.start()
    started.wait()
    ledger = HostLedger(tmp_path)
    for _ in range(100):
        call(ledger)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert [call(ledger) for _ in range(901)] == [Code.OK] * 900 + [Code.QUOTA_EXCEEDED]


def test_counts_outlive_the_process_that_made_them(tmp_path):
    first = HostLedger(tmp_path)
    for _ in range(1000):
        call(first)
    first.close()
    assert call(HostLedger(tmp_path)) is Code.QUOTA_EXCEEDED


def test_a_stopped_call_is_counted_nowhere(tmp_path):
    ledger = HostLedger(tmp_path)
    wide, narrow = bucket(name=b"wide"), bucket(parse_limit("key:one=1/day"), b"narrow")
    assert [call(ledger, wide, narrow) for _ in range(5)] == [Code.OK] + [Code.QUOTA_EXCEEDED] * 4
    assert [call(ledger, wide) for _ in range(1000)].count(Code.OK) == 999


def test_what_no_limit_can_need_any_more_is_forgotten_and_the_rest_is_not(tmp_path):
    ledger = HostLedger(tmp_path)
    burst = parse_limit("key:burst=1/60s")
    for number in range(900):
        call(ledger, bucket(burst if number % 2 else ALL_DAY, name=b"%d" % number), cost=1)
    assert [ledger.prune(NOW + 60) for _ in range(5)] == [0] * 5
    forgotten = [ledger.prune(NOW + 62) for _ in range(5)]
    assert (sum(forgotten), max(forgotten)) == (450, PRUNED_AT_ONCE // 2)
    assert call(ledger, bucket(name=b"0"), cost=1000) is Code.QUOTA_EXCEEDED
    assert call(ledger, bucket(burst, name=b"1")) is Code.OK


def test_a_folder_that_cannot_be_used_is_told_and_used_as_soon_as_it_can_be(tmp_path):
    (tmp_path / "file").write_text("")
    ledger = HostLedger(tmp_path / "file")
    with pytest.raises(LedgerUnavailable, match="cannot be counted"):
        call(ledger)
    (tmp_path / "file").unlink()
    ledger.keep()
    assert (call(ledger), ledger.fault) == (Code.OK, None)


def overwritten(folder, content):
    """Put other content into the file of counts, which nobody has open, and give its path."""
    file = CountsFile(folder)
    file.close()
    file.path.unlink()
    file.path.write_bytes(content)
    return file.path


@pytest.mark.parametrize("content", [b"not LMDB", bytes(1 << 16), b"\xff" * (1 << 16)])
def test_a_file_that_cannot_be_read_is_set_aside(tmp_path, content):
    path = overwritten(tmp_path, content)
    ledger = HostLedger(tmp_path)
    assert (call(ledger), ledger.fault, path.exists()) == (Code.OK, None, True)
    assert (tmp_path / ASIDE_NAME).read_bytes()[:8] == content[:8]


def test_files_of_other_layouts_and_of_earlier_runs_of_the_machine_go(tmp_path):
    left = ["counts-v0.lmdb", "counts-v0.lmdb-lock", "counts-v1-earlier.lmdb"]
    for name in left:
        (tmp_path / name).write_text("")
    HostLedger(tmp_path)
    assert [name for name in left if (tmp_path / name).exists()] == []


def test_the_next_run_of_the_machine_goes_on_with_the_copy(tmp_path, monkeypatch):
    ledger = HostLedger(tmp_path)
    call(ledger, cost=400)
    assert [ledger.save(), ledger.save()] == [True, False]
    call(ledger, cost=100)
    ledger.close()
    monkeypatch.setattr("keydesk.limits.storage.BOOT_ID", "next")
    later = HostLedger(tmp_path)
    assert [call(later, cost=600), call(later)] == [Code.OK, Code.QUOTA_EXCEEDED]


def test_a_copy_is_made_while_other_processes_count(tmp_path):
    started = PROCESS.Barrier(2)
    process = PROCESS.Process(target=spend_for_ever, args=(tmp_path, started))
    process.start()
    started.wait()
    ledger = HostLedger(tmp_path)
    call(ledger, cost=400)
    saved = ledger.save()
    process.kill()
    process.join()
    with lmdb.open(str(tmp_path / COPY_NAME), subdir=False, readonly=True, lock=False) as copy:
        kept = struct.unpack("<qqq", copy.begin().get(b"a"))
    assert (saved, kept) == (True, (20_833, 400, 20_834 * 86_400))


def read_for_ever(folder, started):
    transaction = CountsFile(folder).env.begin()
    started.wait()
    signal.pause()
    transaction.abort()


def test_a_process_killed_while_it_copied_does_not_make_the_file_grow(tmp_path):
    started = PROCESS.Barrier(2)
    process = PROCESS.Process(target=read_for_ever, args=(tmp_path, started))
    process.start()
    started.wait()
    file = CountsFile(tmp_path)
    process.kill()
    process.join()
    before = str(process.pid) in file.env.readers()
    assert (before, file.copy(), str(process.pid) in file.env.readers()) == (True, True, False)
    file.close()


def test_processes_that_start_at_once_over_a_file_that_cannot_be_read_share_one_anew(tmp_path):
    overwritten(tmp_path, b"not LMDB")
    accepted, started = PROCESS.Queue(), PROCESS.Barrier(4)
    crew = [
        PROCESS.Process(target=count_accepted, args=(tmp_path, 500, started, accepted))
        for _ in range(4)
    ]
    for process in crew:
        process.start()
    passed = sum(accepted.get() for _ in crew)
    for process in crew:
        process.join()
    assert passed == 1000


def test_a_map_that_is_full_stops_counting_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("keydesk.limits.storage.MAP_BYTES", 1 << 16)
    ledger = HostLedger(tmp_path)
    call(ledger, cost=999)
    with pytest.raises(LedgerUnavailable, match="MDB_MAP_FULL"):
        count_new_places(ledger, 10_000)
    assert [call(ledger), call(ledger)] == [Code.OK, Code.QUOTA_EXCEEDED]


def count_new_places(ledger, most):
    for number in range(most):
        if number % 1000 == 0:
            ledger.keep()
        ledger.spend([bucket(name=b"%d" % number)], cost=1, now=NOW)


def count_on_a_full_disk(folder, told):
    """Count new places until that is not possible any more, then as soon as there is room again."""
    mount_small_disk(folder)
    ledger = HostLedger(folder)
    told.put(ledger.fault)
    filler = filled(folder)
    with pytest.raises(LedgerUnavailable) as error:
        count_new_places(ledger, 1_000_000)
    told.put(str(error.value))
    filler.unlink()
    ledger.keep()
    told.put(call(ledger))


def test_a_full_disk_stops_counting_before_it_ends_the_process(tmp_path):
    told = PROCESS.Queue()
    process = PROCESS.Process(target=count_on_a_full_disk, args=(tmp_path / "limits", told))
    process.start()
    process.join()
    assert process.exitcode == 0  # else it has told less
    assert [told.get() for _ in range(3)] == [None, DISK_FULL, Code.OK]


def start_on_a_full_disk(folder, told):
    mount_small_disk(folder)
    filler = filled(folder)
    ledger = HostLedger(folder)
    told.put(ledger.fault)
    filler.unlink()
    ledger.keep()
    told.put(call(ledger))


def test_a_process_starts_on_a_full_disk_and_counts_when_there_is_room(tmp_path):
    told = PROCESS.Queue()
    process = PROCESS.Process(target=start_on_a_full_disk, args=(tmp_path / "limits", told))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert "No space left" in told.get()
    assert told.get() is Code.OK


def test_a_count_takes_its_moment_from_whoever_asks(tmp_path):
    ledger = HostLedger(tmp_path)
    assert [call(ledger, now=NOW + day * DAY_SECONDS, cost=1000) for day in (0, 0, 1)] == [
        Code.OK,
        Code.QUOTA_EXCEEDED,
        Code.OK,
    ]
    assert call(ledger, now=time.time(), cost=1) is Code.OK
