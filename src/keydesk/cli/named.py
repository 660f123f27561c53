"""What an operator names on the command line: an account by its username, a person by their address."""

from collections.abc import Sequence
from typing import Annotated

import typer

from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import account_by_username
from keydesk.control.people.models import User
from keydesk.control.people.queries import user_by_email
from keydesk.server.faults import OperatorFault

Username = Annotated[str, typer.Argument(help="The account's username.")]
Networks = Annotated[
    list[str] | None,
    typer.Option("--network", help='Such as 203.0.113.0/24; give it again for more, "" for none.'),
]
Limits = Annotated[
    list[str] | None,
    typer.Option("--limit", help='Such as key:burst=100/60s; give it again for more, "" for none.'),
]
Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]


def account_named(username: str) -> Account:
    """Give the account with this username; raises OperatorFault if there is none."""
    account = account_by_username(username)
    if account is None:
        raise OperatorFault(f"There is no account with the username {username}.")
    return account


def person_named(email: str) -> User:
    """Give the person with this address; raises OperatorFault if there is none."""
    user = user_by_email(email)
    if user is None:
        raise OperatorFault(f"Nobody has the e-mail address {email}.")
    return user


def given(entries: Sequence[str] | None, *, otherwise: Sequence[str] = ()) -> tuple[str, ...]:
    """Give what an option that can be repeated was given, and what stands otherwise; an empty text is no entry."""
    return tuple(otherwise) if entries is None else tuple(entry for entry in entries if entry)


def show_table(rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print rows as columns, or a sentence if there are none."""
    if not rows:
        typer.echo(empty)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(map(str.ljust, row, widths)).rstrip())
