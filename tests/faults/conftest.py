"""A real desk of their own for tests that break it."""

import pytest
from tests.fixtures.desk import RunningDesk, desk_environment


@pytest.fixture(scope="session")
def kills(request):
    """How many times each process is killed."""
    return request.config.getoption("kills")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    running = RunningDesk("demo", desk_environment(folder / "demo"), folder / "output.log")
    try:
        running.wait_until_up()
        yield running
    finally:
        running.stop()


@pytest.fixture
def desk_starter():
    """Start a demo that the test itself may end."""
    started = []

    def start(folder):
        running = RunningDesk("demo", desk_environment(folder / "demo"), folder / "output.log")
        started.append(running)
        running.wait_until_up()
        return running

    yield start
    for running in started:
        running.stop()
