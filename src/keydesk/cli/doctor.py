"""`keydesk doctor`: everything that would stop a start, at once, each with its cure."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import lmdb
import typer

from keydesk.cli.apps import new_app
from keydesk.config import LASTING_SECRETS, PREFIX, Config, ConfigError, Secret, load_config
from keydesk.core.network import is_loopback
from keydesk.gate.freshness import LATE_SECONDS, MOST_SKEW_SECONDS
from keydesk.limits.storage import HEADROOM_BYTES
from keydesk.limits.valkey import MILLISECONDS, reason_away
from keydesk.replica.layout import FILE_NAME, ReplicaMissing
from keydesk.replica.store import Reader, Status
from keydesk.server.addresses import addresses_of, open_fault, taken, url_of
from keydesk.server.faults import OperatorFault
from keydesk.server.start import answers, check_folder, has_desk, open_to_others, secret_fault

VERIFIERS_SECRETS: Final = (Secret.PEPPER, Secret.ROW_MAC_KEY)
"""What a host without a desk may have."""
ANSWER_SECONDS: Final = 1.0
"""How long each step of asking the verifier may take, of which there are two."""

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
    is_verifier = only_verifies(config)
    if is_verifier:
        del checks["database"]
    found = {name: check(config) for name, check in checks.items()}
    for name, faults in found.items():
        typer.echo(f"  {name:<10} {'ok' if not faults else 'to mend:'}")
        for fault in faults:
            typer.echo(f"             - {fault}")
    notes = {
        "disk": disk_note(config),
        "replica": replica_note(config),
        "desk": "on another host: this one only verifies" if is_verifier else None,
        "rewrap": None if is_verifier or any(found.values()) else rewrap_note(config),
        "trail": None if is_verifier or any(found.values()) else trail_note(),
        "mail": None if is_verifier else mail_note(config),
        "valkey": valkey_note(config),
    }
    for name, note in notes.items():
        if note:
            typer.echo(f"  {name:<10} {note}")
    if any(found.values()):
        raise typer.Exit(1)


def only_verifies(config: Config) -> bool:
    """Say whether this host follows a desk elsewhere.

    It cannot have one without Django; else it has a replica, and neither a desk's secrets nor a database of its own.
    """
    return find_spec("django") is None or (
        (config.replica_dir / FILE_NAME).exists()
        and not config.sqlite_path.exists()
        and not any(is_given(config, name) for name in Secret if name not in VERIFIERS_SECRETS)
    )


def is_given(config: Config, name: Secret) -> bool:
    """Say whether a secret is in any of its places, usable or not."""
    variable = PREFIX + name.upper()
    return (config.secrets_dir / name).exists() or not os.environ.keys().isdisjoint(
        (variable, f"{variable}_FILE")
    )


def disk_note(config: Config) -> str | None:
    """Say that the disk of the data folder has too little left to count calls; that stops no start."""
    if not config.data_dir.exists():
        return None
    free_bytes = shutil.disk_usage(config.data_dir).free
    if free_bytes >= HEADROOM_BYTES:
        return None
    needed, left = HEADROOM_BYTES >> 20, free_bytes / (1 << 20)
    return f"{left:.1f} MiB are left: below {needed} MiB calls with limits may get 503; make room"


def replica_note(config: Config) -> str | None:
    """Say how old this host's replica is and what is odd about it; that stops no start. A desk may have none yet."""
    reader = Reader(config.replica_dir)
    try:
        return state_of(reader.status())
    except (ReplicaMissing, lmdb.Error) as error:
        if not (only_verifies(config) or (config.replica_dir / FILE_NAME).exists()):
            return None
        return f"none, so requests get 503. {error}"
    finally:
        reader.close()


def state_of(status: Status) -> str:
    """Give the words for how a replica stands."""
    if status.confirmed_at is None:
        return "never confirmed: requests get 503 until the replicator has reached its source"
    age_seconds = max(0.0, time.time() - status.confirmed_at)
    told = [f"revision {status.revision}, confirmed {age_seconds:.1f} s ago"]
    if status.has_gone_back:
        told.append("its source was last seen behind it: see the replicator's log")
    elif age_seconds > LATE_SECONDS:
        told.append("late, unless Keydesk is stopped: see the replicator's log")
    if status.refused_rows:
        told.append(f"{status.refused_rows} rows are not followed: see the replicator's log")
    if abs(ahead_seconds := status.clock_ahead_seconds or 0.0) > MOST_SKEW_SECONDS:
        told.append(
            f"this host's clock is {ahead_seconds:+.1f} s from the database's: set the wrong one"
        )
    return "; ".join(told)


def rewrap_note(config: Config) -> str | None:
    """Say how far the replacing of the key-encryption key has come; that stops no start."""
    if config.read_secret(Secret.KEY_ENCRYPTION_KEY_PREVIOUS) is None:
        return None
    with import_module("keydesk.cli.control").control_plane():
        note: str | None = import_module("keydesk.server.desk").rewrap_note()
    return note


def trail_note() -> str | None:
    """Say whether the audit trail's chain lags behind; that stops no start."""
    with import_module("keydesk.cli.control").control_plane():
        note: str | None = import_module("keydesk.cli.database").trail_note()
    return note


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
        for name in ([Secret.PEPPER] if only_verifies(config) else Secret)
        for fault in (
            *secret_fault(config, name, is_needed=name in LASTING_SECRETS),
            *open_to_others(config.secrets_dir / name, "600"),
        )
    ]


def address_faults(config: Config) -> list[str]:
    """Give what is wrong with the addresses; that they are taken is right while Keydesk runs."""
    is_verifier = only_verifies(config)
    addresses = [
        each for each in addresses_of(config) if not (is_verifier and each.what == "dashboard")
    ]
    remote = [
        f"The {address.what} listens on {address.host}, which other machines reach, in plain HTTP: `keydesk serve` "
        "wants --allow-remote for that."
        for address in addresses
        if not is_loopback(address.host) and not address.has_tls
    ]
    where = url_of(config.verifier_host, config.verifier_port)
    if answers(config.verifier_host, config.verifier_port, "/livez", step_seconds=ANSWER_SECONDS):
        return remote
    if has_desk(config.data_dir):
        silent = (
            f"Keydesk runs with this folder, but its verifier does not answer at {where}: the log says why. If it says "
            "nothing, restart Keydesk."
        )
        return [*remote, silent]
    if is_verifier and any(open_fault(each) for each in addresses if each.what == "verifier"):
        silent = (
            f"What listens at {where} does not answer as a verifier: if it is this host's, restart it; else stop it, "
            f"or set {PREFIX}VERIFIER_PORT to another port."
        )
        return [*remote, silent]
    return remote + taken(addresses)


def database_faults(config: Config) -> list[str]:
    """Give what is wrong with the database."""
    if config.database_url is None and not config.sqlite_path.exists():
        return ["There is no database yet: run `keydesk migrate`."]
    exposed = open_to_others(config.sqlite_path, "600")
    try:
        with import_module("keydesk.cli.control").control_plane():
            faults: list[str] = import_module("keydesk.cli.database").faults()
    except (OperatorFault, ConfigError) as fault:
        return [*exposed, *str(fault).splitlines()]
    return [*exposed, *faults]
