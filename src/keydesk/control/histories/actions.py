"""Beginning a new history."""

import secrets
from collections.abc import Iterator

from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.chain.queries import chain_head
from keydesk.control.feed.models import FeedHead
from keydesk.control.histories.carrying import carry_over
from keydesk.control.histories.rules import Finding
from keydesk.core.records import Record
from keydesk.replica.batch import Suspect
from keydesk.replica.journal import Journal


class BegunHistory(Struct, frozen=True):
    """A new history, and what a replica knew that the database did not."""

    epoch: str
    findings: list[Finding]
    suspects: list[Suspect]
    """Rows of the replica that were not believed."""


def begin_history(actor: Actor, *, journal: Journal | None = None) -> BegunHistory:
    """Give the feed an epoch that was never used, so that replicas load everything afresh.

    It is for a restored database, before anything else changes in it: revisions to come would otherwise be taken for
    those that replicas hold already. In the same transaction, what a replica proves to have been ended since the
    backup is ended again, each with its own event. That of the history says how long the audit trail's chain was,
    which explains the checkpoints of what is gone. Refused: `permission_denied`. Raises NoJournal if the replica
    proves nothing; then nothing has changed.
    """
    permission = Permission.INSTALLATION_EDIT
    authorise(actor, permission)
    with audited_transaction(actor, permission):
        head = FeedHead.objects.select_for_update().get()
        require_still(actor, permission)
        suspects: list[Suspect] = []
        findings = carry_over(actor, believed(journal, suspects))
        head.refresh_from_db()
        before, head.epoch = head.epoch, secrets.token_hex(16)
        head.save(update_fields=["epoch"])
        details = {
            "before": before,
            "revision": head.revision,
            "entries": chain_head().number,
            "known_from": stand_of(journal),
        }
        record(actor, Event.HISTORY_BEGUN, object_id=head.epoch, details=details)
        return BegunHistory(head.epoch, findings, suspects)


def believed(journal: Journal | None, suspects: list[Suspect]) -> Iterator[Record]:
    """Give the records that a replica proves, and add the rows that it does not prove to the suspects."""
    for row in () if journal is None else journal.rows:
        if isinstance(row, Suspect):
            suspects.append(row)
        else:
            yield row.record


def stand_of(journal: Journal | None) -> str | None:
    """Give the words for where a replica stood; None without one, when keys revoked since the backup may work again."""
    if journal is None:
        return None
    return f"revision {journal.head.revision} of {journal.head.epoch}"
