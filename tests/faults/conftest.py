"""A real desk of their own for tests that break it."""

import shutil

import pytest
from tests.fixtures.desk import RunningDesk, copy_demo, desk_environment


@pytest.fixture
def prepared(prepared_once, tmp_path):
    """The environment of an installation that could start."""
    shutil.copytree(prepared_once, tmp_path / "data")
    return desk_environment(tmp_path / "data")


@pytest.fixture(scope="session")
def kills(request):
    """How many times each process is killed."""
    return request.config.getoption("kills")


@pytest.fixture(scope="module")
def desk(demo_desk):
    return demo_desk


@pytest.fixture
def desk_starter(demo_folder):
    """Start a demo that the test itself may end."""
    started = []

    def start(folder):
        copy_demo(demo_folder, folder / "demo")
        running = RunningDesk("demo", desk_environment(folder / "demo"), folder / "output.log")
        started.append(running)
        running.wait_until_up()
        return running

    yield start
    for running in started:
        running.stop()
