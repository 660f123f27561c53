"""Counts of use, where keys were last seen, refused requests, and for how long all that is kept."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0100_activity"),
    ]

    operations = [
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
            ],
            options={
                "db_table": "key_addresses",
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
            ],
            options={
                "db_table": "refused_requests",
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
            ],
            options={
                "db_table": "usage_counts",
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
            },
        ),
        migrations.AddField(
            model_name="policies",
            name="refused_requests_days",
            field=models.PositiveSmallIntegerField(default=30),
        ),
        migrations.AddField(
            model_name="policies",
            name="usage_hours_days",
            field=models.PositiveSmallIntegerField(default=90),
        ),
        migrations.AddField(
            model_name="policies",
            name="usage_minutes_hours",
            field=models.PositiveSmallIntegerField(default=48),
        ),
        migrations.AddConstraint(
            model_name="policies",
            constraint=models.CheckConstraint(
                condition=models.Q(("usage_minutes_hours__range", (48, 336))),
                name="policies_usage_minutes_hours",
            ),
        ),
        migrations.AddConstraint(
            model_name="policies",
            constraint=models.CheckConstraint(
                condition=models.Q(("usage_hours_days__range", (31, 400))),
                name="policies_usage_hours_days",
            ),
        ),
        migrations.AddConstraint(
            model_name="policies",
            constraint=models.CheckConstraint(
                condition=models.Q(("refused_requests_days__range", (1, 365))),
                name="policies_refused_requests_days",
            ),
        ),
        migrations.AddField(
            model_name="keyaddress",
            name="key",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="control.apikey",
            ),
        ),
        migrations.AddField(
            model_name="refusedrequest",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="control.account",
            ),
        ),
        migrations.AddField(
            model_name="refusedrequest",
            name="key",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="control.apikey",
            ),
        ),
        migrations.AddConstraint(
            model_name="strangercount",
            constraint=models.UniqueConstraint(
                fields=("day", "prefix", "address", "code"), name="stranger_count_once"
            ),
        ),
        migrations.AddField(
            model_name="usagecount",
            name="key",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="control.apikey",
            ),
        ),
        migrations.AddIndex(
            model_name="usagesource",
            index=models.Index(fields=["taken_at"], name="usage_source_by_time"),
        ),
        migrations.AddIndex(
            model_name="keyaddress",
            index=models.Index(fields=["day"], name="key_address_by_day"),
        ),
        migrations.AddConstraint(
            model_name="keyaddress",
            constraint=models.UniqueConstraint(
                fields=("key", "day", "address"), name="key_address_once"
            ),
        ),
        migrations.AddIndex(
            model_name="refusedrequest",
            index=models.Index(fields=["account", "-at", "-request_id"], name="refused_by_account"),
        ),
        migrations.AddIndex(
            model_name="refusedrequest",
            index=models.Index(fields=["key", "-at"], name="refused_by_key"),
        ),
        migrations.AddIndex(
            model_name="refusedrequest",
            index=models.Index(fields=["at"], name="refused_by_time"),
        ),
        migrations.AddIndex(
            model_name="usagecount",
            index=models.Index(fields=["span", "starts_at"], name="usage_count_by_time"),
        ),
        migrations.AddConstraint(
            model_name="usagecount",
            constraint=models.UniqueConstraint(
                fields=("key", "span", "starts_at", "code", "product", "environment"),
                name="usage_count_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="usagecount",
            constraint=models.CheckConstraint(
                condition=models.Q(("span__in", [60, 3600, 86400])), name="usage_count_span"
            ),
        ),
        migrations.AddConstraint(
            model_name="usagecount",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gt", 0)), name="usage_count_number_positive"
            ),
        ),
    ]
