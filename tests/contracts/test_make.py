"""What the pages tell a newcomer to type exists."""

import importlib
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from keydesk.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("how-to/*.md")),
    *sorted((ROOT / "docs").glob("reference/*.md")),
    *sorted((ROOT / "docs").glob("explanation/*.md")),
    ROOT / "docs" / "tutorial.md",
]
TARGETS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_and_command_on_a_page_exists(page):
    text = page.read_text()
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    commands = set(re.findall(r"(?:^|`|bin/)keydesk ([a-z-]+)", text, re.MULTILINE))
    assert (targets - TARGETS, commands - set(COMMANDS)) == (set(), set())


def commands_on(page):
    """Give the `keydesk` commands on a page: those between backticks, and the lines that are one."""
    found = re.findall(r"`keydesk ([^`\n]+)`|^keydesk (.+)$", page.read_text(), re.MULTILINE)
    written = [re.split(" [#>] ", inline or line)[0] for inline, line in found]
    return [command for command in written if not command.startswith("<group>")]


def parse(written):
    """Read a command as the command line does, and run nothing; one that is only named need not be complete."""
    name, *words = shlex.split(re.sub(r"<[^>]+>", "something", written))
    command = typer.main.get_command(importlib.import_module(COMMANDS[name].module).app)
    if isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    command.make_context(written, words, resilient_parsing=not words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_is_taken_as_it_is_written(page):
    for written in commands_on(page):
        parse(written)


def test_make_alone_explains_every_target():
    told = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  ([a-z]+)", told, re.MULTILINE)) == TARGETS
    assert {"demo", "test", "races", "faults", "bench", "help"} <= TARGETS


def test_the_automation_runs_what_a_person_runs():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == ["make test"]


def pinned(name):
    """Give what a lock pins: each version, for where it is, with the hashes of its files."""
    lock = (ROOT / "requirements" / f"{name}.txt").read_text()
    found = re.findall(r"^([\w.-]+==[^\\\n]+)((?:\\?\n    --hash=\S+ ?)+)", lock, re.MULTILINE)
    return {(version.strip(), frozenset(hashes.split())) for version, hashes in found}


@pytest.mark.parametrize(("smaller", "larger"), [("base", "desk"), ("desk", "dev")])
def test_the_locks_have_the_same_versions_of_what_they_share(smaller, larger):
    assert pinned(smaller)
    assert pinned(smaller) - pinned(larger) == set()


def test_the_base_lock_has_what_a_verifier_needs_and_no_django():
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {version.partition("==")[0] for version, _ in pinned("base")}
    assert {re.match(r"[\w-]+", each)[0] for each in needed} - names == set()
    assert "django" not in names
