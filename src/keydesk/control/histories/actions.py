"""Beginning a new history."""

import secrets

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.chain.queries import chain_head
from keydesk.control.feed.models import FeedHead


def begin_history(actor: Actor) -> str:
    """Give the feed an epoch that was never used, and give it; replicas then load everything afresh.

    It is for a restored database, before anything else changes in it: revisions to come would otherwise be taken for
    those that replicas hold already. The event says how long the audit trail's chain was, which explains the
    checkpoints of what is gone. Refused: `permission_denied`.
    """
    permission = Permission.INSTALLATION_EDIT
    authorise(actor, permission)
    with audited_transaction(actor, permission):
        head = FeedHead.objects.select_for_update().get()
        require_still(actor, permission)
        before, head.epoch = head.epoch, secrets.token_hex(16)
        head.save(update_fields=["epoch"])
        entries = chain_head().number
        details = {"before": before, "revision": head.revision, "entries": entries}
        record(actor, Event.HISTORY_BEGUN, object_id=head.epoch, details=details)
        return head.epoch
