"""The mails about a person's change to another e-mail address."""

from django.db import migrations, models

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
    "key_revealed",
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
    dependencies = [("control", "0120_guard_restrictions")]

    operations = [
        migrations.RemoveConstraint(model_name="mail", name="mail_kind"),
        migrations.AddConstraint(
            model_name="mail",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", KINDS)), name="mail_kind"
            ),
        ),
    ]
