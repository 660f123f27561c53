"""What the provider decides for the whole desk, and how its internal team comes in."""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0001_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="Policies",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("brand_name", models.CharField(blank=True, max_length=40)),
                ("brand_colour", models.CharField(blank=True, max_length=7)),
                ("logo", models.BinaryField(null=True)),
                ("default_language", models.CharField(blank=True, max_length=2)),
                ("pin_min_digits", models.PositiveSmallIntegerField(default=6)),
                ("pin_tries", models.PositiveSmallIntegerField(default=5)),
                ("pin_lock_minutes", models.PositiveIntegerField(default=30)),
                ("pin_reset_cooldown_minutes", models.PositiveIntegerField(default=60)),
                ("password_min_length", models.PositiveSmallIntegerField(default=15)),
                ("privileged_idle_minutes", models.PositiveSmallIntegerField(default=15)),
                ("idle_minutes", models.PositiveSmallIntegerField(default=30)),
                ("session_hours", models.PositiveSmallIntegerField(default=12)),
                ("mfa_for_managers", models.BooleanField(default=True)),
                ("keys_a_product", models.PositiveSmallIntegerField(default=100)),
                ("four_eyes_on_approval", models.BooleanField(default=False)),
                ("four_eyes_on_live", models.BooleanField(default=False)),
                ("changed_at", models.DateTimeField(null=True)),
                ("logo_version", models.CharField(blank=True, max_length=16)),
                ("refused_requests_days", models.PositiveSmallIntegerField(default=30)),
                ("usage_hours_days", models.PositiveSmallIntegerField(default=90)),
                ("usage_minutes_hours", models.PositiveSmallIntegerField(default=48)),
            ],
            options={
                "db_table": "policies",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="policies_once"),
                    models.CheckConstraint(
                        condition=models.Q(("default_language__in", ["", "en", "id"])),
                        name="policies_language",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("pin_min_digits__range", (6, 12))),
                        name="policies_pin_min_digits",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("pin_tries__range", (3, 5))), name="policies_pin_tries"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("pin_lock_minutes__range", (5, 1440))),
                        name="policies_pin_lock_minutes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("pin_reset_cooldown_minutes__range", (0, 10080))),
                        name="policies_pin_reset_cooldown_minutes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("password_min_length__range", (15, 64))),
                        name="policies_password_min_length",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("privileged_idle_minutes__range", (5, 60))),
                        name="policies_privileged_idle_minutes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("idle_minutes__range", (5, 120))),
                        name="policies_idle_minutes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("session_hours__range", (1, 24))),
                        name="policies_session_hours",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("keys_a_product__range", (1, 10000))),
                        name="policies_keys_a_product",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("logo", None), ("logo_version", "")),
                            models.Q(
                                ("logo__isnull", False),
                                models.Q(("logo_version", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="policies_logo_version",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("usage_minutes_hours__range", (48, 336))),
                        name="policies_usage_minutes_hours",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("usage_hours_days__range", (31, 400))),
                        name="policies_usage_hours_days",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("refused_requests_days__range", (1, 365))),
                        name="policies_refused_requests_days",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FirstOwnerLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, null=True)),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "first_owner_link",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="first_owner_link_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("digest", None), ("expires_at", None)),
                            models.Q(("digest__isnull", False), ("expires_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="first_owner_link_whole",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("digest"), 32
                        ),
                        name="first_owner_link_digest",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffInvitation",
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
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "db_table": "staff_invitations",
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("digest"), 32
                        ),
                        name="staff_invitation_digest",
                    )
                ],
            },
        ),
    ]
