"""When a person's address was confirmed, and the letters that a demo keeps; usernames held by a sign-up."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("control", "0004_people_and_policies"),
    ]

    operations = [
        migrations.CreateModel(
            name="HeldUsername",
            fields=[
                ("username", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("held_at", models.DateTimeField()),
            ],
            options={"db_table": "held_usernames"},
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
        migrations.AddField(
            model_name="user",
            name="email_confirmed_at",
            field=models.DateTimeField(null=True),
        ),
        # Who could log in before there was a sign-up was made by somebody who knew them.
        migrations.RunSQL(
            "UPDATE users SET email_confirmed_at = created_at", migrations.RunSQL.noop
        ),
    ]
