"""Beginning a new history."""

import secrets

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.feed.models import FeedHead


def begin_history(actor: Actor) -> str:
    """Give the feed an epoch that was never used, and give it; replicas then load everything afresh.

    It is for a restored database, before anything else changes in it: revisions to come would otherwise be taken for
    those that replicas hold already. Refused: `permission_denied`.
    """
    permission = Permission.INSTALLATION_EDIT
    authorise(actor, permission)
    with audited_transaction(actor, permission):
        head = FeedHead.objects.select_for_update().get()
        require_still(actor, permission)
        before, head.epoch = head.epoch, secrets.token_hex(16)
        head.save(update_fields=["epoch"])
        details = {"before": before, "revision": head.revision}
        record(actor, Event.HISTORY_BEGUN, object_id=head.epoch, details=details)
        return head.epoch
