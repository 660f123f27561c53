"""`keydesk feed-haproxy`: keeps the maps of a HAProxy that decides by itself."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.config import load_config
from keydesk.gateways.haproxy.feeder import FedAlready, run_feeder
from keydesk.host.stopping import stop_on_signal
from keydesk.server.faults import OperatorFault

app = new_app()


@app.command()
def feed_haproxy(
    *,
    socket: Annotated[
        Path, typer.Option(help="HAProxy's socket, as the configuration names it.")
    ] = Path("/run/haproxy/keydesk.sock"),
) -> None:
    """Keep the maps of this host's HAProxy equal to this host's replica, until SIGTERM.

    It needs the replica's folder and the socket, and neither Django nor a secret.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = stop_on_signal()
    try:
        run_feeder(socket, load_config().replica_dir, stop=stop)
    except FedAlready as error:
        raise OperatorFault(str(error)) from error
