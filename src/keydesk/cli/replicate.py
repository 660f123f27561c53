"""`keydesk replicate`: follows another host's relay, on a host without the database."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.remote import readable, safe_address
from keydesk.config import Secret, load_config
from keydesk.host.stopping import stop_on_signal
from keydesk.replica.follow import run_replicator
from keydesk.replica.sources.https import HttpsSource
from keydesk.server.faults import OperatorFault

WITHOUT_ROW_MAC_KEY = (
    "This host has no row-MAC key: it trusts the relay that it follows, and checks no row's MAC."
)

app = new_app()


@app.command()
def replicate(
    *,
    source: Annotated[
        str, typer.Option("--from", help="The relay's address, https://verify-1.example.com:8003.")
    ],
    credential_file: Annotated[
        Path, typer.Option(help="A file with a service credential of the scope `replicate`.")
    ],
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificates (PEM) to trust in place of the system's.")
    ] = None,
) -> None:
    """Keep this host's replica up to date with another host's, until SIGTERM.

    It needs neither Django nor the database. With the row-MAC key every row is checked, and a wrong one refused;
    without it the relay is trusted.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config = load_config()
    row_mac_key = config.read_secret(Secret.ROW_MAC_KEY)
    relay = source_at(source, credential_file, ca_file)
    if row_mac_key is None:
        logging.getLogger(__name__).warning(WITHOUT_ROW_MAC_KEY)
    stop = stop_on_signal()
    run_replicator(relay, replica_dir=config.replica_dir, row_mac_key=row_mac_key, stop=stop)


def source_at(url: str, credential_file: Path, ca_file: Path | None) -> HttpsSource:
    """Give the relay at an address; raises OperatorFault if it cannot be followed as it was named."""
    address, credential = safe_address(url, option="--from"), readable(credential_file)
    try:
        return HttpsSource(address, credential, ca_file=ca_file)
    except OSError as error:  # which ssl's own errors are
        raise OperatorFault(f"{ca_file} cannot be used: {error.strerror or error}") from error
