"""`demo.json`: what a demo tells of itself to people's scripts, and how a folder is known as a demo's own."""

import json
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pysqlite3.dbapi2 as sqlite3

from keydesk.server.faults import OperatorFault

FILE_NAME: Final = "demo.json"
FORMAT: Final = 4
"""Raised when a demo's content changes so much that an old one has to be made anew."""
MIGRATIONS: Final = Path(__file__).parents[1] / "control" / "migrations"


def read_facts(folder: Path) -> dict[str, Any] | None:
    """Give what the demo in this folder tells, None if the folder is not a demo's; {} if it was never finished.

    Raises OperatorFault if it was made by a version of Keydesk that this one cannot go on with.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / FILE_NAME).read_text())
    except FileNotFoundError:
        return None
    if facts and facts.get("format") != FORMAT:
        raise OperatorFault(
            f"The demo in {folder} was made by another version of Keydesk: make it anew with --reset "
            "(make demo ARGS=--reset)."
        )
    return facts


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write what the demo tells, never half of it, readable by its owner alone."""
    path = folder / FILE_NAME
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(facts, indent=2) + "\n")
    fresh.replace(path)


def schema() -> str:
    """Give what the demo's database was made for: while it stays the same, a start has nothing to migrate."""
    return f"Django {version('Django')}, django-allauth {version('django-allauth')}, {latest()}"


def latest() -> str:
    """Give the name of this code's last migration."""
    return max(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


def is_newer(database: Path) -> bool:
    """Say whether a newer version has changed the demo's database; asked without Django, which takes a second to load.

    One that cannot be read is not: what is wrong with it, the processes say.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as opened:
            asked = opened.execute("SELECT max(name) FROM django_migrations WHERE app = 'control'")
            (newest,) = asked.fetchone()
    except sqlite3.Error:
        return False
    return bool(newest and newest > latest())
