"""`keydesk member`: the people of an account, let in by the host's operator."""

from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.named import Email, Username, account_named, person_named, show_table
from keydesk.cli.newcomer import Language, Name, new_person
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.roles import Role
from keydesk.control.people import actions
from keydesk.control.people.queries import members_of, user_by_email
from keydesk.control.stepup.actions import reset_pin as reset

app = new_app("The people of an account.")


@app.command("list")
def list_members(username: Username) -> None:
    """List the people of an account with their roles."""
    show_table(
        [
            (membership.user.email, membership.role, membership.user.full_name)
            for membership in members_of(account_named(username))
        ],
        empty=f"{username} has no members yet: keydesk member add.",
    )


@app.command()
def add(
    username: Username,
    email: Email,
    role: Annotated[Role, typer.Argument(help="What they may do.")],
    *,
    name: Name = None,
    language: Language = "",
) -> None:
    """Make somebody a member of an account.

    For somebody new, give `--name`; the password is asked for, or read from the standard input if that is no terminal.
    """
    account = account_named(username)
    user = user_by_email(email) or new_person(email, name, language)
    actions.add_member(HOST_OPERATOR, account_id=account.id, user_id=user.pk, role=role)
    typer.echo(f"{user.email} is {role} of {username}.")


@app.command()
def role(
    username: Username, email: Email, to: Annotated[Role, typer.Argument(help="The new role.")]
) -> None:
    """Give a member another role; it counts from their next click on."""
    account, user = account_named(username), person_named(email)
    actions.change_role(HOST_OPERATOR, account_id=account.id, user_id=user.pk, role=to)
    typer.echo(f"{user.email} is {to} of {username}.")


@app.command()
def remove(username: Username, email: Email) -> None:
    """End somebody's membership of an account."""
    account, user = account_named(username), person_named(email)
    actions.remove_member(HOST_OPERATOR, account_id=account.id, user_id=user.pk)
    typer.echo(f"{user.email} is no member of {username} any more.")


@app.command("reset-pin")
def reset_pin(email: Email) -> None:
    """Take somebody's PIN away, with its locks, so that they set a new one with their password."""
    user = person_named(email)
    reset(HOST_OPERATOR, user_id=user.pk)
    typer.echo(f"{user.email} sets a new PIN at the next need.")
