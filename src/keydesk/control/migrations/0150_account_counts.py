"""Counts of all keys of an account together, added up from those of each key that are there already."""

import django.db.models.deletion
from django.db import migrations, models

FILL = """
INSERT INTO account_counts (account_id, environment, span, starts_at, code, number)
SELECT api_keys.account_id, api_keys.environment, span, starts_at, code, SUM(number)
FROM usage_counts JOIN api_keys ON api_keys.id = usage_counts.key_id
WHERE span > 60
GROUP BY api_keys.account_id, api_keys.environment, span, starts_at, code
"""


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0140_stranger_indexes"),
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
            },
        ),
        migrations.AddIndex(
            model_name="accountcount",
            index=models.Index(fields=["span", "starts_at"], name="account_count_by_time"),
        ),
        migrations.AddConstraint(
            model_name="accountcount",
            constraint=models.UniqueConstraint(
                fields=("account", "environment", "span", "starts_at", "code"),
                name="account_count_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="accountcount",
            constraint=models.CheckConstraint(
                condition=models.Q(("span__in", [3600, 86400])), name="account_count_span"
            ),
        ),
        migrations.AddConstraint(
            model_name="accountcount",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gt", 0)), name="account_count_number_positive"
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
