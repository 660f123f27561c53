"""The views of version 2: version 1 with addresses, limits and the form of refusals in them.

The head and the service credentials are as they were and keep their views of version 1. This is the SQL of migration
0080 and stays as it is.
"""

from typing import Final

from keydesk.control.feed.interface_v1 import MOMENTS, SECONDS, guarding

VIEWS: Final = {
    "verify_keys_v2": (
        "SELECT id, digest, account_id AS account, product_id AS product, environment, state, "
        "{expires_at} AS expires_at, {retires_at} AS retires_at, scopes, networks, limits, revision, mac FROM api_keys"
    ),
    "verify_accounts_v2": "SELECT id, username, status, networks, revision, mac FROM accounts",
    "verify_products_v2": (
        "SELECT slug, state, requires_username, lease_seconds, envelope, limits, revision, mac FROM products"
    ),
    "verify_entitlements_v2": (
        "SELECT account_id AS account, product_id AS product, environment, state, limits, revision, mac "
        "FROM entitlements"
    ),
}

REPLACED: Final = (
    "verify_keys_v1",
    "verify_accounts_v1",
    "verify_products_v1",
    "verify_entitlements_v1",
)
"""The views that nobody reads any more."""

TABLES: Final = ("api_keys", "accounts", "products", "entitlements")
"""The tables that get the new columns; SQLite builds them anew for it and forgets their triggers."""


def dropping() -> list[str]:
    """Give the statements that take the replaced views away; they come before the tables are changed."""
    return [f"DROP VIEW {name}" for name in REPLACED]


def creating(vendor: str) -> list[str]:
    """Give the statements that create the views, and on SQLite the triggers that the tables had before."""
    moments = {column: SECONDS[vendor].format(column=column) for column in MOMENTS}
    views = [f"CREATE VIEW {name} AS {select.format(**moments)}" for name, select in VIEWS.items()]
    if vendor == "postgresql":
        return views
    lost = [
        statement
        for statement in guarding(vendor)
        if any(f" ON {table} " in statement for table in TABLES)
    ]
    return [*views, *lost]
