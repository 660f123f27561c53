"""An installation on several hosts: the desk, PostgreSQL, Valkey and verifiers, each with an address of its own."""

import math
import re
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import desk_environment, wait_until
from tests.fixtures.postgres import PostgresServer, folder_for_servers
from tests.fixtures.valkey import RunningValkey
from tests.hosts.control import SLUG, Control
from tests.races.askers import Askers

PATH = f"/v1/authorize/{SLUG}"
VERIFIER_PORT, METRICS_PORT, POSTGRES_PORT = 8001, 8002, 5432
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "scale-out.md"
(ROLE,) = re.findall(r"^```sql\n(.+?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
"""What the page tells an operator to let replicators in with."""
METRICS = f"""
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:{METRICS_PORT}/metrics").read().decode())
"""


class VerifierHost:
    """A host that follows the database and decides: a replicator and a verifier in a data folder of its own."""

    def __init__(self, host, folder, desk_folder, url, **settings):
        self.host, self.folder, self.url = host, folder, url
        (folder / "secrets").mkdir(parents=True)
        for name in ("pepper", "row_mac_key"):
            secret = folder / "secrets" / name
            secret.write_bytes((desk_folder / "secrets" / name).read_bytes())
            secret.chmod(0o600)
        self.environment = desk_environment(folder, **settings) | {
            "KEYDESK_VERIFIER_HOST": "0.0.0.0",
            "KEYDESK_VERIFIER_PORT": str(VERIFIER_PORT),
            "KEYDESK_METRICS_PORT": str(METRICS_PORT),
        }
        self.processes = {}

    def start(self, *names):
        """Start the processes by name, both if none is given."""
        for name in names or ("replicator", "verifier"):
            extra, feed = (["--allow-remote"], {}) if name == "verifier" else ([], self.feed())
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [*self.host.inside, sys.executable, "-m", "keydesk", name, *extra],
                    env=self.environment | feed,
                    stdout=log,
                    stderr=log,
                )

    def feed(self):
        """Give what tells the replicator where to read: the one place that knows how a host is fed."""
        return {"KEYDESK_DATABASE_URL": self.url}

    def stop(self, name):
        self.processes[name].terminate()
        assert self.processes[name].wait(10) == 0

    def kill(self):
        for process in self.processes.values():
            process.kill()
            process.wait()

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def ask(self, key, path=PATH):
        """Give the status of one request, None if nothing answers."""
        connection = HTTPConnection(self.host.address, VERIFIER_PORT, timeout=5)
        try:
            connection.request("GET", path, headers={"x-api-key": key})
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def wait_for(self, key, status, *, seconds=30):
        wait_until(
            lambda: self.ask(key) == status, seconds=seconds, what=f"{self.host.name}: {status}"
        )

    def age_seconds(self):
        """Give how old the host says that its replica is; without end until its verifier has looked."""
        read = [*self.host.inside, sys.executable, "-c", METRICS]
        told = subprocess.run(read, check=True, capture_output=True, text=True).stdout
        ages = re.findall(r"^keydesk_replica_age_seconds (\S+)$", told, re.MULTILINE)
        return float(ages[0]) if ages else math.inf

    def askers(self, folder, keys):
        """Start a process on the host that asks about the keys."""
        folder.mkdir()
        return Askers(
            folder,
            VERIFIER_PORT,
            [(PATH, key) for key in keys],
            processes=1,
            inside=self.host.inside,
        )


