"""The head of the feed, the audit trail, and mails."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0006_applications"),
    ]

    operations = [
        migrations.CreateModel(
            name="FeedHead",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("epoch", models.CharField(max_length=32)),
                ("revision", models.BigIntegerField(default=0)),
                ("heartbeat_at", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "feed_head",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="feed_head_is_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("account_id", models.CharField(max_length=40, null=True)),
                ("actor_kind", models.CharField(max_length=10)),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor_label", models.CharField(max_length=254)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("session_ref", models.CharField(blank=True, max_length=64)),
                ("event", models.CharField(max_length=40)),
                ("object_id", models.CharField(blank=True, max_length=100)),
                ("details", models.JSONField(default=dict)),
            ],
            options={
                "db_table": "audit_events",
                "indexes": [
                    models.Index(fields=["account_id", "seq"], name="audit_by_account"),
                    models.Index(fields=["object_id", "seq"], name="audit_by_object"),
                    models.Index(fields=["account_id", "event", "seq"], name="audit_by_event"),
                    models.Index(
                        fields=["account_id", "actor_kind", "actor_id", "seq"],
                        name="audit_by_actor",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("actor_kind__in", ["host", "member", "staff"])),
                        name="audit_actor_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Mail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=30)),
                ("to", models.EmailField(max_length=254)),
                ("language", models.CharField(max_length=2)),
                ("context", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("last_error", models.CharField(blank=True, max_length=200)),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "mails",
                "indexes": [
                    models.Index(
                        condition=models.Q(("sent_at", None)),
                        fields=["due_at", "id"],
                        name="mail_due",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
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
                                ],
                            )
                        ),
                        name="mail_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptLetter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("to", models.EmailField(max_length=254)),
                ("language", models.CharField(max_length=2)),
                ("subject", models.TextField()),
                ("text", models.TextField()),
                ("kept_at", models.DateTimeField()),
            ],
            options={
                "db_table": "kept_letters",
            },
        ),
    ]
