"""`keydesk init`: the data folder and its secrets, made once and never overwritten."""

import base64
import os
import secrets
from pathlib import Path

import typer

from keydesk.cli.apps import new_app
from keydesk.config import LASTING_SECRETS, PREFIX, SECRET_BYTES, Config, Secret, load_config
from keydesk.replica.layout import FILE_NAME
from keydesk.server.faults import OperatorFault

app = new_app()


@app.command()
def init() -> None:
    """Make the data folder and its secrets, each readable by its owner alone.

    A secret that comes from its variable or from a file elsewhere is not made. What is there already is never
    overwritten: a new pepper would turn every key away.
    """
    config = load_config()
    made = make_secrets(config)
    typer.echo(f"Made {config.data_dir} with {len(made)} secrets in {config.secrets_dir}:")
    for name in made:
        typer.echo(f"  {name}")
    typer.echo("Keep a copy of them somewhere else than the backups of the database.")
    typer.echo("Next: keydesk migrate")


def make_secrets(config: Config) -> list[Secret]:
    """Make the data folder and each secret that is given nowhere else; give their names.

    Raises OperatorFault if there are secrets already, or what another's secrets belong to, or if the folder cannot be
    written.
    """
    wanted = [name for name in LASTING_SECRETS if not is_given_elsewhere(name)]
    there = [name for name in wanted if (config.secrets_dir / name).exists()]
    if there:
        raise OperatorFault(
            f"{config.secrets_dir} has {', '.join(there)} already, and nothing was changed. To begin anew, set "
            f"{PREFIX}DATA_DIR to another folder; if only some are missing, bring them back from your copy."
        )
    if config.sqlite_path.exists() and config.sqlite_path.stat().st_size:
        raise OperatorFault(
            f"{config.sqlite_path} is there without its secrets: bring them back from your copy into "
            f"{config.secrets_dir}. New ones would turn every key away."
        )
    if (config.replica_dir / FILE_NAME).exists():
        raise OperatorFault(
            f"{config.replica_dir} follows an installation that has its secrets: put those that this host needs, the "
            f"pepper first, into {config.secrets_dir}. New ones would turn every key away."
        )
    try:
        for folder in (config.data_dir, config.secrets_dir):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)  # it may have been there, open to others
        for name in wanted:
            write_secret(config.secrets_dir / name)
    except OSError as error:
        raise OperatorFault(
            f"{error.filename or config.data_dir} cannot be written: {error.strerror}. Make it writable for this "
            f"user, or set {PREFIX}DATA_DIR to another folder."
        ) from error
    return wanted


def is_given_elsewhere(name: Secret) -> bool:
    """Say whether a secret comes from its variable or from a file that its variable names."""
    variable = PREFIX + name.upper()
    return bool(os.environ.get(variable) or os.environ.get(variable + "_FILE"))


def write_secret(path: Path) -> None:
    """Write a fresh secret into a file that its owner alone can read and that was not there before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(SECRET_BYTES)) + b"\n")
