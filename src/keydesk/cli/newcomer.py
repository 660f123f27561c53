"""Making somebody who can log in, from the command line: their name is an option, their password is asked for."""

import sys
from typing import Annotated

import typer

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.roles import StaffRole
from keydesk.control.people.actions import create_user
from keydesk.control.people.models import User

Name = Annotated[str | None, typer.Option(help="The full name, for somebody new.")]
Language = Annotated[str, typer.Option(help="en or id; empty is the installation's.")]


def new_person(
    email: str, name: str | None, language: str, *, staff_role: StaffRole | None = None
) -> User:
    """Make a person with a password that is asked for; raises a usage error without a name."""
    if name is None:
        raise typer.BadParameter(f"Nobody has the address {email} yet: give their --name too.")
    return create_user(
        HOST_OPERATOR,
        email=email,
        full_name=name,
        password=asked_password(),
        language=language,
        staff_role=staff_role,
    )


def asked_password() -> str:
    """Give a password that is typed unseen at a terminal, or the first line of the standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
