"""`demo.json`: what a demo tells of itself to people's scripts, and how a folder is known as a demo's own."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

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
    latest = max(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))
    return f"Django {version('Django')}, django-allauth {version('django-allauth')}, {latest}"
