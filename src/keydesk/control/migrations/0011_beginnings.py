"""Indexes for search, which is by beginnings."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

BEGINNINGS = {
    "account_by_username_c": "accounts (username)",
    "account_by_name_c": "accounts (lower(name))",
    "user_by_email_c": "users (email)",
    "user_by_name_c": "users (lower(full_name))",
    "key_by_prefix_c": "api_keys (shown_prefix)",
}
"""Indexes in the order of the bytes, in which texts with one beginning stand together whatever the language."""


def index_beginnings(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the indexes where the database has an order of its own; SQLite's own order is that of the bytes."""
    if schema_editor.connection.vendor == "postgresql":
        for name, place in BEGINNINGS.items():
            table, column = place[:-1].split(" (", 1)
            schema_editor.execute(f'CREATE INDEX {name} ON {table} (({column}) COLLATE "C")')


def forget_beginnings(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop them."""
    if schema_editor.connection.vendor == "postgresql":
        for name in BEGINNINGS:
            schema_editor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):
    dependencies = [("control", "0010_guards")]

    operations = [migrations.RunPython(index_beginnings, forget_beginnings)]
