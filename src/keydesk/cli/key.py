"""`keydesk key`: API keys, listed, made, restricted and revoked by the host's operator."""

import secrets
from datetime import timedelta
from typing import Annotated

import typer
from django.utils import timezone

from keydesk.cli.apps import new_app
from keydesk.cli.named import Limits, Networks, Username, account_named, given, show_table
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.keys import actions
from keydesk.control.keys.queries import key_for, product_cards
from keydesk.control.keys.restrictions import Choices
from keydesk.control.keys.rules import Overlap
from keydesk.core.records import Environment

Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help='A scope of the product; give it again for more, "" for none.'),
]
Key = Annotated[str, typer.Argument(help="The key's id, key_...")]

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
def generate(  # noqa: PLR0913 - each is an option of the command
    username: Username,
    product: Annotated[str, typer.Argument(help="The product's slug.")],
    *,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    environment: Annotated[Environment, typer.Option(help="live or test.")] = Environment.LIVE,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="How long it works; for good if not given.")
    ] = None,
    network: Networks = None,
    scope: Scopes = None,
    limit: Limits = None,
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
        choices=Choices(
            expires_at=None if days is None else timezone.now() + timedelta(days=days),
            networks=given(network),
            scopes=None if scope is None else given(scope),
            limits=given(limit),
        ),
    )
    typer.echo(made.plaintext)
    typer.echo(f"This is {made.id}.", err=True)


@app.command()
def regenerate(
    key: Key,
    *,
    overlap: Annotated[
        Overlap, typer.Option(help="How long the old key works on beside the new one.")
    ] = Overlap.NONE,
) -> None:
    """Replace a key and print the new one; the old one ends at once, or when the overlap is over."""
    made = actions.regenerate_key(
        HOST_OPERATOR,
        key_id=key,
        grant=None,
        request_token=secrets.token_urlsafe(),
        overlap=overlap,
    )
    typer.echo(made.plaintext)
    end = key_for(HOST_OPERATOR, key_id=key).retires_at
    became = "is revoked" if end is None else f"works until {end:%Y-%m-%d %H:%M:%S} UTC"
    typer.echo(f"This is {made.id}; {key} {became}.", err=True)


@app.command()
def restrict(
    key: Key, *, network: Networks = None, scope: Scopes = None, limit: Limits = None
) -> None:
    """Set where a key may be used from, its scopes and its own limits; what is not given stays as it is."""
    row = key_for(HOST_OPERATOR, key_id=key)
    revision = actions.restrict_key(
        HOST_OPERATOR,
        key_id=key,
        networks=given(network, otherwise=row.networks),
        scopes=given(scope, otherwise=row.scopes),
        limits=given(limit, otherwise=row.limits),
        grant=None,
    )
    typer.echo(f"{key} is restricted (revision {revision}).")


@app.command()
def revoke(key: Key) -> None:
    """End a key for good, now."""
    revision = actions.revoke_key(HOST_OPERATOR, key_id=key)
    typer.echo(f"{key} is revoked (revision {revision}).")
