"""What the pages tell a newcomer to type exists."""

import re
import subprocess
from pathlib import Path

import pytest

from keydesk.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("how-to/*.md")),
    ROOT / "docs" / "tutorial.md",
]
TARGETS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_and_command_on_a_page_exists(page):
    text = page.read_text()
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    commands = set(re.findall(r"(?:^|`|bin/)keydesk ([a-z]+)", text, re.MULTILINE))
    assert (targets - TARGETS, commands - set(COMMANDS)) == (set(), set())


def test_make_alone_explains_every_target():
    told = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  ([a-z]+)", told, re.MULTILINE)) == TARGETS
    assert {"demo", "test", "races", "faults", "bench", "help"} <= TARGETS


def test_the_automation_runs_what_a_person_runs():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == ["make test"]
