"""The dashboard's process: what has to be right before a page is served, and the server around Django."""

import logging
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Final

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from keydesk.config import PREFIX, Config, Secret
from keydesk.control.checks import pending_migrations, unknown_migrations
from keydesk.control.vault.actions import check_key_encryption_key
from keydesk.control.vault.installation import MARKER, changed_values, note_installation
from keydesk.control.vault.keyring import VaultState
from keydesk.control.vault.queries import replacement_of_key
from keydesk.host.lifeline import die_with_parent
from keydesk.server.faults import OperatorFault, first_line

THREADS: Final = 8
"""How many requests are worked on at once; each may hold a database connection."""
WAITING_REQUESTS: Final = 128
STOP_SECONDS: Final = 1
WRITE_REFUSED: Final = ("readonly", "read-only", "permission denied")
"""What SQLite and PostgreSQL say of a database that this user, or nobody, may write."""
OTHER_DESKS: Final = """SELECT count(*), current_setting('application_name') FROM pg_stat_activity
WHERE datname = current_database() AND application_name = current_setting('application_name')
AND pid <> pg_backend_pid()"""
UNFINISHED_MOVE: Final = "unfinished_move"
"""The table that a database has while `keydesk migrate-data` fills it, and after one that broke off."""
LOST_WITH: Final[dict[str, str]] = {
    Secret.PEPPER: "every key is turned away",
    Secret.PIN_PEPPER: "every PIN is wrong",
    Secret.ROW_MAC_KEY: "no change reaches a verifier",
}

logger = logging.getLogger(__name__)


def run_dashboard(config: Config) -> None:
    """Serve the pages until SIGTERM.

    Raises ConfigError if a secret is missing and OperatorFault if the database does not belong to this code or to
    these secrets. A database that does not answer is no reason to end: pages answer 503 until it is back.
    """
    for name in (Secret.SESSION_KEY, Secret.PEPPER, Secret.PIN_PEPPER, Secret.ROW_MAC_KEY):
        config.require_secret(name)
    check_database()
    connections.close_all()  # the worker is a fork and must not share them
    Granian(
        "keydesk.server.wsgi:application",
        address=config.host,
        port=config.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        runtime_blocking_threads=THREADS,
        backpressure=WAITING_REQUESTS,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.error,
    ).serve(target_loader=partial(load_application, os.getpid()), wrap_loader=False)


def check_database() -> None:
    """Raise OperatorFault if the database does not belong here; say loudly if keys cannot be sealed."""
    try:
        require_matching_database()
        note_installation()
        if fault := sealing_fault():
            logger.error(fault)
    except (OperationalError, InterfaceError) as error:
        logger.warning("The database does not answer; pages answer 503 until it does: %s", error)


def require_matching_database() -> None:
    """Raise OperatorFault if the database is newer or older than this code, or began with other secrets.

    Nor is one that was only filled in part right.
    """
    refuse_unfinished_move()
    refuse_newer_database()
    if pending_migrations():
        raise OperatorFault("The database is older than this version: run `keydesk migrate`.")
    refuse_other_installation()


def refuse_other_installation() -> None:
    """Raise OperatorFault if the marker or a secret is not the one that the database began with."""
    faults = [
        f"{PREFIX}KEY_MARKER is not {began}, with which every key of this database begins: set it back."
        if name == MARKER
        else f"The secret {name} is not the one that this database began with: put that one back from your copy. "
        f"With another, {LOST_WITH[name]}."
        for name, began in changed_values().items()
    ]
    if faults:
        raise OperatorFault("\n".join(faults))


def require_writable_database() -> None:
    """Raise OperatorFault if the database can be read and not written; nothing in it is changed."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE feed_head SET revision = revision WHERE 1 = 0")
    except DatabaseError as error:
        first = first_line(error)
        if not any(words in first for words in WRITE_REFUSED):
            raise
        raise OperatorFault(
            f"The database can be read and not written ({first}): give this user, or the database's role, the right "
            "to write."
        ) from error


def refuse_other_desks() -> None:
    """Raise OperatorFault if another desk, or a command of one, is connected to the database.

    On PostgreSQL those are told by their name; SQLite does not say, and has one desk with its folder.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(OTHER_DESKS)
        ((count, name),) = cursor.fetchall()
    if count:
        raise OperatorFault(
            f"Another Keydesk is connected to the database ({count} with the name {name}): stop every desk that "
            "uses it."
        )


def refuse_unfinished_move() -> None:
    """Raise OperatorFault if a move of data into the database has not come to its end."""
    if UNFINISHED_MOVE in connection.introspection.table_names():
        raise OperatorFault(
            "A move of data into this database was not finished, and it cannot be used: run `keydesk migrate-data` "
            "again, or empty it."
        )


def refuse_newer_database() -> None:
    """Raise OperatorFault if a newer version has changed the database."""
    unknown = unknown_migrations()
    if unknown:
        raise OperatorFault(
            f"The database is newer than this version of Keydesk (it has {', '.join(unknown)}): start the version "
            "that last ran `keydesk migrate`."
        )


def sealing_fault() -> str | None:
    """Give the sentence that says why Keydesk runs sealed, None if it does not."""
    return {
        VaultState.OPEN: None,
        VaultState.SEALED: "Keydesk runs sealed: the key-encryption key is not loaded. Verification goes on; keys "
        "can be neither made nor shown.",
        VaultState.WRONG: "Keydesk runs sealed: the key-encryption key is wrong, it is not the one that the keys are "
        "sealed with. Put the right one back and restart the dashboard. If this is the one to replace it, the right "
        f"one has to be there as {Secret.KEY_ENCRYPTION_KEY_PREVIOUS}.",
        VaultState.INCOMPLETE: "Keydesk runs sealed: data keys still need the key-encryption key of before. Put it "
        f"back as {Secret.KEY_ENCRYPTION_KEY_PREVIOUS}, and run `keydesk rewrap`.",
    }[check_key_encryption_key()]


def rewrap_note() -> str | None:
    """Say how far the replacing of the key-encryption key has come, None if none is under way; nobody is sealed."""
    replacement = replacement_of_key()
    if not replacement.has_previous:
        return None
    if not replacement.is_begun:
        return "the key-encryption key is not replaced yet: run `keydesk rewrap`"
    if replacement.data_keys_left:
        return (
            f"{replacement.data_keys_left} data keys need the key-encryption key of before: "
            "run `keydesk rewrap`"
        )
    return (
        f"no data key needs the key-encryption key of before: remove {Secret.KEY_ENCRYPTION_KEY_PREVIOUS}, and keep it "
        "with the backups from its time"
    )


def load_application(parent: int) -> Callable[..., Any]:
    """Give the WSGI application; runs in Granian's worker, which dies with the process that started it."""
    die_with_parent(parent)
    application: Callable[..., Any] = import_module("keydesk.server.wsgi").application
    return application
