"""`keydesk relay`: lets replicators of other hosts follow this host's replica."""

from keydesk.cli.apps import new_app
from keydesk.cli.serve import AllowRemote
from keydesk.config import load_config
from keydesk.server.addresses import refuse_remote, relay_address
from keydesk.verifier.relay_server import run_relay

app = new_app()


@app.command()
def relay(*, allow_remote: AllowRemote = False) -> None:
    """Tell other hosts what this host's replica holds, over HTTPS, until SIGTERM.

    It needs the pepper and the replica's folder, and neither Django nor the database. Whoever follows presents a
    service credential of the scope `replicate`.
    """
    config = load_config()
    if not allow_remote:
        refuse_remote(relay_address(config))
    run_relay(config)
