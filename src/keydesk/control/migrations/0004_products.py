"""Products, who may use them, and what is planned about that."""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import keydesk.control.catalog.rules
import keydesk.control.entitlements.models
import keydesk.control.entitlements.rules
import keydesk.core.records


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0003_confirmations"),
    ]

    operations = [
        migrations.CreateModel(
            name="Product",
            fields=[
                ("revision", models.BigIntegerField(unique=True)),
                ("mac", models.BinaryField(max_length=32)),
                ("slug", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80, unique=True)),
                ("description", models.CharField(blank=True, max_length=300)),
                ("icon", models.CharField(default="box", max_length=40)),
                (
                    "state",
                    models.CharField(
                        default=keydesk.core.records.ProductState["ACTIVE"], max_length=10
                    ),
                ),
                ("requires_username", models.BooleanField(default=False)),
                ("lease_seconds", models.PositiveIntegerField(default=300, null=True)),
                (
                    "reveal_policy",
                    models.CharField(
                        default=keydesk.control.catalog.rules.RevealPolicy["WITH_PIN"],
                        max_length=10,
                    ),
                ),
                ("scopes", models.TextField(blank=True)),
                ("sample_path", models.CharField(default="/", max_length=200)),
                ("created_at", models.DateTimeField()),
                ("limits", models.TextField(blank=True, default="")),
                ("envelope", models.CharField(default="problem", max_length=10)),
            ],
            options={
                "db_table": "products",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gt", 0)), name="product_revision_positive"
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("mac"), 32
                        ),
                        name="product_mac_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["ACTIVE", "RETIRED", "STOPPED"])),
                        name="product_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reveal_policy__in", ["once", "with_pin"])),
                        name="product_reveal_policy",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("scopes"), 256
                        ),
                        name="product_scopes_fit",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("lease_seconds__isnull", True),
                            ("lease_seconds__gt", 0),
                            _connector="OR",
                        ),
                        name="product_lease_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("envelope__in", ["compat", "problem"])),
                        name="product_envelope",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("limits"), 500
                        ),
                        name="product_limits_fit",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Entitlement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("revision", models.BigIntegerField(unique=True)),
                ("mac", models.BinaryField(max_length=32)),
                ("environment", models.CharField(max_length=4)),
                ("state", models.CharField(max_length=10)),
                ("reason", models.TextField(blank=True)),
                ("requested_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entitlements",
                        to="control.account",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entitlements",
                        to="control.product",
                    ),
                ),
                ("limits", models.TextField(blank=True, default="")),
            ],
            options={
                "db_table": "entitlements",
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("state", keydesk.core.records.EntitlementState["REQUESTED"])
                        ),
                        fields=["requested_at", "id"],
                        name="entitlement_waiting",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gt", 0)),
                        name="entitlement_revision_positive",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("mac"), 32
                        ),
                        name="entitlement_mac_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("environment__in", ["live", "test"])),
                        name="entitlement_environment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["DISABLED", "ENABLED", "REQUESTED"])),
                        name="entitlement_state",
                    ),
                    models.UniqueConstraint(
                        fields=("account", "product", "environment"), name="entitlement_once"
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("limits"), 500
                        ),
                        name="entitlement_limits_fit",
                    ),
                ],
            },
        ),
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
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="control.account",
                    ),
                ),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="control.product",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "planned_changes",
                "indexes": [
                    models.Index(
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
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("environment__in", ["live", "test"])),
                        name="change_environment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["CANCELLED", "DONE", "FAILED", "PROPOSED", "SCHEDULED"])
                        ),
                        name="change_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("target__in", ["DISABLED", "ENABLED"])),
                        name="change_target",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confirmed_by__isnull", True),
                            ("proposed_by__isnull", True),
                            models.Q(("confirmed_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="change_confirmed_by_another",
                    ),
                    models.CheckConstraint(
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
                    models.CheckConstraint(
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
                                            keydesk.control.entitlements.rules.ChangeState[
                                                "PROPOSED"
                                            ],
                                            keydesk.control.entitlements.rules.ChangeState[
                                                "SCHEDULED"
                                            ],
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
                    models.UniqueConstraint(
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
                ],
            },
        ),
    ]
