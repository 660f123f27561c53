"""A process that is killed changes nothing that it should not, and is back by itself."""

import os
import signal

import pytest
from tests.fixtures.desk import command_line, descendants, status_of, wait_until

BACK_SECONDS = 60


def kill(desk, name):
    """Kill a process the hard way, wait until a new one has taken its place, and give the old id."""
    before = desk.pid_of(name)
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: desk.find(name) not in {None, before}, seconds=BACK_SECONDS, what=f"{name} is back"
    )
    return before


def decisions(desk):
    """The two decisions that the demo tells to try."""
    headers = {"x-api-key": desk.demo["example_key"]}
    return [
        status_of(f"{desk.verifier_url}/v1/authorize/{product}", headers)
        for product in ("disbursement", "account-inquiry")
    ]


def test_with_the_dashboard_killed_the_verifier_goes_on_deciding(desk):
    os.kill(desk.pid_of("dashboard"), signal.SIGKILL)
    assert decisions(desk) == [200, 403]
    wait_until(
        lambda: status_of(f"{desk.dashboard_url}/") == 200,
        seconds=BACK_SECONDS,
        what="the dashboard answers again",
    )


@pytest.mark.parametrize("name", ["dashboard", "verifier", "replicator", "worker"])
def test_a_killed_process_is_back_and_nothing_is_lost(desk, kills, name):
    for _ in range(kills):
        kill(desk, name)
        wait_until(
            lambda: decisions(desk) == [200, 403], seconds=BACK_SECONDS, what="decisions as before"
        )
    wait_until(
        lambda: status_of(f"{desk.dashboard_url}/") == 200,
        seconds=BACK_SECONDS,
        what="the dashboard answers",
    )


def test_with_the_replicator_killed_the_verifier_goes_on_deciding(desk):
    os.kill(desk.pid_of("replicator"), signal.SIGKILL)
    assert decisions(desk) == [200, 403]


@pytest.mark.alone
def test_killing_the_supervisor_leaves_nothing_behind(tmp_path, desk_starter):
    running = desk_starter(tmp_path)
    started = descendants(running.process.pid)
    assert len(started) >= 4
    running.process.kill()
    running.process.wait(10)
    wait_until(
        lambda: not [pid for pid in started if command_line(pid)],
        seconds=5,
        what="every process is gone",
    )
