"""Whether this code and the database belong together; asked before anything is served."""

from django.db import connection
from django.db.migrations.loader import MigrationLoader

LABEL = "control"


def pending_migrations() -> list[str]:
    """Give the names of Keydesk's migrations that the database still lacks: run `keydesk migrate`."""
    loader = MigrationLoader(connection)
    return sorted(
        name
        for label, name in set(loader.disk_migrations) - set(loader.applied_migrations)
        if label == LABEL
    )


def unknown_migrations() -> list[str]:
    """Give the names of migrations in the database that this code does not know: the database is newer."""
    loader = MigrationLoader(connection)
    return sorted(
        name
        for label, name in set(loader.applied_migrations) - set(loader.disk_migrations)
        if label == LABEL
    )
