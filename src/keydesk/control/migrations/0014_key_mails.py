"""Mails about keys: their kinds, which keys end when, and of which ends people were warned."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Coalesce, Least

KINDS = [
    "account_approved",
    "account_needs_revision",
    "account_rejected",
    "address_change_asked",
    "address_change_confirm",
    "address_change_known",
    "address_changed",
    "address_confirm",
    "address_known",
    "application_submitted",
    "invitation",
    "key_expiring",
    "key_generated",
    "key_regenerated",
    "key_released",
    "key_revealed",
    "key_revoked",
    "key_stopped",
    "password_reset",
    "pin_locked",
    "pin_replaced",
    "pin_reset",
    "pin_taken_away",
    "product_disabled",
    "product_enabled",
    "role_changed",
    "sign_in_new",
]


class Migration(migrations.Migration):
    dependencies = [("control", "0013_chain")]

    operations = [
        migrations.RemoveConstraint(model_name="mail", name="mail_kind"),
        migrations.AddConstraint(
            model_name="mail",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", KINDS)), name="mail_kind"
            ),
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                Least(Coalesce("expires_at", "retires_at"), Coalesce("retires_at", "expires_at")),
                condition=models.Q(
                    ("revoked_at", None),
                    models.Q(
                        ("expires_at__isnull", False),
                        ("retires_at__isnull", False),
                        _connector="OR",
                    ),
                ),
                name="key_by_end",
            ),
        ),
        migrations.CreateModel(
            name="KeyWarning",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ends_at", models.DateTimeField()),
                ("days", models.PositiveSmallIntegerField()),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="control.apikey",
                    ),
                ),
            ],
            options={
                "db_table": "key_warnings",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("key", "ends_at", "days"), name="key_warned_once"
                    )
                ],
            },
        ),
    ]
