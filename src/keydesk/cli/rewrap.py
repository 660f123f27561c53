"""`keydesk rewrap`: another key-encryption key in place of the one of before, while Keydesk runs."""

import typer

from keydesk.cli.apps import new_app
from keydesk.config import Secret
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.vault.actions import replace_key_encryption_key, rewrap_data_keys
from keydesk.control.vault.queries import replacement_of_key
from keydesk.server.desk import rewrap_note, sealing_fault
from keydesk.server.faults import OperatorFault

app = new_app()


@app.command()
def rewrap() -> None:
    """Wrap every data key under the secret `key_encryption_key`, and say what still needs the one of before.

    Before, keep the old secret as `key_encryption_key_previous` and write the new one in its place; Keydesk goes on
    with both. Whatever ends this command, nothing is lost: run it again. Without another secret it changes nothing.
    """
    if fault := sealing_fault():
        raise OperatorFault(fault)
    if replace_key_encryption_key(HOST_OPERATOR):
        typer.echo(
            "The key-encryption key is replaced: new data keys are wrapped under the new one."
        )
    damaged = rewrap_all()
    if damaged:
        raise OperatorFault(
            f"{len(damaged)} data keys were altered or moved, and nothing that they sealed can be shown again: "
            f"{', '.join(damaged)}. Bring their rows back from a backup, and keep {Secret.KEY_ENCRYPTION_KEY_PREVIOUS}."
        )
    note = rewrap_note() or "every data key is wrapped under the key-encryption key"
    typer.echo(f"{note[0].upper()}{note[1:]}.")


def rewrap_all() -> list[str]:
    """Wrap every data key that is left, tell of each step, and give the ids of those that are damaged."""
    total, done, after = replacement_of_key().data_keys_left, 0, ""
    damaged: list[str] = []
    while step := rewrap_data_keys(HOST_OPERATOR, after=after):
        done, after = done + step.count, step.last
        damaged += step.damaged
        typer.echo(f"{done:,} of {total:,} data keys are re-wrapped.")
    return damaged
