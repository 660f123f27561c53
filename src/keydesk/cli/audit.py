"""`keydesk audit`: whether what happened is still what the trail says."""

import time
from pathlib import Path
from typing import Annotated

import typer
from django.conf import settings
from django.db import DatabaseError

from keydesk.cli.apps import new_app
from keydesk.control.chain.checkpoints import read_checkpoints
from keydesk.control.chain.comparison import Comparison, told
from keydesk.control.chain.keys import chain_keys
from keydesk.control.chain.notes import Checkpoint, verifier_key
from keydesk.control.chain.verification import Verified, verify_trail
from keydesk.server.desk import require_matching_database
from keydesk.server.faults import OperatorFault

app = new_app("The audit trail: whether it is whole.")


@app.command()
def verify(
    *,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            help="A file of checkpoints, best a copy from another machine; may be given several times. The exit code "
            "is 1 if none of them agrees. Without it, the file that this desk's worker writes."
        ),
    ] = None,
) -> None:
    """Go through all audit events and say what was altered, made up, taken away or put elsewhere, and at which entry.

    Nothing is changed, and Keydesk may run. The exit code is 0 if the trail is whole, and 1 if something is
    wrong or no checkpoint of the files that were given agrees. Without checkpoints nobody can tell whether the
    trail's end was cut off.
    """
    require_matching_database()
    own = settings.KEYDESK.checkpoints_path
    paths = checkpoints or ([own] if own.exists() else [])
    seen, faults = read_all(paths)
    begun = time.perf_counter()
    try:
        verified = verify_trail(seen, tell=typer.echo)
    except DatabaseError as error:
        raise OperatorFault(f"The audit trail cannot be read to its end: {error}") from error
    seconds = time.perf_counter() - begun
    for line in summary(verified, seconds=seconds, places=paths or [own]):
        typer.echo(line)
    is_compared = verified.comparison.agreed > 0 or not checkpoints
    if verified.faults or faults or not is_compared:
        raise typer.Exit(1)


@app.command()
def key() -> None:
    """Print the public key of this desk's checkpoints, as tools for signed notes (C2SP) take it."""
    typer.echo(verifier_key(chain_keys().checkpoint.public_key()))


def read_all(paths: list[Path]) -> tuple[list[Checkpoint], int]:
    """Give the checkpoints of some files and how many of them cannot be trusted, each of which is told.

    Raises OperatorFault if a file cannot be read.
    """
    seen: list[Checkpoint] = []
    faults = 0
    for path in paths:
        try:
            notes = read_checkpoints(path)
        except OSError as error:
            raise OperatorFault(f"{path} cannot be read: {error.strerror}.") from error
        for number, note in enumerate(notes, start=1):
            if isinstance(note, Checkpoint):
                seen.append(note)
            elif note.is_whole:
                faults += 1
                typer.echo(
                    f"Checkpoint {number} of {path} was altered, or is another installation's."
                )
            else:
                typer.echo(
                    f"Checkpoint {number} of {path} was not written to its end, and is left out."
                )
    return seen, faults


def summary(verified: Verified, *, seconds: float, places: list[Path]) -> list[str]:
    """Give the lines that say what was gone through, and against what."""
    until = f", up to {told(verified.until)}" if verified.until else ""
    speed = f", {verified.entries / seconds:,.0f} a second" if verified.entries else ""
    return [
        f"The audit trail is {'not ' if verified.faults else ''}whole.",
        f"Entries: {verified.entries:,}{until}{speed}.",
        f"Events that wait for their entry: {verified.waiting:,}.",
        *returns_told(verified.comparison),
        *compared(verified.comparison, places),
    ]


def returns_told(comparison: Comparison) -> list[str]:
    """Give a line for each time that an older copy of the database was put back."""
    return [
        f"At entry {each.number} an older copy with {each.entries:,} entries was put back, as `keydesk restored` noted "
        f"on {told(each.at)}."
        for each in comparison.returns
    ]


def compared(comparison: Comparison, places: list[Path]) -> list[str]:
    """Give the lines that say how far checkpoints vouch for the trail."""
    last = comparison.agreeing
    excused = f"Checkpoints of what was gone with an older copy: {comparison.excused:,}."
    agreed = (
        f"No checkpoint in {', '.join(map(str, places))} agrees: whether the end was cut off cannot be told."
        if last is None
        else f"Checkpoints that agree: {comparison.agreed:,}, the last at entry {last.size:,} of {told(last.at)}."
    )
    return [agreed, excused] if comparison.excused else [agreed]
