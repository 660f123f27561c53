"""Grants and challenges for restricting a key, and for setting an account's allow-list."""

from importlib import import_module

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

team = import_module("keydesk.control.migrations.0070_team")

ACTIONS = [
    "account.set_networks",
    "key.generate",
    "key.regenerate",
    "key.restrict",
    "key.reveal",
]
KINDS = {"grant": ACTIONS, "challenge": [*ACTIONS, "pin.replace"]}
END_GRANTS = ("memberships_end_grants_delete", "memberships_end_grants_update")
"""Triggers that name the table of grants, which SQLite builds anew for a constraint."""


def drop_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        for name in END_GRANTS:
            schema_editor.execute(f"DROP TRIGGER {name}", params=None)


def create_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        for name in END_GRANTS:
            schema_editor.execute(f"CREATE TRIGGER {name} {team.ON_SQLITE[name]}", params=None)


class Migration(migrations.Migration):
    dependencies = [("control", "0110_usage")]

    operations = [
        migrations.RunPython(drop_triggers),
        *(
            operation
            for model, actions in KINDS.items()
            for operation in (
                migrations.RemoveConstraint(model_name=model, name=f"{model}_action"),
                migrations.AddConstraint(
                    model_name=model,
                    constraint=models.CheckConstraint(
                        condition=models.Q(("action__in", actions)), name=f"{model}_action"
                    ),
                ),
            )
        ),
        migrations.RunPython(create_triggers),
    ]