class Installation:
    """All hosts, and the desk's process that acts on them."""

    def __init__(self, network, folder, servers, lease_seconds):
        self.network, self.folder, self.servers = network, folder, servers
        self.lease_seconds = lease_seconds
        self.databases, self.verifiers, self.control = [], [], None
        self.database = self.add_database("db")
        self.database.initialise()

    def add_database(self, name):
        host = self.network.host(name)
        server = PostgresServer(
            self.servers / name, address=host.address, port=POSTGRES_PORT, inside=host.inside
        )
        server.host = host
        self.databases.append(server)
        return server

    def prepare(self, *, url=None, **settings):
        """Make the desk: its database, its secrets, its tables, one product, two accounts."""
        self.database.start(**settings)
        self.database.ask("CREATE DATABASE keydesk")
        self.url = url or self.database.url("keydesk")
        self.desk_folder = self.folder / "desk"
        self.environment = desk_environment(self.desk_folder, DATABASE_URL=self.url)
        for command in ("init", "migrate"):
            done = keydesk(command, environment=self.environment)
            assert done.returncode == 0, done.stderr
        self.database.ask(ROLE, "keydesk")
        self.feed_url = self.url.replace("//keydesk@", "//keydesk_replicator@")
        self.control = Control(self.environment, inside=self.network.host("desk").inside)
        self.sinar, self.samudra = self.do("set_up", lease_seconds=self.lease_seconds)

    def do(self, name, **given):
        """Do one thing on the desk and give what came of it; it has to succeed."""
        _, _, fault, result = self.control.do(name, **given)
        assert not fault, fault
        return result

    def generate(self, account=None, **given):
        return self.do("generate", account=account or self.sinar, **given)

    def add_verifier(self, name, **settings):
        host = self.network.host(name)
        made = VerifierHost(host, self.folder / name, self.desk_folder, self.feed_url, **settings)
        self.verifiers.append(made)
        return made

    def stop(self):
        for host in self.verifiers:
            host.kill()
        if self.control is not None:
            self.control.process.kill()
            self.control.process.communicate()
        for server in self.databases:
            server.kill()


@pytest.fixture(scope="module")
def servers():
    with folder_for_servers() as folder:
        yield folder


@pytest.fixture(scope="module")
def installation(network, servers, tmp_path_factory, lease_seconds):
    """PostgreSQL on a host of its own, and a desk that uses it; a module adds what else it needs."""
    made = Installation(network, tmp_path_factory.mktemp("hosts"), servers, lease_seconds)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def valkey_host(network, tmp_path_factory):
    """Valkey on a host of its own."""
    host = network.host("valkey")
    server = RunningValkey(
        tmp_path_factory.mktemp("valkey"), address=host.address, inside=host.inside
    )
    yield server
    server.kill()


@pytest.fixture(scope="module")
def three(installation, valkey_host):
    """Three hosts that decide, all up, and a key that each of them accepts."""
    installation.prepare()
    for name in ("one", "two", "three"):
        installation.add_verifier(name, VALKEY_URL=valkey_host.url).start()
    _, key = installation.generate()
    for verifier in installation.verifiers:
        verifier.wait_for(key, 200)
    return installation


class Pair(Installation):
    """A primary, a streaming standby, and a URL that finds whichever of them takes writes."""

    def __init__(self, *given):
        super().__init__(*given)
        primary, self.standby = self.database, self.add_database("standby")
        places = ",".join(f"{each.address}:{each.port}" for each in (primary, self.standby))
        self.both = f"postgresql://keydesk@{places}/keydesk?target_session_attrs=read-write"
        primary.start()
        self.standby.copy_of(primary)
        primary.kill()

    def begin(self, **settings):
        """Start both, the standby first: the primary may wait for it."""
        self.standby.start()
        self.prepare(url=self.both, **settings)


@pytest.fixture(scope="module")
def pair(network, servers, tmp_path_factory, lease_seconds):
    """Two servers of which one follows the other; a module starts them as it needs them."""
    made = Pair(network, tmp_path_factory.mktemp("pair"), servers, lease_seconds)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def told(request):
    """Print a figure into the run's output."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def told(text):
        with capture.global_and_fixture_disabled():
            print(f"\n{text}")  # noqa: T201 - the figures belong to the run's output

    return told


@pytest.fixture(scope="session")
def host_revocations(request):
    return request.config.getoption("host_revocations")


@pytest.fixture(scope="session")
def lease_seconds(request):
    return request.config.getoption("lease_seconds")


@pytest.fixture(scope="session")
def failover_keys(request):
    return request.config.getoption("failover_keys")


@pytest.fixture(scope="session")
def many_keys(request):
    return request.config.getoption("many_keys")
