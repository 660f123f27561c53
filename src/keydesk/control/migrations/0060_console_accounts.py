from typing import Any

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import keydesk.control.entitlements.models
import keydesk.control.entitlements.rules
import keydesk.control.viewings.models
import keydesk.core.records

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
    dependencies = [
        ("control", "0050_staff_and_brand"),
    ]

    operations = [
        migrations.CreateModel(
            name="PlannedChange",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=keydesk.control.entitlements.models.new_change_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("environment", models.CharField(max_length=4)),
                ("target", models.CharField(max_length=10)),
                ("reason", models.TextField(blank=True)),
                ("due_at", models.DateTimeField()),
                ("state", models.CharField(max_length=10)),
                ("needs_second_person", models.BooleanField()),
                ("proposed_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_code", models.CharField(blank=True, max_length=40)),
            ],
            options={
                "db_table": "planned_changes",
            },
        ),
        migrations.CreateModel(
            name="Viewing",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=keydesk.control.viewings.models.new_viewing_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("session_ref", models.CharField(max_length=64)),
                ("reason", models.TextField()),
                ("started_at", models.BigIntegerField()),
                ("ends_at", models.BigIntegerField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "viewings",
            },
        ),
        migrations.AddField(
            model_name="apikey",
            name="stop_reason",
            field=models.TextField(null=True),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                django.db.models.functions.text.Lower("name"), name="account_by_name"
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(fields=["created_at", "id"], name="account_by_age"),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(fields=["status", "created_at", "id"], name="account_by_status"),
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(fields=["shown_prefix", "id"], name="key_by_prefix"),
        ),
        migrations.AddIndex(
            model_name="entitlement",
            index=models.Index(
                condition=models.Q(("state", keydesk.core.records.EntitlementState["REQUESTED"])),
                fields=["requested_at", "id"],
                name="entitlement_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                django.db.models.functions.text.Lower("full_name"), name="user_by_name"
            ),
        ),
        migrations.AddField(
            model_name="plannedchange",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="control.account"
            ),
        ),
        migrations.AddField(
            model_name="plannedchange",
            name="confirmed_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="plannedchange",
            name="product",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="control.product"
            ),
        ),
        migrations.AddField(
            model_name="plannedchange",
            name="proposed_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="viewing",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="control.account"
            ),
        ),
        migrations.AddField(
            model_name="viewing",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="plannedchange",
            index=models.Index(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            keydesk.control.entitlements.rules.ChangeState["PROPOSED"],
                            keydesk.control.entitlements.rules.ChangeState["SCHEDULED"],
                        ],
                    )
                ),
                fields=["due_at", "id"],
                name="change_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="plannedchange",
            constraint=models.CheckConstraint(
                condition=models.Q(("environment__in", ["live", "test"])), name="change_environment"
            ),
        ),
        migrations.AddConstraint(
            model_name="plannedchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["CANCELLED", "DONE", "FAILED", "PROPOSED", "SCHEDULED"])
                ),
                name="change_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="plannedchange",
            constraint=models.CheckConstraint(
                condition=models.Q(("target__in", ["DISABLED", "ENABLED"])), name="change_target"
            ),
        ),
        migrations.AddConstraint(
            model_name="plannedchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirmed_by__isnull", True),
                    ("proposed_by__isnull", True),
                    models.Q(("confirmed_by", models.F("proposed_by")), _negated=True),
                    _connector="OR",
                ),
                name="change_confirmed_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="plannedchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("needs_second_person", False),
                    ("confirmed_by__isnull", False),
                    models.Q(
                        (
                            "state__in",
                            [
                                keydesk.control.entitlements.rules.ChangeState["SCHEDULED"],
                                keydesk.control.entitlements.rules.ChangeState["DONE"],
                            ],
                        ),
                        _negated=True,
                    ),
                    _connector="OR",
                ),
                name="change_confirmed_if_needed",
            ),
        ),
        migrations.AddConstraint(
            model_name="plannedchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ended_at__isnull", True),
                        (
                            "state__in",
                            [
                                keydesk.control.entitlements.rules.ChangeState["PROPOSED"],
                                keydesk.control.entitlements.rules.ChangeState["SCHEDULED"],
                            ],
                        ),
                    ),
                    models.Q(
                        models.Q(
                            (
                                "state__in",
                                [
                                    keydesk.control.entitlements.rules.ChangeState["PROPOSED"],
                                    keydesk.control.entitlements.rules.ChangeState["SCHEDULED"],
                                ],
                            ),
                            _negated=True,
                        ),
                        ("ended_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="change_ended_iff_not_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="plannedchange",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            keydesk.control.entitlements.rules.ChangeState["PROPOSED"],
                            keydesk.control.entitlements.rules.ChangeState["SCHEDULED"],
                        ],
                    )
                ),
                fields=("account", "product", "environment"),
                name="change_open_once",
            ),
        ),
        migrations.AddIndex(
            model_name="viewing",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["user", "account", "ends_at"],
                name="viewing_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="viewing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "ends_at__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("started_at"), "+", models.Value(1800)
                        ),
                    )
                ),
                name="viewing_not_too_long",
            ),
        ),
        migrations.AddConstraint(
            model_name="viewing",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="viewing_has_a_reason"
            ),
        ),
        migrations.RunPython(index_beginnings, forget_beginnings),
    ]
