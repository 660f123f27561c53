"""Beginning and ending a viewing; both stand in the account's own trail, where its people can find them."""

from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.reasons import reason_given
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.viewings.models import Viewing
from keydesk.control.viewings.rules import LONGEST_SECONDS
from keydesk.core.clock import system_clock
from keydesk.core.codes import Code


def start_viewing(actor: Actor, *, account_id: str, reason: str) -> Viewing:
    """Let a person of the internal team look at the account's pages in this session, for half an hour at most.

    Raises Refused: `permission_denied`; `invalid_input` without a reason, or outside of a session; `not_found`.
    """
    permission = Permission.ACCOUNT_VIEW_AS
    authorise(actor, permission, account_id=account_id, object_id=account_id)
    why = reason_given(reason)
    if actor.user_id is None or actor.session is None:
        raise Refused(Code.INVALID_INPUT, field="session", reason="empty")
    with authorised_transaction(actor, permission, account_id=account_id, object_id=account_id):
        now = int(system_clock())
        viewing = Viewing.objects.create(
            user_id=actor.user_id,
            account_id=account_id,
            session_ref=actor.session,
            reason=why,
            started_at=now,
            ends_at=now + LONGEST_SECONDS,
        )
        record(
            actor,
            Event.VIEWING_STARTED,
            account_id=account_id,
            object_id=viewing.id,
            details={"reason": viewing.reason, "ends_at": viewing.ends.isoformat()},
        )
        return viewing


def end_viewing(actor: Actor, *, account_id: str) -> None:
    """End this person's viewings of the account; one that has run out ends as well.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if there is none.
    """
    permission = Permission.ACCOUNT_VIEW_AS
    authorise(actor, permission, account_id=account_id, object_id=account_id)
    with authorised_transaction(actor, permission, account_id=account_id, object_id=account_id):
        running = Viewing.objects.filter(account_id=account_id, ended_at=None).filter(
            user=actor.user_id
        )
        if not running.update(ended_at=timezone.now()):
            raise Refused(Code.STATE_CONFLICT)
        record(actor, Event.VIEWING_ENDED, account_id=account_id, object_id=account_id)
