"""Counts of use, where keys were last seen, and refused requests."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0007_feed_trail_and_mail"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("environment", models.CharField(max_length=4)),
                ("span", models.PositiveIntegerField()),
                ("starts_at", models.BigIntegerField()),
                ("code", models.CharField(max_length=40)),
                ("number", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="control.account",
                    ),
                ),
            ],
            options={
                "db_table": "account_counts",
                "indexes": [
                    models.Index(fields=["span", "starts_at"], name="account_count_by_time")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "environment", "span", "starts_at", "code"),
                        name="account_count_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("span__in", [3600, 86400])), name="account_count_span"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gt", 0)), name="account_count_number_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.BigIntegerField()),
                ("address", models.CharField(max_length=45)),
                ("number", models.BigIntegerField()),
                ("last_at", models.BigIntegerField()),
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
                "db_table": "key_addresses",
                "indexes": [models.Index(fields=["day"], name="key_address_by_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("key", "day", "address"), name="key_address_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KeySighting",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="sighting",
                        serialize=False,
                        to="control.apikey",
                    ),
                ),
                ("last_at", models.BigIntegerField()),
                ("address", models.CharField(blank=True, max_length=45)),
            ],
            options={
                "db_table": "key_sightings",
            },
        ),
        migrations.CreateModel(
            name="RefusedRequest",
            fields=[
                ("request_id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=40)),
                ("product", models.CharField(blank=True, max_length=40)),
                ("environment", models.CharField(blank=True, max_length=4)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="control.account",
                    ),
                ),
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
                "db_table": "refused_requests",
                "indexes": [
                    models.Index(
                        fields=["account", "-at", "-request_id"], name="refused_by_account"
                    ),
                    models.Index(fields=["key", "-at"], name="refused_by_key"),
                    models.Index(fields=["at"], name="refused_by_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="StrangerCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.BigIntegerField()),
                ("prefix", models.CharField(blank=True, max_length=24)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("code", models.CharField(max_length=40)),
                ("number", models.BigIntegerField()),
                ("last_at", models.BigIntegerField()),
            ],
            options={
                "db_table": "stranger_counts",
                "indexes": [
                    models.Index(fields=["-last_at", "-id"], name="stranger_by_time"),
                    models.Index(fields=["prefix", "-last_at", "-id"], name="stranger_by_prefix"),
                    models.Index(fields=["address", "-last_at", "-id"], name="stranger_by_address"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "prefix", "address", "code"), name="stranger_count_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("span", models.PositiveIntegerField()),
                ("starts_at", models.BigIntegerField()),
                ("code", models.CharField(max_length=40)),
                ("product", models.CharField(blank=True, max_length=40)),
                ("environment", models.CharField(blank=True, max_length=4)),
                ("number", models.BigIntegerField()),
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
                "db_table": "usage_counts",
                "indexes": [models.Index(fields=["span", "starts_at"], name="usage_count_by_time")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("key", "span", "starts_at", "code", "product", "environment"),
                        name="usage_count_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("span__in", [60, 3600, 86400])), name="usage_count_span"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gt", 0)), name="usage_count_number_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageSource",
            fields=[
                ("source", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField(default=0)),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "db_table": "usage_sources",
                "indexes": [models.Index(fields=["taken_at"], name="usage_source_by_time")],
            },
        ),
    ]
