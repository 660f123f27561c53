"""`keydesk staff`: the provider's internal team, let in by the host's operator."""

from typing import Annotated

import typer
from django.conf import settings

from keydesk.cli.apps import new_app
from keydesk.cli.named import Email, show_table
from keydesk.cli.newcomer import Language, Name, new_person
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.roles import StaffRole
from keydesk.control.people.queries import staff_by_email
from keydesk.control.staff.actions import make_first_owner_link
from keydesk.control.staff.queries import owners
from keydesk.server.faults import OperatorFault

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


@app.command("first-owner")
def first_owner() -> None:
    """Print the link with which the first Owner is made: it works once, for 15 minutes, and ends an older one."""
    if owners().exists():
        raise OperatorFault("There is an Owner already, who lets others in: Console > Team.")
    token = make_first_owner_link(HOST_OPERATOR)
    typer.echo(
        "Nobody is Owner yet. Whoever opens this link within 15 minutes makes themselves the first: "
        f"{settings.KEYDESK.desk_url}/console/first-owner/?token={token}"
    )
