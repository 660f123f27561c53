"""Beginning a new history."""

import secrets
from collections.abc import Iterable, Iterator

from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.chain.queries import chain_head
from keydesk.control.feed.models import FeedHead
from keydesk.control.histories.carrying import batched, carry_over
from keydesk.control.histories.queries import records_by_digest
from keydesk.control.histories.rules import Finding, works
from keydesk.core.records import Record
from keydesk.replica.batch import Suspect
from keydesk.replica.journal import Journal


class BegunHistory(Struct, frozen=True):
    """A new history, and what a replica knew that the database did not."""

    epoch: str
    findings: list[Finding]
    suspects: list[Suspect]
    """Rows of the replica that were not believed."""


class UnprovedRevocations(Exception):  # noqa: N818 - it names a state, not a mistake
    """A replica says that what works was revoked, and does not prove it; the message says how many there are."""


def begin_history(
    actor: Actor, *, journal: Journal | None = None, accepts_unproved: bool = False
) -> BegunHistory:
    """Give the feed an epoch that was never used, so that replicas load everything afresh.

    It is for a restored database, before anything else changes in it: revisions to come would otherwise be taken for
    those that replicas hold already. In the same transaction, what a replica proves to have been ended since the
    backup is ended again, each with its own event. That of the history says how long the audit trail's chain was,
    which explains the checkpoints of what is gone. Refused: `permission_denied`. Raises NoJournal if the replica
    proves nothing, and UnprovedRevocations, unless they are accepted, if it says without a proof that what works was
    revoked; then nothing has changed.
    """
    permission = Permission.INSTALLATION_EDIT
    authorise(actor, permission)
    with audited_transaction(actor, permission):
        head = FeedHead.objects.select_for_update().get()
        require_still(actor, permission)
        suspects: list[Suspect] = []
        findings = carry_over(actor, believed(journal, suspects))
        if not accepts_unproved:
            require_proved(suspects)
        head.refresh_from_db()
        before, head.epoch = head.epoch, secrets.token_hex(16)
        head.save(update_fields=["epoch"])
        details = {
            "before": before,
            "revision": head.revision,
            "entries": chain_head().number,
            "known_from": known_from(journal),
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


def require_proved(suspects: Iterable[Suspect]) -> None:
    """Raise UnprovedRevocations if rows that are not believed say that what works was revoked."""
    now = timezone.now().timestamp()
    digests: dict[str, list[bytes]] = {}
    for suspect in suspects:
        if suspect.says_revoked and suspect.key is not None:
            digests.setdefault(suspect.kind, []).append(suspect.key)
    count = sum(
        works(record, now=now)
        for kind, all_of_kind in digests.items()
        for part in batched(all_of_kind)
        for record in records_by_digest(kind, part)
    )
    if count:
        raise UnprovedRevocations(
            f"The replica says that keys or service credentials were revoked which work in the database, {count} of "
            "them, and no MAC proves it."
        )


def known_from(journal: Journal | None) -> str | None:
    """Give the words for where a replica stood; None without one, when keys revoked since the backup may work again."""
    if journal is None:
        return None
    return f"revision {journal.head.revision} of {journal.head.epoch}"
