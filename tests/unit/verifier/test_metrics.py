"""What Prometheus reads: the counts of all workers, dead ones included, and the replica's age."""

import subprocess
import sys
import time

from prometheus_client import CollectorRegistry

from keydesk.core.codes import Code
from keydesk.replica.store import Status
from keydesk.verifier.metrics import Door, Tally, TallyCollector

WORKER = """
import os, sys, time
from pathlib import Path
from keydesk.core.codes import Code
from keydesk.verifier.metrics import Door, Tally
count = Tally(Path(sys.argv[1])).counter(Door.AUTHORIZE)
for _ in range(3):
    count(Code.OK, time.perf_counter_ns())
os.kill(os.getpid(), 9)
"""


def registry(folder):
    made = CollectorRegistry()
    made.register(TallyCollector(folder))
    return made


def decisions(folder, door, code):
    return registry(folder).get_sample_value(
        "keydesk_decisions_total", {"door": door, "code": code}
    )


def test_counts_of_workers_that_were_killed_go_on_counting(tmp_path):
    for _ in range(2):
        subprocess.run([sys.executable, "-c", WORKER, str(tmp_path)], check=False)
    Tally(tmp_path).counter(Door.AUTHORIZE)(Code.OK, time.perf_counter_ns())
    assert decisions(tmp_path, "authorize", "ok") == 7


def test_each_decision_counts_once_under_its_door_and_code(tmp_path):
    tally = Tally(tmp_path)
    for door in Door:
        for code in Code:
            tally.counter(door)(code, time.perf_counter_ns())
    counted = {(door, code): decisions(tmp_path, door, code) for door in Door for code in Code}
    assert counted == {(door, code): 1 for door in Door for code in Code}


def test_a_duration_lies_in_its_bucket_and_the_slowest_in_the_last(tmp_path):
    count = Tally(tmp_path).counter(Door.VERIFY)
    for seconds in (0, 0.001, 3600):
        count(Code.OK, time.perf_counter_ns() - int(seconds * 1e9))
    name = "keydesk_request_duration_seconds"
    read = registry(tmp_path).get_sample_value
    assert read(f"{name}_count", {"door": "verify"}) == 3
    assert read(f"{name}_bucket", {"door": "verify", "le": "0.067108864"}) == 2
    assert 3600 < read(f"{name}_sum", {"door": "verify"}) < 3610


def test_the_replica_s_age_goes_on_while_nobody_looks_at_it(tmp_path):
    tally = Tally(tmp_path)
    assert registry(tmp_path).get_sample_value("keydesk_replica_age_seconds") is None
    status = Status(
        epoch="e",
        revision=7,
        confirmed_at=time.time() - 60,
        heartbeat_at=0,
        refused_rows=2,
        has_gone_back=False,
        clock_ahead_seconds=None,
    )
    tally.note_replica(status, time.time())
    assert registry(tmp_path).get_sample_value("keydesk_clock_ahead_seconds") is None
    read = registry(tmp_path).get_sample_value
    assert 60 <= read("keydesk_replica_age_seconds") < 70
    assert (read("keydesk_replica_revision"), read("keydesk_replica_refused_rows")) == (7, 2)


def test_an_age_of_more_than_all_time_is_none(tmp_path):
    status = Status("e", 7, -1e12, 0, 2, has_gone_back=False, clock_ahead_seconds=-1e12)
    Tally(tmp_path).note_replica(status, time.time())
    read = registry(tmp_path).get_sample_value
    assert read("keydesk_replica_age_seconds") is None
    assert read("keydesk_clock_ahead_seconds") == -1e12


def test_calls_that_came_while_the_store_was_away_add_up_over_workers(tmp_path):
    for _ in range(3):
        Tally(tmp_path).count_away()
    tally = tmp_path / "1.tally"
    tally.write_bytes(next(tmp_path.glob("*.tally")).read_bytes())
    assert registry(tmp_path).get_sample_value("keydesk_limits_away_total") == 6


def test_connections_that_were_turned_away_are_told(tmp_path):
    Tally(tmp_path).count_turned_away()
    told = registry(tmp_path).get_sample_value("keydesk_connections_turned_away_total")
    assert told == 1


def test_before_any_worker_has_counted_there_is_nothing(tmp_path):
    assert registry(tmp_path).get_sample_value("keydesk_replica_revision") == 0
    assert decisions(tmp_path, "authorize", "ok") is None
