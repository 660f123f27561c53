"""The installation, what it seals with, API keys and service credentials."""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import keydesk.control.credentials.models
import keydesk.control.keys.models
import keydesk.control.vault.models
import keydesk.core.records


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0004_products"),
    ]

    operations = [
        migrations.CreateModel(
            name="InstallationValue",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("value", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "installation_values",
            },
        ),
        migrations.CreateModel(
            name="KeyEncryptionKey",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=keydesk.control.vault.models.new_key_encryption_key_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("check_value", models.BinaryField(max_length=16, unique=True)),
                ("is_current", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "key_encryption_keys",
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("check_value"), 16
                        ),
                        name="kek_check_value_whole",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_current", True)),
                        fields=("is_current",),
                        name="kek_one_current",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=keydesk.control.vault.models.new_data_key_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("wrapped", models.BinaryField()),
                ("seals", models.PositiveIntegerField(default=0)),
                ("is_current", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="data_keys",
                        to="control.account",
                    ),
                ),
                (
                    "key_encryption_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="data_keys",
                        to="control.keyencryptionkey",
                    ),
                ),
            ],
            options={
                "db_table": "data_keys",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("seals__lte", 16777216)), name="data_key_seals"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_current", True)),
                        fields=("account",),
                        name="data_key_one_current",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("revision", models.BigIntegerField(unique=True)),
                ("mac", models.BinaryField(max_length=32)),
                (
                    "id",
                    models.CharField(
                        default=keydesk.control.keys.models.new_key_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("environment", models.CharField(max_length=4)),
                ("name", models.CharField(max_length=60)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("shown_prefix", models.CharField(max_length=24)),
                (
                    "state",
                    models.CharField(
                        default=keydesk.core.records.KeyState["ACTIVE"], max_length=10
                    ),
                ),
                ("scopes", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                ("request_token", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField(null=True)),
                ("retires_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("sealed", models.BinaryField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="control.account",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "replaces",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaced_by",
                        to="control.apikey",
                    ),
                ),
                (
                    "data_key",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="control.datakey",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="control.product",
                    ),
                ),
                ("stop_reason", models.TextField(null=True)),
                ("networks", models.TextField(blank=True, default="")),
                ("limits", models.TextField(blank=True, default="")),
            ],
            options={
                "db_table": "api_keys",
                "indexes": [
                    models.Index(
                        fields=["account", "environment", "product", "-created_at", "-id"],
                        name="key_by_account",
                    ),
                    models.Index(fields=["shown_prefix", "id"], name="key_by_prefix"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gt", 0)), name="apikey_revision_positive"
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("mac"), 32
                        ),
                        name="apikey_mac_whole",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("digest"), 32
                        ),
                        name="key_digest_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("environment__in", ["live", "test"])),
                        name="key_environment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["ACTIVE", "DISABLED", "RETIRING", "REVOKED"])
                        ),
                        name="key_state",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("scopes"), 256
                        ),
                        name="key_scopes_fit",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.F("name"), django.db.models.functions.text.Trim("name")
                            ),
                            django.db.models.lookups.GreaterThanOrEqual(
                                django.db.models.functions.text.Length("name"), 1
                            ),
                            django.db.models.lookups.LessThanOrEqual(
                                django.db.models.functions.text.Length("name"), 60
                            ),
                        ),
                        name="key_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("revoked_at__isnull", False),
                                ("state", keydesk.core.records.KeyState["REVOKED"]),
                            ),
                            models.Q(
                                models.Q(
                                    ("state", keydesk.core.records.KeyState["REVOKED"]),
                                    _negated=True,
                                ),
                                ("revoked_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="key_revoked_at_iff_revoked",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state", keydesk.core.records.KeyState["RETIRING"]), _negated=True
                            ),
                            ("retires_at__isnull", False),
                            _connector="OR",
                        ),
                        name="key_retiring_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("data_key__isnull", False), ("sealed__isnull", False)),
                            models.Q(("data_key__isnull", True), ("sealed__isnull", True)),
                            _connector="OR",
                        ),
                        name="key_sealed_under_data_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state", keydesk.core.records.KeyState["REVOKED"]), _negated=True
                            ),
                            ("sealed__isnull", True),
                            _connector="OR",
                        ),
                        name="key_revoked_is_not_sealed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("replaces__isnull", True),
                            models.Q(("replaces", models.F("id")), _negated=True),
                            _connector="OR",
                        ),
                        name="key_replaces_another",
                    ),
                    models.UniqueConstraint(
                        fields=("account", "created_by", "request_token"), name="key_once_a_request"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("created_by__isnull", True)),
                        fields=("account", "request_token"),
                        name="key_once_a_host_request",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("networks"), 2000
                        ),
                        name="key_networks_fit",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("limits"), 500
                        ),
                        name="key_limits_fit",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ServiceCredential",
            fields=[
                ("revision", models.BigIntegerField(unique=True)),
                ("mac", models.BinaryField(max_length=32)),
                (
                    "id",
                    models.CharField(
                        default=keydesk.control.credentials.models.new_credential_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("shown_prefix", models.CharField(max_length=24)),
                (
                    "state",
                    models.CharField(
                        default=keydesk.core.records.CredentialState["ACTIVE"], max_length=10
                    ),
                ),
                ("scopes", models.TextField()),
                ("expires_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "service_credentials",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gt", 0)),
                        name="servicecredential_revision_positive",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("mac"), 32
                        ),
                        name="servicecredential_mac_whole",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("digest"), 32
                        ),
                        name="credential_digest_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["ACTIVE", "REVOKED"])),
                        name="credential_state",
                    ),
                ],
            },
        ),
    ]
