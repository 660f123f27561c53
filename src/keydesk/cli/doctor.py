"""`keydesk doctor`: everything that would stop a start, at once, each with its cure."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import typer

from keydesk.cli.apps import new_app
from keydesk.config import PREFIX, Config, ConfigError, Secret, load_config
from keydesk.limits.valkey import MILLISECONDS, reason_away
from keydesk.server.addresses import addresses_of, is_loopback, taken
from keydesk.server.faults import OperatorFault
from keydesk.server.start import answers, check_folder, open_to_others, secret_fault

app = new_app()


@app.command()
def doctor() -> None:
    """Look at configuration, folder, secrets, addresses and database, and say what would stop a start.

    Nothing is changed. The exit code is 0 if all is well and 1 if something has to be mended.
    """
    config = load_config()
    typer.echo(f"Data folder {config.data_dir}")
    checks: dict[str, Callable[[Config], list[str]]] = {
        "folder": folder_faults,
        "secrets": secret_faults,
        "addresses": address_faults,
        "database": database_faults,
    }
    found = {name: check(config) for name, check in checks.items()}
    for name, faults in found.items():
        typer.echo(f"  {name:<10} {'ok' if not faults else 'to mend:'}")
        for fault in faults:
            typer.echo(f"             - {fault}")
    for name, note in {"mail": mail_note(config), "valkey": valkey_note(config)}.items():
        if note:
            typer.echo(f"  {name:<10} {note}")
    if any(found.values()):
        raise typer.Exit(1)


def mail_note(config: Config) -> str | None:
    """Say what becomes of mail where it is not sent; that stops no start."""
    if config.mailbox:
        return "kept and shown to everybody at /mailbox/, which is for a demo alone"
    if config.mail_url is None:
        return f"waits: set {PREFIX}MAIL_URL and {PREFIX}MAIL_FROM to have it sent"
    return None


def valkey_note(config: Config) -> str | None:
    """Say what is wrong with the Valkey that counts are shared in; that stops no start."""
    if config.valkey_url is None:
        return None
    wait_seconds = config.valkey_wait_ms / MILLISECONDS
    reason = asyncio.run(reason_away(config.valkey_url, wait_seconds=wait_seconds))
    return f"away: {reason}; see {PREFIX}VALKEY_URL" if reason else None


def folder_faults(config: Config) -> list[str]:
    """Give what is wrong with the data folder."""
    try:
        check_folder(config.data_dir)
    except OperatorFault as fault:
        return [str(fault)]
    return open_to_others(config.data_dir, "700")


def secret_faults(config: Config) -> list[str]:
    """Give what is wrong with the secrets: missing, unreadable, not 32 bytes, or readable by others."""
    return [
        fault
        for name in Secret
        for fault in (
            *secret_fault(config, name),
            *open_to_others(config.secrets_dir / name, "600"),
        )
    ]


def address_faults(config: Config) -> list[str]:
    """Give what is wrong with the addresses; that they are taken is right while Keydesk runs."""
    addresses = addresses_of(config)
    remote = [
        f"The {address.what} listens on {address.host}, which other machines reach, in plain HTTP: `keydesk serve` "
        "wants --allow-remote for that."
        for address in addresses
        if not is_loopback(address.host) and not address.has_tls
    ]
    is_running = answers(config.verifier_host, config.verifier_port, "/livez")
    return remote if is_running else remote + taken(addresses)


def database_faults(config: Config) -> list[str]:
    """Give what is wrong with the database, as far as this host has what is needed to look."""
    if find_spec("django") is None:
        return []
    if config.database_url is None and not config.sqlite_path.exists():
        return ["There is no database yet: run `keydesk migrate`."]
    exposed = open_to_others(config.sqlite_path, "600")
    try:
        with import_module("keydesk.cli.control").control_plane():
            faults: list[str] = import_module("keydesk.cli.database").faults()
    except (OperatorFault, ConfigError) as fault:
        return [*exposed, *str(fault).splitlines()]
    return [*exposed, *faults]
