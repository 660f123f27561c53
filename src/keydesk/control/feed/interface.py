"""The database's side of two promises: the views that replicators read, and rows that cannot be taken away.

A view is an interface with a version: it is never changed, a new shape is a new view. Its columns are the fields of
the record of the same kind in `core/records.py`, then `mac`; moments are whole seconds since the Unix epoch.

This is the SQL of migration 0009 and stays as it is, so that every database has the same past: what comes later
comes in a module and a migration of its own.
"""

from typing import Final

SECONDS: Final = {
    "sqlite": "unixepoch({column})",
    "postgresql": "floor(extract(epoch FROM {column}))::bigint",
}
"""How each database turns a moment into whole seconds."""

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
    "verify_credentials_v1": (
        "SELECT id, digest, state, scopes, {expires_at} AS expires_at, revision, mac FROM service_credentials"
    ),
    "verify_head_v1": "SELECT epoch, revision, heartbeat_at FROM feed_head",
}

MOMENTS: Final = ("expires_at", "retires_at")

KEPT: Final = (
    "accounts",
    "products",
    "entitlements",
    "service_credentials",
    "api_keys",
    "feed_head",
    "audit_events",
)
"""Tables whose rows are never deleted: a replica learns of changes only, and the audit trail outlives all."""

UNCHANGED: Final = ("audit_events",)
"""Tables whose rows never change either."""

FINAL: Final = ("api_keys", "service_credentials")
"""Tables whose revoked rows stay revoked, whoever writes."""

REVIVED: Final = "OLD.state = 'REVOKED' AND NEW.state <> 'REVOKED'"

REFUSE_ON_POSTGRESQL: Final = """
CREATE FUNCTION keydesk_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'Rows of % are kept: % is refused.', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def creating(vendor: str) -> list[str]:
    """Give the statements that create all of it in a new database of this vendor."""
    moments = {column: SECONDS[vendor].format(column=column) for column in MOMENTS}
    views = [f"CREATE VIEW {name} AS {select.format(**moments)}" for name, select in VIEWS.items()]
    return [*views, *guarding(vendor)]


def guarding(vendor: str) -> list[str]:
    """Give the statements that make the database refuse to delete, change or revive what is to stay as it is."""
    guards = [
        *((f"{table}_no_delete", "DELETE", table, "") for table in KEPT),
        *((f"{table}_no_update", "UPDATE", table, "") for table in UNCHANGED),
        *((f"{table}_stay_revoked", "UPDATE", table, f"WHEN ({REVIVED}) ") for table in FINAL),
    ]
    if vendor == "postgresql":
        return (
            [REFUSE_ON_POSTGRESQL]
            + [
                f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW {condition}"
                "EXECUTE FUNCTION keydesk_refuse()"
                for name, operation, table, condition in guards
            ]
            + [
                # TRUNCATE asks no trigger of a row.
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
                "EXECUTE FUNCTION keydesk_refuse()"
                for table in KEPT
            ]
        )
    return [
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} {condition}"
        f"BEGIN SELECT RAISE(ABORT, 'Rows of {table} are kept: {operation} is refused.'); END"
        for name, operation, table, condition in guards
    ]
