"""`keydesk dashboard`: the pages by themselves."""

from django.conf import settings

from keydesk.cli.apps import new_app
from keydesk.cli.serve import AllowRemote
from keydesk.server.addresses import addresses_of, refuse_remote
from keydesk.server.desk import run_dashboard

app = new_app()


@app.command()
def dashboard(*, allow_remote: AllowRemote = False) -> None:
    """Serve the pages, until SIGTERM.

    It needs the database and every secret. Without the key-encryption key it runs sealed: keys can be listed and
    revoked, and neither generated nor shown.
    """
    config = settings.KEYDESK
    if not allow_remote:
        refuse_remote([address for address in addresses_of(config) if address.what == "dashboard"])
    run_dashboard(config)
