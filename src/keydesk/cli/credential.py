"""`keydesk credential`: what the provider's own services present when they ask for decisions."""

from datetime import timedelta
from typing import Annotated

import typer
from django.utils import timezone

from keydesk.cli.apps import new_app
from keydesk.cli.named import show_table
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.credentials import actions
from keydesk.control.credentials.queries import credentials_by_name
from keydesk.core.records import ServiceScope

app = new_app("Service credentials: what your own services present to POST /v1/verify.")


@app.command("list")
def list_credentials() -> None:
    """List all service credentials, never their text."""
    show_table(
        [
            (
                credential.id,
                f"{credential.shown_prefix}…",
                str(credential.state),
                f"until {credential.expires_at:%Y-%m-%d}",
                credential.scopes,
                credential.name,
            )
            for credential in credentials_by_name()
        ],
        empty="There is no service credential yet: keydesk credential create.",
    )


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Which service it is for.")],
    *,
    scope: Annotated[
        list[ServiceScope] | None, typer.Option(help="What it may do; give it again for more.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days it works.")] = 365,
) -> None:
    """Make a service credential. It is shown now and never again; by default it may verify."""
    made = actions.create_credential(
        HOST_OPERATOR,
        name=name,
        scopes=scope or [ServiceScope.VERIFY],
        expires_at=timezone.now() + timedelta(days=days),
    )
    typer.echo(made.plaintext)
    typer.echo(f"This is {made.id}; it is not shown again.", err=True)


@app.command()
def revoke(
    credential: Annotated[str, typer.Argument(help="The credential's id, crd_...")],
) -> None:
    """Take a service credential back for good."""
    revision = actions.revoke_credential(HOST_OPERATOR, credential_id=credential)
    typer.echo(f"{credential} is revoked (revision {revision}).")
