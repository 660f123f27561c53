"""Imports point one way, in the source and in the processes that really run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fixtures.desk import desk_environment, keydesk_afresh, status_of, wait_until

ROOT = Path(__file__).parents[2]

LOADED_BY = """
import json, sys
from importlib import import_module
from keydesk.cli.main import COMMANDS
import_module(COMMANDS[sys.argv[1]].module)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_import_contracts_hold():
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env=desk_environment(ROOT),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    "command",
    ["verifier", "replicator", "ship-usage", "serve", "demo", "init", "doctor", "gateway"],
)
def test_a_command_outside_the_control_plane_loads_no_django(command, tmp_path):
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED_BY, command],
        env=desk_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "django" not in json.loads(loaded.stdout)


FRAMEWORKS = {"django", "fastapi", "flask", "litestar", "starlette", "werkzeug"}
LOADED_BY_A_CHECK = """
import json, sys
from keydesk.client import Need, testing
from keydesk.client.asgi import KeydeskMiddleware as Asgi
from keydesk.client.wsgi import KeydeskMiddleware as Wsgi
with testing.desk() as desk:
    key = desk.key("disbursement")
    served = lambda environ, start: [environ["keydesk"].username.encode()]
    checked = Wsgi(served, desk.keydesk, Need("disbursement"))
    assert checked({"HTTP_X_API_KEY": key, "PATH_INFO": "/"}, None) == [b"acme"]
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_a_service_that_checks_a_request_loads_no_framework_that_it_does_not_use(tmp_path):
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED_BY_A_CHECK],
        env=desk_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(loaded.stdout)) & FRAMEWORKS == set()


def test_the_overview_loads_no_command_at_all(tmp_path):
    shown = keydesk_afresh("--help", environment=desk_environment(tmp_path, NONSENSE=None))
    assert shown.returncode == 0, shown.stderr
    assert "keydesk" in shown.stdout


@pytest.fixture
def without_django(tmp_path, desk_once):
    """The environment of a small installation in which importing Django ends the process."""
    shutil.copytree(desk_once, tmp_path / "data")
    environment = desk_environment(tmp_path / "data")
    trap = tmp_path / "trap" / "django"
    trap.mkdir(parents=True)
    (trap / "__init__.py").write_text("raise RuntimeError('Django was imported')")
    return {**environment, "PYTHONPATH": f"{trap.parent}:{environment['PYTHONPATH']}"}


@pytest.fixture
def running(without_django):
    """The replicator and the verifier of that installation."""
    started = [
        subprocess.Popen([sys.executable, "-m", "keydesk", name], env=without_django)
        for name in ("replicator", "verifier")
    ]
    yield started
    for process in started:
        process.terminate()
    for process in started:
        process.wait(10)


def test_a_verifier_and_its_replicator_serve_a_request_without_django(without_django, running):
    trapped = keydesk_afresh("account", "list", environment=without_django)
    assert "Django was imported" in trapped.stderr, "the trap does not work"
    made = keydesk_afresh(
        *["key", "generate", "sinarabadi", "disbursement", "--name", "Test"],
        environment={**without_django, "PYTHONPATH": str(ROOT / "src")},
    )
    url = f"http://127.0.0.1:{without_django['KEYDESK_VERIFIER_PORT']}/v1/authorize/disbursement"
    wait_until(
        lambda: status_of(url, {"x-api-key": made.stdout.strip()}) == 200,
        seconds=30,
        what="the key is accepted",
    )
    assert [process.poll() for process in running] == [None, None]
