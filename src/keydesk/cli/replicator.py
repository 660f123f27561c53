"""`keydesk replicator`: follows the database's feed into this host's replica."""

import logging

from keydesk.cli.apps import new_app
from keydesk.config import Config, Secret, load_config
from keydesk.host.stopping import stop_on_signal
from keydesk.replica.follow import run_replicator
from keydesk.replica.sources.contract import Source
from keydesk.server.faults import OperatorFault

app = new_app()


@app.command()
def replicator() -> None:
    """Keep this host's replica up to date with the database, until SIGTERM.

    It needs the row-MAC key and may read the versioned `verify_...` views; it loads no Django.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config = load_config()
    row_mac_key = config.require_secret(Secret.ROW_MAC_KEY)
    stop = stop_on_signal()
    run_replicator(
        source_of(config), replica_dir=config.replica_dir, row_mac_key=row_mac_key, stop=stop
    )


def source_of(config: Config) -> Source:
    """Give the source that the configuration names; its driver is loaded only if it is used.

    Raises OperatorFault if it is not installed.
    """
    try:
        if config.database_url:
            from keydesk.replica.sources.postgres import PostgresSource

            return PostgresSource(config.database_url)
        from keydesk.replica.sources.sqlite import SqliteSource
    except ImportError:
        raise OperatorFault(
            "This host has no driver for the database: install Keydesk with its extra `desk`, or follow another "
            "host's relay with `keydesk replicate --from`."
        ) from None
    return SqliteSource(config.sqlite_path)
