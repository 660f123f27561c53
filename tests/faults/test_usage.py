"""What was counted reaches the desk exactly once, whatever stops, dies or is asked twice in between."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing

import pysqlite3
import pytest
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import desk_environment, status_of, wait_until

from keydesk.core.usage import Count, Entry, encode_entry
from keydesk.host.spool import SpoolWriter

WITHIN_SECONDS = 60


def counted(desk):
    """How many requests the desk knows of, by code."""
    with closing(pysqlite3.connect(desk.data_dir / "keydesk.sqlite3")) as database:
        rows = database.execute(
            "SELECT code, sum(number) FROM usage_counts WHERE span = 86400 GROUP BY code"
        )
        return dict(rows.fetchall())


def example_key(desk):
    """The id of the key that the demo's examples use."""
    with closing(pysqlite3.connect(desk.data_dir / "keydesk.sqlite3")) as database:
        prefix = desk.demo["example_key"][:12]
        ((key,),) = database.execute("SELECT id FROM api_keys WHERE shown_prefix = ?", [prefix])
        return key


def ask(desk, times):
    """Send requests that are accepted, and as many that are refused."""
    headers = {"x-api-key": desk.demo["example_key"]}
    for _ in range(times):
        for product, status in (("disbursement", 200), ("account-inquiry", 403)):
            assert status_of(f"{desk.verifier_url}/v1/authorize/{product}", headers) == status


def wait_for(desk, before, **more):
    """Wait until the desk knows of so many more, and see that it does not come to know of too many."""
    expected = {code: before.get(code, 0) + number for code, number in more.items()}

    def is_reached():
        return all(counted(desk).get(code, 0) >= number for code, number in expected.items())

    wait_until(is_reached, seconds=WITHIN_SECONDS, what=f"{expected}, not {counted(desk)}")
    assert {code: counted(desk)[code] for code in expected} == expected


def spool_files(folder):
    return list(folder.glob("*.spool"))


def test_requests_decided_while_the_worker_is_down_are_counted_when_it_is_back(desk):
    before = counted(desk)
    worker = desk.pid_of("worker")
    os.kill(worker, signal.SIGSTOP)
    ask(desk, 50)
    os.kill(worker, signal.SIGKILL)
    wait_for(desk, before, ok=50, wrong_product=50)


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.7, 1.1])
def test_a_worker_that_is_killed_while_it_takes_usage_counts_nothing_twice(desk, moment):
    before = counted(desk)
    ask(desk, 20)
    time.sleep(moment)  # the moment of the kill is what is tried, nothing is waited for
    os.kill(desk.pid_of("worker"), signal.SIGKILL)
    ask(desk, 20)
    wait_for(desk, before, ok=40, wrong_product=40)


@pytest.fixture
def edge(desk, tmp_path):
    """Another host with five entries in its spool: its environment, the credential's file and the spool."""
    made = keydesk("credential", "create", "edge", "--scope", "usage", environment=desk.environment)
    credential = tmp_path / "credential"
    credential.write_text(made.stdout)
    environment = desk_environment(tmp_path / "edge")
    spool = tmp_path / "edge" / "usage"
    now, key = int(time.time()), example_key(desk)
    writer = SpoolWriter(spool, f"edge-{tmp_path.name[-20:].replace('_', '-')}")
    for sequence in range(1, 6):
        counts = [
            Count(key=key, code="ok", minute=now // 60 * 60, number=1, last_at=now),
            Count(key=key, code="key_expired", minute=now // 60 * 60, number=2, last_at=now),
        ]
        writer.append([encode_entry(Entry(sequence=sequence, counts=counts))])
    writer.close()
    return environment, credential, spool


def options(desk, credential):
    return ["ship-usage", "--to", desk.dashboard_url, "--credential-file", str(credential)]


def test_another_host_s_usage_is_brought_home_once_even_if_it_is_sent_twice(desk, edge, tmp_path):
    environment, credential, spool = edge
    before, copy = counted(desk), tmp_path / "copy"
    shutil.copytree(spool, copy)
    for _ in range(2):
        done = keydesk(*options(desk, credential), "--once", environment=environment)
        assert (done.returncode, done.stdout) == (0, "5 entries are at the desk.\n"), done.stderr
        assert spool_files(spool) == []
        shutil.copytree(copy, spool, dirs_exist_ok=True)
    wait_for(desk, before, ok=5, key_expired=10)


def test_what_the_desk_does_not_take_stays_with_a_sentence(desk, edge):
    environment, credential, spool = edge
    credential.write_text("kds_live_" + "0" * 49)
    done = keydesk(*options(desk, credential), "--once", environment=environment)
    assert (done.returncode, "answers 401: is the service credential" in done.stderr) == (1, True)
    assert len(spool_files(spool)) == 1
    for address in ("http://desk.example.com", "ftp://desk", "desk"):
        told = keydesk(
            *["ship-usage", "--to", address, "--credential-file", str(credential), "--once"],
            environment=environment,
        )
        assert (told.returncode, "https://" in told.stderr) == (1, True)


def test_with_the_desk_down_usage_waits_on_its_host_and_goes_when_it_is_back(desk, edge, tmp_path):
    environment, credential, spool = edge
    before, log = counted(desk), tmp_path / "ship.log"
    dashboard = desk.pid_of("dashboard")
    os.kill(dashboard, signal.SIGKILL)
    with log.open("w") as output:
        shipping = subprocess.Popen(
            [sys.executable, "-m", "keydesk", *options(desk, credential)],
            env=environment,
            stderr=output,
        )
    try:
        wait_for(desk, before, ok=5, key_expired=10)
        wait_until(lambda: not spool_files(spool), seconds=WITHIN_SECONDS, what="an empty spool")
    finally:
        shipping.terminate()
        assert shipping.wait(10) == 0
