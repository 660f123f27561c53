"""`keydesk entitlement`: which account may use which product where, set by the host's operator."""

from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.named import Limits, Username, account_named, given, show_table
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.entitlements import actions
from keydesk.control.keys.queries import product_cards
from keydesk.core.records import Environment

app = new_app("Which account may use which product, in the live and the test environment.")

Slug = Annotated[str, typer.Argument(help="The product's slug.")]
Where = Annotated[
    list[Environment] | None, typer.Option(help="live or test; both if it is not given.")
]


@app.command("list")
def list_entitlements(username: Username) -> None:
    """List what an account asked for, has, or had."""
    account = account_named(username)
    rows = [
        (card.product.slug, str(environment), card.entitlement, card.reason)
        for environment in Environment
        for card in product_cards(HOST_OPERATOR, account_id=account.id, environment=environment)
        if card.entitlement is not None
    ]
    show_table(rows, empty=f"{username} has asked for nothing yet: keydesk entitlement enable.")


@app.command()
def enable(username: Username, product: Slug, *, environment: Where = None) -> None:
    """Let an account use a product, whether it has asked or not."""
    account = account_named(username)
    for place in environment or list(Environment):
        actions.enable_product(
            HOST_OPERATOR, account_id=account.id, product=product, environment=place
        )
        typer.echo(f"{username} may use {product} in {place}.")


@app.command()
def disable(
    username: Username,
    product: Slug,
    *,
    reason: Annotated[str, typer.Option(help="What the account's people read.")],
    environment: Where = None,
) -> None:
    """Stop an account's use of a product: its keys for it are refused until it is enabled again."""
    account = account_named(username)
    for place in environment or list(Environment):
        actions.disable_product(
            HOST_OPERATOR, account_id=account.id, product=product, environment=place, reason=reason
        )
        typer.echo(f"{username} may not use {product} in {place} any more.")


@app.command("limit")
def set_limits(
    username: Username,
    product: Slug,
    *,
    limit: Limits = None,
    reason: Annotated[str, typer.Option(help="What the account's people read.")],
    environment: Where = None,
) -> None:
    """Set what stands in for the product's limits of the same names or comes on top; nothing if none is given."""
    account = account_named(username)
    for place in environment or list(Environment):
        revision = actions.limit_entitlement(
            HOST_OPERATOR,
            account_id=account.id,
            product=product,
            environment=place,
            limits=given(limit),
            reason=reason,
        )
        typer.echo(f"{username} has its limits for {product} in {place} (revision {revision}).")
