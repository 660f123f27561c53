"""What the database itself sees to about the people of an account, and about what was submitted.

The last active Superadmin of an account stays; whoever is shut out, removed or given another role loses the grants of
their PIN in this account in the same moment; an invitation that is closed never opens again; and what was submitted
stays as it was, as does what was decided.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

FROM_SUPERADMIN = "OLD.role = 'superadmin' AND OLD.is_active"
STAYS_SUPERADMIN = "NEW.role = 'superadmin' AND NEW.is_active AND NEW.account_id = OLD.account_id"
OTHERS = (
    "SELECT 1 FROM memberships WHERE account_id = OLD.account_id AND role = 'superadmin' AND is_active "
    "AND id <> OLD.id"
)
GRANTS = "DELETE FROM grants WHERE user_id = OLD.user_id AND account_id = OLD.account_id"
CHANGED = "OLD.role <> NEW.role OR OLD.is_active <> NEW.is_active"
CLOSED = "OLD.state <> 'OPEN'"
IS_FROZEN = """
    OLD.outcome IS NOT NULL
    OR NEW.number <> OLD.number
    OR NEW.application_id <> OLD.application_id
    OR NEW.submitted_at <> OLD.submitted_at
    OR NEW.data <> OLD.data
    OR NEW.documents <> OLD.documents
"""

KEEP_ON_SQLITE = "BEGIN SELECT RAISE(ABORT, 'The last Superadmin of an account stays.'); END"
STAY_ON_SQLITE = "BEGIN SELECT RAISE(ABORT, 'A closed invitation stays as it is.'); END"
FREEZE_ON_SQLITE = (
    "BEGIN SELECT RAISE(ABORT, 'Rows of submissions are kept: UPDATE is refused.'); END"
)
KEEP_ON_POSTGRESQL = "EXECUTE FUNCTION keydesk_keep_superadmin()"
END_ON_POSTGRESQL = "EXECUTE FUNCTION keydesk_end_grants()"
REFUSE_ON_POSTGRESQL = "EXECUTE FUNCTION keydesk_refuse()"

ON_SQLITE = {
    "memberships_keep_superadmin_delete": f"BEFORE DELETE ON memberships WHEN {FROM_SUPERADMIN} AND NOT EXISTS ({OTHERS}) {KEEP_ON_SQLITE}",
    "memberships_keep_superadmin_update": f"BEFORE UPDATE ON memberships WHEN {FROM_SUPERADMIN} AND NOT ({STAYS_SUPERADMIN}) AND NOT EXISTS ({OTHERS}) {KEEP_ON_SQLITE}",
    "memberships_end_grants_delete": f"AFTER DELETE ON memberships BEGIN {GRANTS}; END",
    "memberships_end_grants_update": f"AFTER UPDATE ON memberships WHEN {CHANGED} BEGIN {GRANTS}; END",
    "invitations_stay_closed": f"BEFORE UPDATE ON invitations WHEN {CLOSED} {STAY_ON_SQLITE}",
    "submissions_frozen": f"BEFORE UPDATE ON submissions WHEN {IS_FROZEN} {FREEZE_ON_SQLITE}",
}

ON_POSTGRESQL = {
    "memberships_keep_superadmin_delete": f"BEFORE DELETE ON memberships FOR EACH ROW WHEN ({FROM_SUPERADMIN}) {KEEP_ON_POSTGRESQL}",
    "memberships_keep_superadmin_update": f"BEFORE UPDATE ON memberships FOR EACH ROW WHEN ({FROM_SUPERADMIN} AND NOT ({STAYS_SUPERADMIN})) {KEEP_ON_POSTGRESQL}",
    "memberships_end_grants_delete": f"AFTER DELETE ON memberships FOR EACH ROW {END_ON_POSTGRESQL}",
    "memberships_end_grants_update": f"AFTER UPDATE ON memberships FOR EACH ROW WHEN ({CHANGED}) {END_ON_POSTGRESQL}",
    "invitations_stay_closed": f"BEFORE UPDATE ON invitations FOR EACH ROW WHEN ({CLOSED}) {REFUSE_ON_POSTGRESQL}",
    "submissions_frozen": f"BEFORE UPDATE ON submissions FOR EACH ROW WHEN ({IS_FROZEN}) {REFUSE_ON_POSTGRESQL}",
}

# The account's lock is taken here as well as in the actions: of two statements at once the second one sees the first.
FUNCTIONS_ON_POSTGRESQL = [
    f"""
    CREATE FUNCTION keydesk_keep_superadmin() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM 1 FROM accounts WHERE id = OLD.account_id FOR NO KEY UPDATE;
      IF NOT EXISTS ({OTHERS}) THEN
        RAISE EXCEPTION 'The last Superadmin of an account stays.'
          USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
      RETURN NEW;
    END $$
    """,
    f"""
    CREATE FUNCTION keydesk_end_grants() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      {GRANTS};
      RETURN NULL;
    END $$
    """,
]


def guarding(vendor: str) -> list[str]:
    """Give the statements that create all of it in a database of this vendor."""
    if vendor == "sqlite":
        return [f"CREATE TRIGGER {name} {what}" for name, what in ON_SQLITE.items()]
    triggers = [f"CREATE TRIGGER {name} {what}" for name, what in ON_POSTGRESQL.items()]
    return FUNCTIONS_ON_POSTGRESQL + triggers


def guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in guarding(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("control", "0009_interface")]

    operations = [migrations.RunPython(guard)]
