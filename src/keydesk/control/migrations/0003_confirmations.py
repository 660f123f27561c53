"""What confirms a sensitive action: PINs, passkeys' challenges, and the grants that both give."""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0002_policies_and_staff"),
    ]

    operations = [
        migrations.CreateModel(
            name="Pin",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("hash", models.CharField(max_length=200, null=True)),
                ("previous_hash", models.CharField(max_length=200, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("locked_until", models.BigIntegerField(null=True)),
                ("password_tries", models.PositiveSmallIntegerField(default=0)),
                ("password_locked_until", models.BigIntegerField(null=True)),
                ("seen_at", models.BigIntegerField(default=0)),
                ("factor_locked_until", models.BigIntegerField(null=True)),
                ("factor_paused_after", models.PositiveSmallIntegerField(default=0)),
                ("factor_tries", models.PositiveSmallIntegerField(default=0)),
                ("password_paused_after", models.PositiveSmallIntegerField(default=0)),
                ("paused_after", models.PositiveSmallIntegerField(default=0)),
                ("reveal_locked_until", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "pins",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("tries__lte", 10)), name="pin_tries"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("password_tries__lte", 10)), name="pin_password_tries"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("factor_tries__lte", 10)), name="pin_factor_tries"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("factor_paused_after__lte", models.F("factor_tries")),
                            ("password_paused_after__lte", models.F("password_tries")),
                            ("paused_after__lte", models.F("tries")),
                        ),
                        name="pin_pauses_within_tries",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("session", models.CharField(max_length=64)),
                ("action", models.CharField(max_length=20)),
                ("object_id", models.CharField(max_length=100)),
                ("granted_at", models.BigIntegerField()),
                ("expires_at", models.BigIntegerField(db_index=True)),
                ("used_at", models.BigIntegerField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="control.account",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "grants",
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("digest"), 32
                        ),
                        name="grant_digest_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("granted_at"))),
                        name="grant_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("session", ""), _negated=True), name="grant_has_session"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "action__in",
                                [
                                    "account.set_networks",
                                    "key.generate",
                                    "key.regenerate",
                                    "key.restrict",
                                    "key.reveal",
                                ],
                            )
                        ),
                        name="grant_action",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Challenge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("session", models.CharField(max_length=64)),
                ("action", models.CharField(max_length=20)),
                ("object_id", models.CharField(max_length=100)),
                ("granted_at", models.BigIntegerField()),
                ("expires_at", models.BigIntegerField(db_index=True)),
                ("used_at", models.BigIntegerField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="control.account",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "passkey_challenges",
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("digest"), 32
                        ),
                        name="challenge_digest_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("granted_at"))),
                        name="challenge_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("session", ""), _negated=True),
                        name="challenge_has_session",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "action__in",
                                [
                                    "account.set_networks",
                                    "key.generate",
                                    "key.regenerate",
                                    "key.restrict",
                                    "key.reveal",
                                    "pin.replace",
                                ],
                            )
                        ),
                        name="challenge_action",
                    ),
                ],
            },
        ),
    ]
