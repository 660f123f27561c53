"""`keydesk serve`: everything on this host under one supervisor."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.config import PREFIX, Config, load_config
from keydesk.server.addresses import url_of
from keydesk.server.start import check_start, run_all, sole_desk
from keydesk.server.supervisor import log_to

app = new_app()

AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help="Listen on an address that other machines reach, although it is plain HTTP.",
    ),
]


@app.command()
def serve(*, allow_remote: AllowRemote = False) -> None:
    """Run dashboard, verifier, replicator and worker on this host, and restart the ones that die.

    SIGTERM or Ctrl-C stops everything within two seconds. Before anything starts, it looks at the addresses, the
    data folder, the secrets and the database; `keydesk doctor` tells more.
    """
    config = load_config()
    check_start(config, allow_remote=allow_remote)
    log = log_to(sys.stdout)
    with sole_desk(config.data_dir):
        told = [
            (
                f"dashboard at {url_of(config.host, config.port)}, "
                f"verifier at {url_of(config.verifier_host, config.verifier_port)}"
            ),
            *first_owner_lines(config),
        ]

        def announce() -> None:
            for line in told:
                log("supervisor", line)

        run_all(config, allow_remote=allow_remote, log=log, announce=announce)


def first_owner_lines(config: Config) -> list[str]:
    """Give the sentence with the link that makes the first Owner, nothing once there is one or without a database.

    That is a process of its own, since it needs Django.
    """
    asked = subprocess.run(
        [sys.executable, "-m", "keydesk", "staff", "first-owner"],
        env={**os.environ, f"{PREFIX}DATA_DIR": str(config.data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return asked.stdout.splitlines() if asked.returncode == 0 else []
