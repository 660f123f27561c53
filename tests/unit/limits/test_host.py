"""The counts of a host: exact across processes, kept through kills, and bounded on the disk."""

import asyncio
import multiprocessing
import os
import signal
import time

import pytest

from keydesk.core.codes import Code
from keydesk.core.gcra import DAY_SECONDS
from keydesk.core.limits import Bucket, parse_limit
from keydesk.limits.host import LONGEST_KEPT_SECONDS, HostLedger
from keydesk.limits.ledger import LedgerUnavailable

NOW = 1_800_000_000.0
PROCESS = multiprocessing.get_context("fork")
ALL_DAY = parse_limit("account:daily=1000/day")


def bucket(limit=ALL_DAY, name=b"a"):
    return Bucket(name, limit)


def call(ledger, *buckets, cost=1, now=NOW):
    return asyncio.run(ledger.spend(buckets or (bucket(),), cost=cost, now=now)).code


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
    for number in range(1500):
        old = number % 2
        call(ledger, bucket(name=b"%d" % number), now=NOW - old * (LONGEST_KEPT_SECONDS + 1))
    assert ledger.prune(NOW) + ledger.prune(NOW) == 750
    assert ledger.prune(NOW) + ledger.prune(NOW) == 0
    left = [call(ledger, bucket(name=b"%d" % number), cost=1000) for number in range(1500)]
    assert [code is Code.OK for code in left] == [bool(number % 2) for number in range(1500)]


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable, match="cannot be counted"):
        HostLedger(tmp_path / "file")


def test_a_full_disk_stops_counting_before_it_ends_the_process(tmp_path, monkeypatch):
    ledger = HostLedger(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr("keydesk.limits.host.HEADROOM_BYTES", 1 << 30)
    ledger.keep_headroom()
    with pytest.raises(LedgerUnavailable, match="full"):
        call(ledger)
    monkeypatch.undo()
    ledger.keep_headroom()
    assert call(ledger) is Code.OK


def test_a_count_takes_its_moment_from_whoever_asks(tmp_path):
    ledger = HostLedger(tmp_path)
    assert [call(ledger, now=NOW + day * DAY_SECONDS, cost=1000) for day in (0, 0, 1)] == [
        Code.OK,
        Code.QUOTA_EXCEEDED,
        Code.OK,
    ]
    assert call(ledger, now=time.time(), cost=1) is Code.OK
