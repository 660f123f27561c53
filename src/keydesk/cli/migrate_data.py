"""`keydesk migrate-data`: the whole desk from its SQLite file into PostgreSQL."""

from pathlib import Path
from typing import Annotated

import psycopg
import typer
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from keydesk.cli.apps import new_app
from keydesk.config import PREFIX, Config, load_config
from keydesk.core import urls
from keydesk.server.faults import OperatorFault
from keydesk.server.moving import move_data

app = new_app()


@app.command()
def migrate_data(
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help="The empty database, postgresql://keydesk@db.internal/keydesk, without a password: other users of "
            "this host read command lines. libpq takes one from PGPASSWORD or from ~/.pgpass."
        ),
    ] = None,
    to_file: Annotated[
        Path | None, typer.Option(help="A file that holds the URL, with its password.")
    ] = None,
) -> None:
    """Move everything this desk holds from the SQLite file in its data folder into an empty PostgreSQL database.

    Keydesk has to be stopped. The SQLite file is only read and stays as it is. Counts and content of every table are
    compared at the end. Replicas load everything afresh afterwards; people need not log in again.
    """
    config: Config = settings.KEYDESK
    target = load_config(data_dir=config.data_dir, database_url=url_of(to, to_file))
    if config.database_url is not None:
        raise OperatorFault(
            f"This desk is on PostgreSQL already: what is moved is {config.sqlite_path}, so unset "
            f"{PREFIX}DATABASE_URL until the move is done."
        )
    if not config.sqlite_path.exists():
        raise OperatorFault(f"There is nothing to move: {config.sqlite_path} is not there.")
    move_data(config, target, tell=typer.echo)
    typer.echo(
        f"Everything has arrived. Set {PREFIX}DATABASE_URL to that database and start Keydesk again. "
        f"{config.sqlite_path} stayed as it was: put it away."
    )


def url_of(to: str | None, to_file: Path | None) -> str:
    """Give the URL of the target; raises OperatorFault if there is not exactly one, or a password can be seen."""
    if (to is None) is (to_file is None):
        raise OperatorFault("Say where to move the data, either with --to or with --to-file.")
    if to_file is not None:
        try:
            return to_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise OperatorFault(f"{to_file} cannot be read.") from error
    given = to or ""
    try:
        parts = conninfo_to_dict(given)
    except psycopg.ProgrammingError:
        raise OperatorFault(f"--to: {urls.POSTGRESQL.fault}") from None
    if parts.keys() & {"password", "sslpassword"}:
        raise OperatorFault(
            "--to carries a password, which other users of this host can read: put the URL into a file and give "
            "--to-file, or set PGPASSWORD."
        )
    return given
