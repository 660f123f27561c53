"""Telling an operator what a replica knew otherwise than a restored database, and what became of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import typer

from keydesk.control.histories.actions import BegunHistory
from keydesk.control.histories.rules import Finding, Outcome
from keydesk.core.records import Record
from keydesk.replica.batch import Suspect
from keydesk.replica.layout import name_of

HEADINGS: Final = {
    Outcome.REVOKED: "Ended for good since the backup, and now revoked:",
    Outcome.STOPPED: "Stopped since the backup, and now stopped again; the reason given then is lost:",
    Outcome.GONE: "Made since the backup, and gone:",
    Outcome.DIFFERENT: "Changed since the backup, and as the backup has it: change it again where that is right.",
}
MOMENTS: Final = frozenset({"expires_at", "retires_at"})
NOT_TOLD: Final = frozenset({"revision", "digest"})


def tell_findings(begun: BegunHistory, *, until: str) -> None:
    """Say, as one block, what was ended again and what is left to do."""
    typer.echo(f"What the replica knew up to {until}:")
    if not (begun.findings or begun.suspects):
        typer.echo("  nothing that the database does not know.")
    for outcome, heading in HEADINGS.items():
        lines = [line_of(each) for each in begun.findings if each.outcome is outcome]
        tell_lines(heading, lines)
    tell_lines("Not believed, and left as the backup has it:", list(map(doubt_of, begun.suspects)))
    typer.echo(
        "What was changed after that, nobody has told: run this once more with --replica and another host's, if one "
        "may know more."
    )


def tell_lines(heading: str, lines: Sequence[str]) -> None:
    """Print lines under their heading, if there are any."""
    for line in [f"  {heading}", *(f"    {line}" for line in lines)] if lines else []:
        typer.echo(line)


def line_of(finding: Finding) -> str:
    """Give a row's kind and name, whose it is, and what is another than it was."""
    known, held = finding.known, finding.held
    owner = f" of {finding.username}" if finding.username else ""
    changes = "" if held is None else f": {', '.join(changes_of(known, held))}"
    return f"{known.kind} {name_of(known)}{owner}{changes}"


def changes_of(known: Record, held: Record) -> list[str]:
    """Give what the replica and the backup say of each field that is another."""
    pairs = {
        field: (getattr(known, field), getattr(held, field))
        for field in known.__struct_fields__
        if field not in NOT_TOLD
    }
    return [
        f"{field} {shown(field, then)} (backup: {shown(field, before)})"
        for field, (then, before) in pairs.items()
        if then != before
    ]


def doubt_of(suspect: Suspect) -> str:
    """Give a row that was not believed, and why."""
    return f"{suspect.kind} {suspect.name}: {suspect.reason}"


def shown(field: str, value: Any) -> str:
    """Give a field's value as a person reads it."""
    if value in (None, (), ""):
        return "none"
    if field in MOMENTS:
        return moment_of(value)
    return " ".join(value) if isinstance(value, tuple) else str(value)


def moment_of(seconds: int) -> str:
    """Give a moment as people read it, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
