"""The versioned views, the rows that are kept, and the head with this database's own epoch."""

import secrets

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from keydesk.control.feed import interface


def create_interface(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in interface.creating(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def create_head(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("control", "FeedHead").objects.create(epoch=secrets.token_hex(16))


class Migration(migrations.Migration):
    dependencies = [("control", "0008_usage")]

    operations = [
        migrations.RunPython(create_interface),
        migrations.RunPython(create_head),
    ]
