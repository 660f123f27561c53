"""A stop is clean, complete and quick."""

import signal
import time

import pytest
from tests.fixtures.desk import command_line, descendants

STOP_SECONDS = 2.0


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_stop_takes_two_seconds_at_most_and_leaves_no_process(number, tmp_path, desk_starter):
    desk = desk_starter(tmp_path)
    started = [desk.process.pid, *descendants(desk.process.pid)]
    asked_at = time.monotonic()
    desk.process.send_signal(number)
    status = desk.process.wait(10)
    took = time.monotonic() - asked_at
    assert (status, [command_line(pid) for pid in started if command_line(pid)]) == (0, [])
    assert took <= STOP_SECONDS
