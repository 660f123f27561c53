"""People, the accounts that they are members of, how they come in, and who looks on."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import keydesk.control.accounts.models
import keydesk.control.invitations.models
import keydesk.control.invitations.rules
import keydesk.control.viewings.models
import keydesk.core.records


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                ("email", models.EmailField(max_length=254, unique=True)),
                ("full_name", models.CharField(max_length=120)),
                ("language", models.CharField(blank=True, max_length=2)),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("staff_role", models.CharField(max_length=10, null=True)),
                ("email_confirmed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "users",
                "indexes": [
                    models.Index(
                        django.db.models.functions.text.Lower("full_name"), name="user_by_name"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.F("email"), django.db.models.functions.text.Lower("email")
                        ),
                        name="user_email_lower_case",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("language__in", ["", "en", "id"])), name="user_language"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("staff_role__in", ["operations", "owner", "reviewer", "security"])
                        ),
                        name="user_staff_role",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("revision", models.BigIntegerField(unique=True)),
                ("mac", models.BinaryField(max_length=32)),
                (
                    "id",
                    models.CharField(
                        default=keydesk.control.accounts.models.new_account_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("username", models.CharField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "status",
                    models.CharField(
                        default=keydesk.core.records.AccountStatus["DRAFT"], max_length=24
                    ),
                ),
                ("status_reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                ("status_changed_at", models.DateTimeField()),
                ("networks", models.TextField(blank=True, default="")),
            ],
            options={
                "db_table": "accounts",
                "indexes": [
                    models.Index(
                        django.db.models.functions.text.Lower("name"), name="account_by_name"
                    ),
                    models.Index(fields=["created_at", "id"], name="account_by_age"),
                    models.Index(fields=["status", "created_at", "id"], name="account_by_status"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gt", 0)), name="account_revision_positive"
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("mac"), 32
                        ),
                        name="account_mac_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "APPROVED",
                                    "CLOSED",
                                    "DRAFT",
                                    "NEED_REVISION",
                                    "REJECTED",
                                    "SUSPENDED",
                                    "WAITING_FOR_APPROVAL",
                                ],
                            )
                        ),
                        name="account_status",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.F("username"), django.db.models.functions.text.Lower("username")
                        ),
                        name="account_username_lower_case",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.GreaterThanOrEqual(
                            django.db.models.functions.text.Length("username"), 3
                        ),
                        name="account_username_long_enough",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("networks"), 2000
                        ),
                        name="account_networks_fit",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("role", models.CharField(max_length=10)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="control.account",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "memberships",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role__in", ["admin", "approver", "maker", "superadmin", "viewer"])
                        ),
                        name="membership_role",
                    ),
                    models.UniqueConstraint(fields=("user", "account"), name="membership_once"),
                ],
            },
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
        migrations.CreateModel(
            name="HeldUsername",
            fields=[
                ("username", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("held_at", models.DateTimeField()),
            ],
            options={
                "db_table": "held_usernames",
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
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="control.account",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "viewings",
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["user", "account", "ends_at"],
                        name="viewing_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
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
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="viewing_has_a_reason",
                    ),
                ],
            },
        ),
    ]
