"""Imports point one way, in the source and in the processes that really run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fixtures.desk import desk_environment, keydesk

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


@pytest.mark.parametrize("command", ["verifier", "replicator", "serve", "demo", "init", "doctor"])
def test_a_command_outside_the_control_plane_loads_no_django(command, tmp_path):
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED_BY, command],
        env=desk_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "django" not in json.loads(loaded.stdout)


def test_the_overview_loads_no_command_at_all(tmp_path):
    shown = keydesk("--help", environment=desk_environment(tmp_path, NONSENSE=None))
    assert shown.returncode == 0, shown.stderr
    assert "keydesk" in shown.stdout
