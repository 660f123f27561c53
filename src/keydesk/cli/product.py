"""`keydesk product`: what the provider sells, put on offer and stopped by the host's operator."""

from typing import Annotated

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.named import show_table
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.catalog import actions
from keydesk.control.catalog.queries import products_by_name
from keydesk.control.catalog.rules import RevealPolicy
from keydesk.core.decide import DEFAULT_LEASE_SECONDS
from keydesk.core.records import ProductState

app = new_app("The products that keys are for.")

Slug = Annotated[str, typer.Argument(help="The product's name in requests: a-z, 0-9 and hyphens.")]
Reason = Annotated[str, typer.Option(help="Why, for the audit trail.")]


@app.command("list")
def list_products() -> None:
    """List all products with their state."""
    show_table(
        [(product.slug, str(product.state), product.name) for product in products_by_name()],
        empty="There is no product yet: keydesk product create.",
    )


@app.command()
def create(  # noqa: PLR0913 - each is an option of the command
    slug: Slug,
    *,
    name: Annotated[str, typer.Option(help="Its name on pages.")],
    description: Annotated[str, typer.Option(help="One sentence for customers.")] = "",
    icon: Annotated[str, typer.Option(help="The name of a Lucide icon.")] = "box",
    requires_username: Annotated[
        bool, typer.Option("--requires-username", help="Each request must carry x-username.")
    ] = False,
    lease_seconds: Annotated[
        int, typer.Option(help="How old a replica may be when it decides; 0 allows any age.")
    ] = DEFAULT_LEASE_SECONDS,
    reveal_policy: Annotated[
        RevealPolicy, typer.Option(help="Whether a key can be shown again, or is shown once.")
    ] = RevealPolicy.WITH_PIN,
    scope: Annotated[
        list[str] | None, typer.Option(help="What its keys may do; give it again for more.")
    ] = None,
    sample_path: Annotated[str, typer.Option(help="The path that request samples call.")] = "/",
) -> None:
    """Put a product on offer. The slug is fixed for good."""
    product = actions.create_product(
        HOST_OPERATOR,
        slug=slug,
        name=name,
        description=description,
        icon=icon,
        requires_username=requires_username,
        lease_seconds=lease_seconds or None,
        reveal_policy=reveal_policy,
        scopes=tuple(scope or ()),
        sample_path=sample_path,
    )
    typer.echo(f"{product.name} is on offer. Next: keydesk entitlement enable USERNAME {slug}")


@app.command()
def stop(slug: Slug, *, reason: Reason = "") -> None:
    """Stop a product in an emergency: every key for it is refused, in every account."""
    move(slug, ProductState.STOPPED, reason)


@app.command()
def restart(slug: Slug, *, reason: Reason = "") -> None:
    """Let a stopped product's keys work again."""
    move(slug, ProductState.ACTIVE, reason)


@app.command()
def retire(slug: Slug, *, reason: Reason = "") -> None:
    """Take a product off the offer for good; its keys are refused from now on."""
    move(slug, ProductState.RETIRED, reason)


def move(slug: str, state: ProductState, reason: str) -> None:
    """Move a product and say so."""
    revision = actions.set_product_state(HOST_OPERATOR, slug=slug, state=state, reason=reason)
    typer.echo(f"{slug} is {state} (revision {revision}).")
