"""Addresses, limits and the form of refusals, and the views that publish them."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from keydesk.control.feed import interface_v2

NEW_TEXTS = {
    "account": {"networks": 2000},
    "apikey": {"networks": 2000, "limits": 500},
    "entitlement": {"limits": 500},
    "product": {"limits": 500},
}
"""The longest text that each new column takes, by model."""


def drop_views(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in interface_v2.dropping():
        schema_editor.execute(statement, params=None)


def create_views(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in interface_v2.creating(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("control", "0070_team")]

    operations = [
        migrations.RunPython(drop_views),
        *(
            migrations.AddField(
                model_name=model, name=field, field=models.TextField(blank=True, default="")
            )
            for model, texts in NEW_TEXTS.items()
            for field in texts
        ),
        migrations.AddField(
            model_name="product",
            name="envelope",
            field=models.CharField(default="problem", max_length=10),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(("envelope__in", ["compat", "problem"])),
                name="product_envelope",
            ),
        ),
        *(
            migrations.AddConstraint(
                model_name=model,
                constraint=models.CheckConstraint(
                    condition=LessThanOrEqual(Length(field), longest),
                    name=f"{'key' if model == 'apikey' else model}_{field}_fit",
                ),
            )
            for model, texts in NEW_TEXTS.items()
            for field, longest in texts.items()
        ),
        migrations.RunPython(create_views),
    ]
