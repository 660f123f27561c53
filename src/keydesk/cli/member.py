"""`keydesk member`: the people of an account, let in by the host's operator."""

from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.named import Email, Username, account_named, person_named, show_table
from keydesk.cli.newcomer import Language, Name, new_person
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.invitations.actions import (
    SentInvitation,
    invite_member,
    resend_invitation,
    withdraw_invitation,
)
from keydesk.control.invitations.models import Invitation
from keydesk.control.invitations.queries import open_invitation_for, open_invitations
from keydesk.control.people import actions
from keydesk.control.people.queries import members_of, user_by_email
from keydesk.control.stepup.actions import reset_pin as reset
from keydesk.core.codes import Code
from keydesk.server.faults import OperatorFault

app = new_app("The people of an account.")


@app.command("list")
def list_members(username: Username) -> None:
    """List the people of an account with their roles."""
    show_table(
        [
            (
                membership.user.email,
                membership.role,
                "active" if membership.is_active else "deactivated",
                membership.user.full_name,
            )
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


@app.command()
def deactivate(username: Username, email: Email) -> None:
    """Shut a member out of an account until they are reactivated; their keys go on working."""
    account, user = account_named(username), person_named(email)
    actions.deactivate_member(HOST_OPERATOR, account_id=account.id, user_id=user.pk)
    typer.echo(f"{user.email} cannot come into {username} any more.")


@app.command()
def reactivate(username: Username, email: Email) -> None:
    """Let a member in again who was deactivated."""
    account, user = account_named(username), person_named(email)
    actions.reactivate_member(HOST_OPERATOR, account_id=account.id, user_id=user.pk)
    typer.echo(f"{user.email} can come into {username} again.")


@app.command("invitations")
def list_invitations(username: Username) -> None:
    """List the open invitations of an account, with the day on which their links end."""
    show_table(
        [
            (invitation.email, invitation.role, f"until {invitation.expires_at:%Y-%m-%d}")
            for invitation in open_invitations(account_named(username))
        ],
        empty=f"Nobody is invited to {username} at the moment.",
    )


@app.command()
def invite(
    username: Username,
    email: Email,
    role: Annotated[Role, typer.Argument(help="What they may do.")],
) -> None:
    """Invite somebody by mail, and print the link as well: for a desk that sends no mail yet."""
    account = account_named(username)
    show_sent(invite_member(HOST_OPERATOR, account_id=account.id, email=email, role=role))


@app.command()
def resend(username: Username, email: Email) -> None:
    """Send an open invitation again, and print its new link; the link before stops working."""
    invitation = invitation_named(username, email)
    show_sent(
        resend_invitation(
            HOST_OPERATOR, account_id=invitation.account_id, invitation_id=invitation.id
        )
    )


@app.command()
def withdraw(username: Username, email: Email) -> None:
    """Take an open invitation back; its link stops working."""
    invitation = invitation_named(username, email)
    withdraw_invitation(
        HOST_OPERATOR, account_id=invitation.account_id, invitation_id=invitation.id
    )
    typer.echo(f"{invitation.email} is not invited any more.")


def show_sent(sent: SentInvitation) -> None:
    """Say who was invited, and the link on a line of its own."""
    typer.echo(f"{sent.email} is invited. The link works once, for seven days:")
    typer.echo(sent.url)


def invitation_named(username: str, email: str) -> Invitation:
    """Give the open invitation of this address; raises OperatorFault if there is none."""
    invitation = open_invitation_for(account_named(username), email)
    if invitation is None:
        raise OperatorFault(f"{email} has no open invitation to {username}.")
    return invitation


@app.command("reset-pin")
def reset_pin(email: Email) -> None:
    """Take somebody's PIN away, with its locks, so that they set a new one with their password."""
    user = person_named(email)
    try:
        reset(HOST_OPERATOR, user_id=user.pk)
    except Refused as refused:
        if refused.code is not Code.PIN_NOT_SET:
            raise
        raise OperatorFault(
            f"{user.email} has no PIN: they set one with their password at the first need."
        ) from refused
    typer.echo(f"{user.email} sets a new PIN at the next need.")
