"""The chain of audit events: a MAC for each, a place for each, and a note of each that has none yet.

Events of before are signed now: from here on one without a MAC was not written by Keydesk.
"""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from keydesk.control.audit.rules import FIELDS, canonical
from keydesk.control.audit.signing import event_mac
from keydesk.control.feed import interface

EVENTS_AT_ONCE = 2_000
FROZEN = {"audit_entries_no_delete": "DELETE", "audit_entries_no_update": "UPDATE"}
NOTE = "INSERT INTO audit_waiting (seq) VALUES (NEW.seq)"
NUMBER_ON_SQLITE = """
CREATE TRIGGER audit_entries_number_whole BEFORE INSERT ON audit_entries WHEN typeof(NEW.number) <> 'integer'
BEGIN SELECT RAISE(ABORT, 'An entry has a whole number.'); END
"""

ON_SQLITE = [
    *(
        f"CREATE TRIGGER {name} BEFORE {operation} ON audit_entries "
        f"BEGIN SELECT RAISE(ABORT, 'Rows of audit_entries are kept: {operation} is refused.'); END"
        for name, operation in FROZEN.items()
    ),
    NUMBER_ON_SQLITE,
    f"CREATE TRIGGER audit_events_wait AFTER INSERT ON audit_events BEGIN {NOTE}; END",
]
NOTE_ON_POSTGRESQL = f"""
CREATE FUNCTION keydesk_note_waiting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {NOTE};
  RETURN NULL;
END $$
"""
ON_POSTGRESQL = [
    *(
        f"CREATE TRIGGER {name} BEFORE {operation} ON audit_entries FOR EACH ROW EXECUTE FUNCTION keydesk_refuse()"
        for name, operation in FROZEN.items()
    ),
    "CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION keydesk_refuse()",
    NOTE_ON_POSTGRESQL,
    "CREATE TRIGGER audit_events_wait AFTER INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION keydesk_note_waiting()",
]


def guarding(vendor: str) -> list[str]:
    """Give the statements that guard the chain, and note each new event, in a database of this vendor."""
    return ON_SQLITE if vendor == "sqlite" else ON_POSTGRESQL


def guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in guarding(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def sign_events(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Sign the events that are there, and note that they wait, while the trigger that keeps them is away."""
    vendor = schema_editor.connection.vendor
    (kept,) = (line for line in interface.guarding(vendor) if " audit_events_no_update " in line)
    on_table = "" if vendor == "sqlite" else " ON audit_events"
    schema_editor.execute(f"DROP TRIGGER audit_events_no_update{on_table}", params=None)
    events = apps.get_model("control", "AuditEvent").objects.order_by("seq")
    last = 0
    with schema_editor.connection.cursor() as cursor:
        while found := list(events.filter(seq__gt=last).values_list(*FIELDS)[:EVENTS_AT_ONCE]):
            signed = [(event_mac()(canonical(values)), values[0]) for values in found]
            cursor.executemany("UPDATE audit_events SET mac = %s WHERE seq = %s", signed)
            last = found[-1][0]
        cursor.execute("INSERT INTO audit_waiting (seq) SELECT seq FROM audit_events")
    schema_editor.execute(kept, params=None)


class Migration(migrations.Migration):
    dependencies = [("control", "0012_shared_cache")]

    operations = [
        migrations.AddField(
            model_name="auditevent",
            name="mac",
            field=models.BinaryField(max_length=32, null=True),
        ),
        migrations.CreateModel(
            name="Waiting",
            fields=[("seq", models.BigIntegerField(primary_key=True, serialize=False))],
            options={"db_table": "audit_waiting"},
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("hash", models.BinaryField(max_length=32)),
                ("mac", models.BinaryField(max_length=32)),
                (
                    "event",
                    models.OneToOneField(
                        db_column="seq",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entry",
                        to="control.auditevent",
                    ),
                ),
            ],
            options={
                "db_table": "audit_entries",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number__gt", 0)), name="audit_entry_number_positive"
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("hash"), 32
                        ),
                        name="audit_entry_hash_whole",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("mac"), 32
                        ),
                        name="audit_entry_mac_whole",
                    ),
                ],
            },
        ),
        migrations.RunPython(sign_events),
        migrations.RunPython(guard),
    ]
