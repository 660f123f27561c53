"""`keydesk key`: API keys, listed, made and revoked by the host's operator."""

import secrets
from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.named import Username, account_named, show_table
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.keys import actions
from keydesk.control.keys.queries import product_cards
from keydesk.core.records import Environment

app = new_app("API keys. The host's operator needs no PIN; the audit trail says who it was.")


@app.command("list")
def list_keys(username: Username) -> None:
    """List an account's keys with their states, never their text."""
    account = account_named(username)
    rows = [
        (key.id, f"{key.shown_prefix}…", str(key.state), card.product.slug, key.name)
        for environment in Environment
        for card in product_cards(HOST_OPERATOR, account_id=account.id, environment=environment)
        for key in card.keys
    ]
    show_table(rows, empty=f"{username} has no keys yet.")


@app.command()
def generate(
    username: Username,
    product: Annotated[str, typer.Argument(help="The product's slug.")],
    *,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    environment: Annotated[Environment, typer.Option(help="live or test.")] = Environment.LIVE,
) -> None:
    """Make a key for an account and print it. Rather let its people do that on their page."""
    made = actions.generate_key(
        HOST_OPERATOR,
        account_id=account_named(username).id,
        product=product,
        environment=environment,
        name=name,
        grant=None,
        request_token=secrets.token_urlsafe(),
    )
    typer.echo(made.plaintext)
    typer.echo(f"This is {made.id}.", err=True)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="The key's id, key_...")]) -> None:
    """End a key for good, now."""
    revision = actions.revoke_key(HOST_OPERATOR, key_id=key)
    typer.echo(f"{key} is revoked (revision {revision}).")
