"""Invitations, members who are shut out, and what the database itself sees to about the people of an account.

The last active Superadmin of an account stays; whoever is shut out, removed or given another role loses the grants of
their PIN in this account in the same moment; and an invitation that is closed never opens again.
"""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import keydesk.control.invitations.models
import keydesk.control.invitations.rules

FROM_SUPERADMIN = "OLD.role = 'superadmin' AND OLD.is_active"
STAYS_SUPERADMIN = "NEW.role = 'superadmin' AND NEW.is_active AND NEW.account_id = OLD.account_id"
OTHERS = (
    "SELECT 1 FROM memberships WHERE account_id = OLD.account_id AND role = 'superadmin' AND is_active "
    "AND id <> OLD.id"
)
GRANTS = "DELETE FROM grants WHERE user_id = OLD.user_id AND account_id = OLD.account_id"
CHANGED = "OLD.role <> NEW.role OR OLD.is_active <> NEW.is_active"
CLOSED = "OLD.state <> 'OPEN'"

KEEP_ON_SQLITE = "BEGIN SELECT RAISE(ABORT, 'The last Superadmin of an account stays.'); END"
STAY_ON_SQLITE = "BEGIN SELECT RAISE(ABORT, 'A closed invitation stays as it is.'); END"
KEEP_ON_POSTGRESQL = "EXECUTE FUNCTION keydesk_keep_superadmin()"
END_ON_POSTGRESQL = "EXECUTE FUNCTION keydesk_end_grants()"
STAY_ON_POSTGRESQL = "EXECUTE FUNCTION keydesk_refuse()"

ON_SQLITE = {
    "memberships_keep_superadmin_delete": f"BEFORE DELETE ON memberships WHEN {FROM_SUPERADMIN} AND NOT EXISTS ({OTHERS}) {KEEP_ON_SQLITE}",
    "memberships_keep_superadmin_update": f"BEFORE UPDATE ON memberships WHEN {FROM_SUPERADMIN} AND NOT ({STAYS_SUPERADMIN}) AND NOT EXISTS ({OTHERS}) {KEEP_ON_SQLITE}",
    "memberships_end_grants_delete": f"AFTER DELETE ON memberships BEGIN {GRANTS}; END",
    "memberships_end_grants_update": f"AFTER UPDATE ON memberships WHEN {CHANGED} BEGIN {GRANTS}; END",
    "invitations_stay_closed": f"BEFORE UPDATE ON invitations WHEN {CLOSED} {STAY_ON_SQLITE}",
}

ON_POSTGRESQL = {
    "memberships_keep_superadmin_delete": f"BEFORE DELETE ON memberships FOR EACH ROW WHEN ({FROM_SUPERADMIN}) {KEEP_ON_POSTGRESQL}",
    "memberships_keep_superadmin_update": f"BEFORE UPDATE ON memberships FOR EACH ROW WHEN ({FROM_SUPERADMIN} AND NOT ({STAYS_SUPERADMIN})) {KEEP_ON_POSTGRESQL}",
    "memberships_end_grants_delete": f"AFTER DELETE ON memberships FOR EACH ROW {END_ON_POSTGRESQL}",
    "memberships_end_grants_update": f"AFTER UPDATE ON memberships FOR EACH ROW WHEN ({CHANGED}) {END_ON_POSTGRESQL}",
    "invitations_stay_closed": f"BEFORE UPDATE ON invitations FOR EACH ROW WHEN ({CLOSED}) {STAY_ON_POSTGRESQL}",
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
    dependencies = [
        ("control", "0060_console_accounts"),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="is_active",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="used_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=keydesk.control.invitations.models.new_invitation_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("email", models.EmailField(max_length=254)),
                ("role", models.CharField(max_length=10)),
                (
                    "state",
                    models.CharField(
                        default=keydesk.control.invitations.rules.InvitationState["OPEN"],
                        max_length=10,
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("created_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "accepted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="control.account",
                    ),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "invitations",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role__in", ["admin", "approver", "maker", "superadmin", "viewer"])
                        ),
                        name="invitation_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["ACCEPTED", "OPEN", "WITHDRAWN"])),
                        name="invitation_state",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("digest"), 32
                        ),
                        name="invitation_digest_whole",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "OPEN")),
                        fields=("account", "email"),
                        name="invitation_open_once",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.F("email"), django.db.models.functions.text.Lower("email")
                        ),
                        name="invitation_email_lower_case",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("sent_at"))),
                        name="invitation_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("accepted_by__isnull", False), ("state", "ACCEPTED")),
                            models.Q(
                                models.Q(("state", "ACCEPTED"), _negated=True),
                                ("accepted_by", None),
                            ),
                            _connector="OR",
                        ),
                        name="invitation_accepted_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at", None), ("state", "OPEN")),
                            models.Q(
                                models.Q(("state", "OPEN"), _negated=True),
                                ("closed_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="invitation_closed_at_a_moment",
                    ),
                ],
            },
        ),
        migrations.RunPython(guard),
    ]
