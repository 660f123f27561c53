"""`keydesk staff`: the provider's internal team, let in by the host's operator."""

from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.named import Email, show_table
from keydesk.cli.newcomer import Language, Name, new_person
from keydesk.control.access.roles import StaffRole
from keydesk.control.people.queries import staff_by_email

app = new_app("Your internal team, who work in the Console.")


@app.command("list")
def list_staff() -> None:
    """List the people of the internal team with their roles."""
    show_table(
        [(user.email, str(user.staff_role), user.full_name) for user in staff_by_email()],
        empty="Nobody is of the internal team yet: keydesk staff add.",
    )


@app.command()
def add(
    email: Email,
    role: Annotated[StaffRole, typer.Argument(help="What they may do.")],
    *,
    name: Name = None,
    language: Language = "",
) -> None:
    """Make somebody of your internal team; the password is asked for, or read from the standard input."""
    user = new_person(email, name, language, staff_role=role)
    typer.echo(f"{user.email} is {role} of the internal team.")
