"""The command line as an operator meets it: real processes on an installation of their own."""

import shutil

import pytest
from tests.fixtures.desk import desk_environment, keydesk


class Host:
    """A host with Keydesk on it."""

    def __init__(self, folder):
        self.environment = desk_environment(folder)
        self.folder = folder

    def run(self, command, *, says_no=False, typed="", **settings):
        """Run a command; gives what it says, on the error output if it is to refuse."""
        done = keydesk(*command, environment=self.environment | settings, typed=typed)
        assert "Traceback" not in done.stderr
        assert (done.returncode == 0) is not says_no, done.stdout + done.stderr
        return done.stderr if says_no else done.stdout


@pytest.fixture
def host(tmp_path):
    """A host on which nothing was done yet."""
    return Host(tmp_path / "data")


@pytest.fixture(scope="session")
def prepared_once(tmp_path_factory):
    made = Host(tmp_path_factory.mktemp("prepared") / "data")
    made.run(["init"])
    made.run(["migrate"])
    return made.folder


@pytest.fixture(scope="session")
def desk_once(tmp_path_factory, prepared_once):
    made = Host(tmp_path_factory.mktemp("desk") / "data")
    shutil.copytree(prepared_once, made.folder)
    made.run(["account", "create", "sinarabadi", "--name", "PT Sinar Abadi"])
    made.run(["account", "approve", "sinarabadi"])
    made.run(["product", "create", "disbursement", "--name", "Disbursement"])
    made.run(["entitlement", "enable", "sinarabadi", "disbursement"])
    return made.folder


@pytest.fixture
def prepared(host, prepared_once):
    """A host with secrets and a database."""
    shutil.copytree(prepared_once, host.folder)
    return host


@pytest.fixture
def desk(host, desk_once):
    """A host with an approved account that may use one product."""
    shutil.copytree(desk_once, host.folder)
    return host
