"""Moving a desk's data from its SQLite file into an empty PostgreSQL database: every table, compared at the end.

From the first statement on, the table `unfinished_move` stands in the target, and nothing starts on a database that has
it. All rows arrive in the one transaction that takes it away, so a move that broke off is begun again from the start.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections, models, transaction

from keydesk.config import PREFIX, Config, Secret
from keydesk.server.desk import UNFINISHED_MOVE, require_matching_database
from keydesk.server.faults import OperatorFault, first_line
from keydesk.server.settings import database
from keydesk.server.start import sole_desk

TARGET: Final = "target"
MADE_THERE: Final = frozenset({"django_migrations", "shared_cache"})
"""Tables that are not moved: the first is written by making the others, the second holds tries of the last minutes."""
ROWS_AT_ONCE: Final = 2_000
DIGEST_SPACE: Final = 1 << 256

Tell = Callable[[str], None]
"""Shows one line of progress."""


class Content(NamedTuple):
    """What a table holds, told from any other content: how many rows, and the sum of their digests."""

    rows: int
    digest: int


def move_data(config: Config, target: Config, *, tell: Tell) -> None:
    """Copy the whole desk of `config` into the database of `target`, and compare every table.

    Takes a configuration on SQLite and the same one with the URL of PostgreSQL. The source is only read, and nobody
    can write to it meanwhile. Raises OperatorFault if a desk runs with the folder, if the secrets are not the ones that
    the source began with, if the target holds anything, or if a row does not arrive as it was.
    """
    for name in (Secret.PEPPER, Secret.PIN_PEPPER, Secret.ROW_MAC_KEY):
        config.require_secret(name)
    with sole_desk(config.data_dir):
        require_matching_database()
        connect_target(target)
        try:
            tell(f"Moving {config.sqlite_path} ...")
            mark_target()
            make_tables(target)
            with transaction.atomic(), transaction.atomic(TARGET):
                copy_everything(tell)
        except (DatabaseError, psycopg.Error) as error:
            raise OperatorFault(unfinished(first_line(error))) from error
        finally:
            connections[TARGET].close()


def unfinished(reason: str) -> str:
    """Give the sentence for a move that broke off."""
    return (
        f"The data was not moved: {reason.rstrip('.')}. The source is as it was; nothing starts on the target until "
        "`keydesk migrate-data` has run to its end, or the target was emptied."
    )


def connect_target(target: Config) -> None:
    """Let Django know the target as a second database, which takes the time that it needs.

    Raises OperatorFault if it does not answer, or holds anything but an unfinished move.
    """
    described = {DEFAULT_DB_ALIAS: {}, TARGET: database(target)}
    connections.databases[TARGET] = connections.configure_settings(described)[TARGET]
    try:
        with connections[TARGET].cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            tables = connections[TARGET].introspection.table_names(cursor)
    except DatabaseError as error:
        raise OperatorFault(f"The target does not answer: {first_line(error)}.") from error
    if tables and UNFINISHED_MOVE not in tables:
        raise OperatorFault(
            f"The target is not empty: it has {len(tables)} tables, such as {min(tables)}. Nothing was changed; take "
            "a new database."
        )


def mark_target() -> None:
    """Say in the target, before anything else is there, that its content is not whole."""
    with connections[TARGET].cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {UNFINISHED_MOVE} (began_at timestamptz)")


def make_tables(target: Config) -> None:
    """Make the tables of this version in the target, in a process for which it is the database.

    The feed gets no head yet, so that a replicator that looks already takes nothing over. Raises OperatorFault.
    """
    made = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--no-input", "--verbosity", "0"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "keydesk.server.settings",
            f"{PREFIX}DATA_DIR": str(target.data_dir),
            f"{PREFIX}DATABASE_URL": target.database_url or "",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if made.returncode:
        *_, last = made.stderr.splitlines() or [f"status {made.returncode}"]
        raise OperatorFault(unfinished(last))
    with transaction.atomic(TARGET), connections[TARGET].cursor() as cursor:
        cursor.execute("ALTER TABLE feed_head DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM feed_head")
        cursor.execute("ALTER TABLE feed_head ENABLE TRIGGER USER")


def copy_everything(tell: Tell) -> None:
    """Replace what the target's tables hold by what the source holds, compare, and name a new history.

    It runs in a transaction of each. Raises OperatorFault if the contents differ.
    """
    moved = moved_models()
    with connections[TARGET].cursor() as cursor:
        for model in moved:
            cursor.execute(f"ALTER TABLE {quoted(model)} DISABLE TRIGGER USER")
            cursor.execute(f"DELETE FROM {quoted(model)}")  # noqa: S608 - the name is a model's
        contents = {model: copy_table(model) for model in moved}
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for model, content in contents.items():
            if content_of(rows_of(model, TARGET)) != content:
                raise OperatorFault(unfinished(f"{model._meta.db_table} differs afterwards"))
            cursor.execute(f"ALTER TABLE {quoted(model)} ENABLE TRIGGER USER")
            tell(f"  {model._meta.db_table:<36}{content.rows:>10,}")
        set_sequences(moved)
        cursor.execute("UPDATE feed_head SET epoch = %s", [secrets.token_hex(16)])
        cursor.execute(f"DROP TABLE {UNFINISHED_MOVE}")


def moved_models() -> list[type[models.Model]]:
    """Give a model for every table that is moved: all that there are, those of the libraries included."""
    every = apps.get_models(include_auto_created=True)
    return sorted(
        (each for each in every if each._meta.managed and not each._meta.proxy),
        key=lambda each: each._meta.db_table,
    )


def rows_of(model: type[models.Model], alias: str) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a table as Python values, bytes as bytes whatever the database gives."""
    names = [field.attname for field in model._meta.concrete_fields]
    found = model._base_manager.using(alias).values_list(*names)
    for row in found.iterator(chunk_size=ROWS_AT_ONCE):
        yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def copy_table(model: type[models.Model]) -> Content:
    """Copy the rows of a table, and give what they were."""
    fields, target = model._meta.concrete_fields, connections[TARGET]
    columns = ", ".join(target.ops.quote_name(str(field.column)) for field in fields)
    content = Content(0, 0)
    with (
        target.cursor() as cursor,
        cursor.copy(f"COPY {quoted(model)} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows_of(model, DEFAULT_DB_ALIAS):
            copy.write_row(
                [
                    field.get_db_prep_save(value, connection=target)
                    for field, value in zip(fields, row, strict=True)
                ]
            )
            content = added(content, row)
    return content


def content_of(rows: Iterator[tuple[Any, ...]]) -> Content:
    """Give what some rows are together, in whatever order they come."""
    content = Content(0, 0)
    for row in rows:
        content = added(content, row)
    return content


def added(content: Content, row: tuple[Any, ...]) -> Content:
    """Give a content with one row more."""
    digest = sha256(msgspec.msgpack.encode(row, order="deterministic")).digest()
    return Content(
        content.rows + 1, (content.digest + int.from_bytes(digest, "big")) % DIGEST_SPACE
    )


def set_sequences(moved: Sequence[type[models.Model]]) -> None:
    """Let the numbers that the target gives go on after the last one that the source ever gave."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, seq FROM sqlite_sequence")
        last = dict(cursor.fetchall())
    with connections[TARGET].cursor() as cursor:
        for model in moved:
            number = last.get(model._meta.db_table, 0)
            if number and (field := model._meta.auto_field):
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, %s), %s)",
                    [quoted(model), str(field.column), number],
                )


def quoted(model: type[models.Model]) -> str:
    """Give the name of a model's table as PostgreSQL reads it."""
    return connections[TARGET].ops.quote_name(model._meta.db_table)
