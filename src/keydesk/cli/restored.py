"""`keydesk restored`: a new history for a database that went back in time, in which nothing that was ended works."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer
from django.conf import settings

from keydesk.cli.apps import new_app
from keydesk.cli.replicate import source_at
from keydesk.cli.restored_report import moment_of, tell_findings
from keydesk.config import Secret
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.chain.actions import enter_events
from keydesk.control.feed.queries import feed_head
from keydesk.control.histories.actions import (
    BegunHistory,
    UnprovedRevocations,
    begin_history,
)
from keydesk.replica.journal import (
    Journal,
    NoJournal,
    journal_of_relay,
    journal_of_replica,
)
from keydesk.replica.layout import Head
from keydesk.server.desk import refuse_other_desks, require_matching_database
from keydesk.server.faults import OperatorFault
from keydesk.server.start import sole_desk

CURE: Final = (
    "Without a replica that is later than the backup nobody knows which keys were revoked since, and every one of "
    "them would work again. Give --replica and the folder of one that was copied from any host that verifies, or "
    "--from and the address of a relay. If there is none left, --accept-resurrection goes on all the same: keys that "
    "were revoked since the backup then work again, and so does what was suspended or stopped."
)
AGAIN: Final = (
    "Nothing has changed: run it again, or with another replica. Only a replica that cannot be opened at all counts as "
    "none."
)
PROOF: Final = (
    "Nothing has changed. Another host's replica may prove it: give --replica or --from. --accept-resurrection goes "
    "on all the same: what was not proved then works again, and is listed, so that you can revoke it."
)

Replica = Annotated[
    Path | None, typer.Option(help="The folder of a copied replica, in place of this host's own.")
]
Relay = Annotated[
    str | None, typer.Option("--from", help="The address of a relay, in place of a replica.")
]
CredentialFile = Annotated[
    Path | None,
    typer.Option(help="For --from: a file with a service credential of the scope `replicate`."),
]
CaFile = Annotated[
    Path | None,
    typer.Option(help="For --from: certificates (PEM) to trust in place of the system's."),
]
Accepted = Annotated[
    bool,
    typer.Option(
        "--accept-resurrection",
        help="Go on although nobody knows which keys were revoked since the backup: they work again.",
    ),
]

app = new_app()


@app.command()
def restored(  # noqa: PLR0913 - each is an option of the command
    *,
    replica: Replica = None,
    relay: Relay = None,
    credential_file: CredentialFile = None,
    ca_file: CaFile = None,
    accept_resurrection: Accepted = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Begin a new history, after a backup was restored and before Keydesk starts on it.

    Replicas then load everything afresh. Without it they take the changes to come for those that they have already.
    What a replica knows to have been revoked, suspended or stopped since the backup is so again with it, and whatever
    else it knows otherwise is listed. Keydesk has to be stopped.
    """
    if replica and relay:
        raise OperatorFault("Give --replica or --from, and run it again for the other.")
    opened = opened_journal(replica, relay, credential_file, ca_file)
    with sole_desk(settings.KEYDESK.data_dir):
        require_matching_database()
        refuse_other_desks()
        if not yes:
            confirm()  # before anything is opened, as a relay does not wait for an answer
        try:
            begin(opened, accept_resurrection=accept_resurrection)
        except NoJournal as error:
            raise OperatorFault(f"{error} {AGAIN if accept_resurrection else CURE}") from error
        except UnprovedRevocations as error:
            raise OperatorFault(f"{error} {PROOF}") from error


def opened_journal(
    replica: Path | None, relay: str | None, credential_file: Path | None, ca_file: Path | None
) -> AbstractContextManager[Journal]:
    """Give what opens the replica that is to be asked; raises OperatorFault if it cannot be as it was named."""
    config = settings.KEYDESK
    row_mac_key = config.require_secret(Secret.ROW_MAC_KEY)
    if relay is None:
        return journal_of_replica(replica or config.replica_dir, row_mac_key=row_mac_key)
    if credential_file is None:
        raise OperatorFault("--from needs --credential-file, as `keydesk replicate` does.")
    return journal_of_relay(source_at(relay, credential_file, ca_file), row_mac_key=row_mac_key)


def require_later(journal: Journal) -> None:
    """Raise NoJournal unless the replica knows all that the database knew when it was backed up."""
    found = feed_head()
    if not journal.reaches(Head(found.epoch, found.revision, found.heartbeat_at)):
        raise NoJournal(f"The replica stands at {stand_of(journal)}, and the backup is later.")


def confirm() -> None:
    """Ask the operator whether the database was restored; ends the command if not."""
    typer.confirm(
        f"The database stands at revision {feed_head().revision}, and every host will load all of its rows anew. Was "
        "the database restored, and is it to go on from there?",
        abort=True,
    )


def begin(opened: AbstractContextManager[Journal], *, accept_resurrection: bool) -> None:
    """Begin the new history with what a replica proves, and say what came of it.

    Raises NoJournal and UnprovedRevocations as `begin_history`. What may be resurrected needs no replica, but one that
    could be opened has to be read to its end.
    """
    with ExitStack() as reading:
        try:
            journal = reading.enter_context(opened)
        except NoJournal as error:
            if not accept_resurrection:
                raise
            typer.echo(str(error))
            journal = None
        if journal and not accept_resurrection:
            require_later(journal)
        begun = begin_history(HOST_OPERATOR, journal=journal, accepts_unproved=accept_resurrection)
    tell(begun, journal)


def tell(begun: BegunHistory, journal: Journal | None) -> None:
    """Say what came of the new history, and what is next."""
    while enter_events():
        pass  # so that the trail says at once why checkpoints of what is gone do not fit
    typer.echo(f"The new history is {begun.epoch}. Replicas load it as soon as Keydesk runs.")
    if journal is None:
        typer.echo(
            "Keys that were revoked since the backup work again: revoke each that you know of."
        )
    else:
        tell_findings(begun, until=stand_of(journal))
    typer.echo("Next: keydesk doctor, and start Keydesk.")


def stand_of(journal: Journal) -> str:
    """Give where a replica stands, and the moment up to which it knows everything."""
    at = journal.confirmed_at
    moment = "at a moment that nobody knows" if at is None else moment_of(int(at))
    return f"revision {journal.head.revision}, confirmed {moment}"
