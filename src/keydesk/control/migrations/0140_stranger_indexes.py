"""Indexes to read unknown credentials by: the newest, and those of one prefix or one address."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0130_change_of_address"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="strangercount",
            index=models.Index(fields=["-last_at", "-id"], name="stranger_by_time"),
        ),
        migrations.AddIndex(
            model_name="strangercount",
            index=models.Index(fields=["prefix", "-last_at", "-id"], name="stranger_by_prefix"),
        ),
        migrations.AddIndex(
            model_name="strangercount",
            index=models.Index(fields=["address", "-last_at", "-id"], name="stranger_by_address"),
        ),
    ]
