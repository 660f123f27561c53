"""`keydesk ship-usage`: brings home what the verifiers of a host without a database have counted."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.remote import readable, safe_address
from keydesk.config import load_config
from keydesk.host.spool import SpoolReader
from keydesk.host.stopping import stop_on_signal
from keydesk.server.faults import OperatorFault
from keydesk.verifier.shipping import BATCH_BYTES, Desk, NotShippedError, ship

app = new_app()


@app.command()
def ship_usage(
    *,
    to: Annotated[str, typer.Option(help="The desk's address, https://desk.example.com.")],
    credential_file: Annotated[
        Path, typer.Option(help="A file with a service credential of the scope `usage`.")
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Bring what there is, and end; for a host that goes.")
    ] = False,
) -> None:
    """Bring what this host's verifiers have counted to the desk, until SIGTERM.

    It needs neither Django nor the database. On the desk's own host the worker does the same by itself.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    folder, desk = (
        load_config().usage_dir,
        Desk(safe_address(to, option="--to"), readable(credential_file)),
    )
    if once:
        ship_once(folder, desk)
        return
    stop = stop_on_signal()
    ship(folder, desk, stop=stop)


def ship_once(folder: Path, desk: Desk) -> None:
    """Bring what there is now; raises OperatorFault if the desk does not take it."""
    try:
        count = SpoolReader(folder).drain(desk.deliver, most_bytes=BATCH_BYTES)
    except NotShippedError as error:
        raise OperatorFault(f"{error}. It stays here.") from error
    typer.echo(f"{count} entries are at the desk.")
