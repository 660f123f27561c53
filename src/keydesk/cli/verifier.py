"""`keydesk verifier`: the verifier by itself, on a host with or without the rest."""

from keydesk.cli.apps import new_app
from keydesk.cli.serve import AllowRemote
from keydesk.config import load_config
from keydesk.server.addresses import addresses_of, refuse_remote
from keydesk.server.faults import OperatorFault
from keydesk.verifier.server import PortTakenError, run_verifier

app = new_app()


@app.command()
def verifier(*, allow_remote: AllowRemote = False) -> None:
    """Decide on requests from this host's replica, until SIGTERM.

    It needs the pepper and the replica's folder, and neither Django nor the database.
    """
    config = load_config()
    if not allow_remote:
        refuse_remote([address for address in addresses_of(config) if address.what == "verifier"])
    try:
        run_verifier(config)
    except PortTakenError as error:
        raise OperatorFault(str(error)) from error
