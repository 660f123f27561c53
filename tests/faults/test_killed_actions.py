"""R1: killed at any moment, a desk loses nothing that it acknowledged, and does nothing that it does not tell."""

import json
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fixtures.desk import desk_environment

PROJECT = Path(__file__).parents[2]
KILLS = 10
"""How often for each time that `--kills` says."""
NOTHING = {
    "lost": [],
    "uncounted": 0,
    "without their event": [],
    "two of one rotation": [],
    "out of order": [],
    "damage": [],
}


@pytest.fixture(params=["sqlite", "postgresql"])
def environment(request, prepared_once, tmp_path):
    """The environment of an installation on the database."""
    shutil.copytree(prepared_once, tmp_path / "data")
    if request.param == "sqlite":
        return desk_environment(tmp_path / "data")
    server, name = request.getfixturevalue("postgres"), f"killed_{secrets.token_hex(8)}"
    server.ask(f"CREATE DATABASE {name}")
    environment = desk_environment(tmp_path / "data", DATABASE_URL=server.url(name))
    run(environment, "keydesk", "migrate")
    return environment


def run(environment, program, *words):
    """Give what a program told, which has to come to a good end."""
    done = subprocess.run(
        [sys.executable, "-m", program, *words],
        env=environment | {"DJANGO_SETTINGS_MODULE": "keydesk.server.settings"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_r1_a_desk_that_is_killed_again_and_again_keeps_what_it_said_and_says_what_it_did(
    environment, kills, tmp_path
):
    log = tmp_path / "acknowledged"
    told = json.loads(run(environment, "tests.faults.dying", str(log), str(kills * KILLS)))
    sys.stdout.write(
        f"\nkilled {kills * KILLS} times: {told['said']}, slowest {told['slowest']} s\n"
    )
    assert told["found"] == NOTHING
