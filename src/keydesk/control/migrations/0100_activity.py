"""Indexes by which an account's people find what happened: by kind of event, and by who did it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the indexes; nothing is rewritten."""

    dependencies = [("control", "0080_restrictions")]

    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["account_id", "event", "seq"], name="audit_by_event"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                fields=["account_id", "actor_kind", "actor_id", "seq"], name="audit_by_actor"
            ),
        ),
    ]
