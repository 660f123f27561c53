"""`keydesk account`: customer accounts, opened and moved through their life by the host's operator."""

from collections.abc import Sequence
from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.named import Networks, Username, account_named, given, show_table
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts import actions
from keydesk.control.accounts.queries import accounts_by_username
from keydesk.control.keys.actions import set_networks
from keydesk.core.records import AccountStatus

app = new_app("Customer accounts. What you do here is in the audit trail as the host's operator.")


@app.command("list")
def list_accounts() -> None:
    """List all accounts with their status."""
    show_table(
        [
            (account.username, str(account.status), account.name)
            for account in accounts_by_username()
        ],
        empty="There is no account yet: keydesk account create.",
    )


@app.command()
def create(
    username: Annotated[
        str, typer.Argument(help="3 to 40 of a-z, 0-9 and hyphens; fixed for good.")
    ],
    *,
    name: Annotated[str, typer.Option(help="The business's name.")],
) -> None:
    """Open an account, as a draft."""
    account = actions.create_account(HOST_OPERATOR, username=username, name=name)
    typer.echo(f"{username} is a draft ({account.id}). Next: keydesk account approve {username}")


@app.command()
def approve(username: Username) -> None:
    """Approve an account, so that its keys work and its people can make new ones."""
    account = account_named(username)
    if account.status in {AccountStatus.DRAFT, AccountStatus.NEED_REVISION}:
        move(username, AccountStatus.WAITING_FOR_APPROVAL)
    move(username, AccountStatus.APPROVED)


@app.command()
def suspend(
    username: Username, *, reason: Annotated[str, typer.Option(help="What its people read.")]
) -> None:
    """Suspend an account: every key of it is refused until it is approved again."""
    move(username, AccountStatus.SUSPENDED, reason)


@app.command()
def status(
    username: Username,
    to: Annotated[AccountStatus, typer.Argument(help="The status.", case_sensitive=False)],
    *,
    reason: Annotated[str, typer.Option(help="What its people read.")] = "",
) -> None:
    """Move an account to another status, one step at a time."""
    move(username, to, reason)


@app.command()
def networks(username: Username, *, network: Networks = None) -> None:
    """Show where all keys of an account may be used from; with --network, set it, at once."""
    account = account_named(username)
    if network is None:
        typer.echo(f"Keys of {username} may be used {where(account.networks.split())}.")
        typer.echo(
            'To set the whole list, name each with --network; --network "" takes the list away.'
        )
        return
    wanted = given(network)
    revision = set_networks(HOST_OPERATOR, account_id=account.id, networks=wanted, grant=None)
    typer.echo(f"Keys of {username} may be used {where(wanted)} (revision {revision}).")


def where(networks: Sequence[str]) -> str:
    """Say where keys may be used from."""
    return f"from {', '.join(networks)} alone" if networks else "from anywhere"


def move(username: str, to: AccountStatus, reason: str = "") -> None:
    """Move an account and say so."""
    account = account_named(username)
    revision = actions.set_account_status(
        HOST_OPERATOR, account_id=account.id, status=to, reason=reason
    )
    typer.echo(f"{username} is {to} (revision {revision}).")
