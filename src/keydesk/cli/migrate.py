"""`keydesk migrate`: the database, made or brought up to date."""

from typing import Annotated

import typer
from django.conf import settings
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection

from keydesk.cli.apps import new_app
from keydesk.cli.control import database_sentence
from keydesk.config import Config, Secret
from keydesk.control.checks import pending_migrations
from keydesk.control.vault.installation import note_installation
from keydesk.server.desk import (
    refuse_newer_database,
    refuse_other_installation,
    refuse_unfinished_move,
    require_matching_database,
    require_writable_database,
)
from keydesk.server.faults import OperatorFault
from keydesk.server.start import UNREACHABLE_STATUS

app = new_app()


@app.command()
def migrate(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Change nothing; say whether the database and this version belong together.",
        ),
    ] = False,
) -> None:
    """Make the database, or bring it up to date with this version of Keydesk.

    A database that a newer version has changed is left alone. What the installation is known by is noted the first
    time: the marker of its keys, and values to recognise its secrets by.

    With `--check` the exit code is 0 if nothing is to be done, 1 if something is, and 3 if the database does not
    answer.
    """
    config: Config = settings.KEYDESK
    if check:
        look(config)
        typer.echo("The database is up to date.")
        return
    config.require_secret(Secret.ROW_MAC_KEY)  # a database without its secrets is of no use
    refuse_unfinished_move()
    refuse_newer_database()
    pending = pending_migrations()
    take_time()
    call_command("migrate", verbosity=0, interactive=False)
    note_installation()
    refuse_other_installation()
    typer.echo(f"The database is up to date ({len(pending)} changes made).")


def take_time() -> None:
    """Let what a migration does to a large table take as long as it needs, unlike what a page waits for."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")


def look(config: Config) -> None:
    """Raise OperatorFault if the database is not this code's or cannot be written; end with 3 if it is silent."""
    if config.database_url is None and not config.sqlite_path.exists():
        raise OperatorFault("There is no database yet: run `keydesk migrate`.")
    try:
        require_matching_database()
        require_writable_database()
    except (OperationalError, InterfaceError) as error:
        typer.echo(f"keydesk: {database_sentence(error)}", err=True)
        raise typer.Exit(UNREACHABLE_STATUS) from error
