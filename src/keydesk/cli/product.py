"""`keydesk product`: what the provider sells, put on offer and stopped by the host's operator."""

from typing import Annotated, Any

import typer

from keydesk.cli.apps import new_app
from keydesk.cli.named import Limits, given, show_table
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.catalog import actions
from keydesk.control.catalog.queries import product_named, products_by_name
from keydesk.control.catalog.rules import RevealPolicy
from keydesk.core.decide import DEFAULT_LEASE_SECONDS
from keydesk.core.records import Envelope, ProductState

app = new_app("The products that keys are for.")

Slug = Annotated[str, typer.Argument(help="The product's name in requests: a-z, 0-9 and hyphens.")]
Reason = Annotated[str, typer.Option(help="Why, for the audit trail.")]

Name = typer.Option(help="Its name on pages.")
Description = typer.Option(help="One sentence for customers.")
Icon = typer.Option(help="The name of a Lucide icon.")
RequiresUsername = typer.Option(
    "--requires-username/--no-username", help="Each request must carry x-username."
)
Lease = typer.Option(help="How old a replica may be when it decides; 0 allows any age.")
Reveal = typer.Option(help="Whether a key can be shown again, or is shown once.")
Scope = typer.Option(help="What its keys may do; give it again for more.")
SamplePath = typer.Option(help="The path that request samples call.")
Form = typer.Option(help="The form in which refusals reach callers.")


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
    name: Annotated[str, Name],
    description: Annotated[str, Description] = "",
    icon: Annotated[str, Icon] = "box",
    requires_username: Annotated[bool, RequiresUsername] = False,
    lease_seconds: Annotated[int, Lease] = DEFAULT_LEASE_SECONDS,
    reveal_policy: Annotated[RevealPolicy, Reveal] = RevealPolicy.WITH_PIN,
    scope: Annotated[list[str] | None, Scope] = None,
    sample_path: Annotated[str, SamplePath] = "/",
    envelope: Annotated[Envelope, Form] = Envelope.PROBLEM,
    limit: Limits = None,
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
        envelope=envelope,
        limits=given(limit),
    )
    typer.echo(f"{product.name} is on offer. Next: keydesk entitlement enable USERNAME {slug}")


@app.command()
def edit(  # noqa: PLR0913 - each is an option of the command
    slug: Slug,
    *,
    name: Annotated[str | None, Name] = None,
    description: Annotated[str | None, Description] = None,
    icon: Annotated[str | None, Icon] = None,
    requires_username: Annotated[bool | None, RequiresUsername] = None,
    lease_seconds: Annotated[int | None, Lease] = None,
    reveal_policy: Annotated[RevealPolicy | None, Reveal] = None,
    scope: Annotated[list[str] | None, Scope] = None,
    sample_path: Annotated[str | None, SamplePath] = None,
    envelope: Annotated[Envelope | None, Form] = None,
    limit: Limits = None,
) -> None:
    """Change what a product is; what is not given stays as it is."""
    change(
        slug,
        name=name,
        description=description,
        icon=icon,
        requires_username=requires_username,
        lease_seconds=lease_seconds,
        reveal_policy=reveal_policy,
        scopes=None if scope is None else given(scope),
        sample_path=sample_path,
        envelope=envelope,
        limits=None if limit is None else given(limit),
    )


def change(slug: str, **wanted: Any) -> None:
    """Change these particulars of a product, those that are None staying as they are, and say so."""
    product = product_named(slug)
    held = {field: getattr(product, field) for field in wanted}
    held |= {field: tuple(held[field].split()) for field in ("scopes", "limits")}
    wanted = {field: held[field] if value is None else value for field, value in wanted.items()}
    wanted["lease_seconds"] = wanted["lease_seconds"] or None
    revision = actions.edit_product(HOST_OPERATOR, slug=slug, **wanted)
    typer.echo(f"{slug} is changed (revision {revision}).")


@app.command()
def stop(slug: Slug, *, reason: Reason) -> None:
    """Stop a product in an emergency: every key for it is refused, in every account."""
    move(slug, ProductState.STOPPED, reason)


@app.command()
def restart(slug: Slug, *, reason: Reason = "") -> None:
    """Let a stopped product's keys work again."""
    move(slug, ProductState.ACTIVE, reason)


@app.command()
def retire(slug: Slug, *, reason: Reason) -> None:
    """Take a product off the offer for good; its keys are refused from now on."""
    move(slug, ProductState.RETIRED, reason)


def move(slug: str, state: ProductState, reason: str) -> None:
    """Move a product and say so."""
    revision = actions.set_product_state(HOST_OPERATOR, slug=slug, state=state, reason=reason)
    typer.echo(f"{slug} is {state} (revision {revision}).")
