"""The table of the cache that all processes share: tries that are counted for a while, nothing that must last."""

from django.apps.registry import Apps
from django.core.management import call_command
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def make_cache_table(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    call_command("createcachetable", database=editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("control", "0011_beginnings")]

    operations = [migrations.RunPython(make_cache_table, migrations.RunPython.noop)]
