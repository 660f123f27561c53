"""`keydesk restored`: a new history for a database that went back in time."""

from typing import Annotated

import typer
from django.conf import settings

from keydesk.cli.apps import new_app
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.chain.actions import enter_events
from keydesk.control.feed.queries import feed_head
from keydesk.control.histories.actions import begin_history
from keydesk.server.desk import refuse_other_desks, require_matching_database
from keydesk.server.start import sole_desk

app = new_app()


@app.command()
def restored(
    *, yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False
) -> None:
    """Begin a new history, after a backup was restored and before Keydesk starts on it.

    Replicas then load everything afresh. Without it they take the changes to come for those that they have already.
    Keydesk has to be stopped.
    """
    with sole_desk(settings.KEYDESK.data_dir):
        require_matching_database()
        refuse_other_desks()
        if not yes:
            typer.confirm(
                f"The database stands at revision {feed_head().revision}, and every host will load all of its rows "
                "anew. Was it restored, and is it to go on from there?",
                abort=True,
            )
        epoch = begin_history(HOST_OPERATOR)
        while enter_events():
            pass  # so that the trail says at once why checkpoints of what is gone do not fit
    typer.echo(f"The new history is {epoch}. Replicas load it as soon as Keydesk runs.")
    typer.echo(
        "They go on refusing every key that they know as revoked, and the replicator's log names each that the "
        "database still calls active: revoke it once more. Keys made since the backup are gone."
    )
    typer.echo("Next: keydesk doctor, and start Keydesk.")
