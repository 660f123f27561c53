"""Opening accounts and moving them through their life."""

from django.db import IntegrityError
from django.utils import timezone

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.names import is_name
from keydesk.control.access.reasons import reason_given
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.moves import move
from keydesk.control.accounts.rules import (
    DECIDED_IN_ONBOARDING,
    NAME_LENGTH,
    NEEDS_REASON,
    is_username,
)
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.feed.actions import publish
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus


def create_account(actor: Actor, *, username: str, name: str) -> Account:
    """Open an account as a draft and give it.

    Raises Refused: `permission_denied`; `invalid_input` for a username that is not one or is taken, or for the name.
    """
    permission = Permission.ACCOUNT_CREATE
    authorise(actor, permission)
    if not is_username(username):
        raise Refused(Code.INVALID_INPUT, field="username", reason="invalid")
    if not is_name(name.strip(), longest=NAME_LENGTH):
        raise Refused(Code.INVALID_INPUT, field="name", reason="invalid")
    now = timezone.now()
    account = Account(username=username, name=name.strip(), created_at=now, status_changed_at=now)
    try:
        with audited_transaction(actor, permission):
            require_still(actor, permission)
            record(
                actor,
                Event.ACCOUNT_CREATED,
                account_id=account.id,
                object_id=account.id,
                details={"username": username},
            )
            publish(account)
    except IntegrityError as error:
        raise Refused(Code.INVALID_INPUT, field="username", reason="taken") from error
    return account


def set_account_status(
    actor: Actor, *, account_id: str, status: AccountStatus, reason: str = ""
) -> int:
    """Move an account to another status, with the reason its people read, and give the revision.

    An application is decided on in `onboarding`, by whoever has claimed it; past that only the host operator goes.
    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if the account cannot go there from where it is;
    `invalid_input` where the status needs a reason, or for too long a one.
    """
    permission = Permission.ACCOUNT_SET_STATUS
    authorise(actor, permission, account_id=account_id, object_id=account_id)
    why = reason_given(reason, is_needed=status in NEEDS_REASON)
    with authorised_transaction(
        actor, permission, account_id=account_id, object_id=account_id
    ) as account:
        if actor.kind is not ActorKind.HOST and {account.status, status} & DECIDED_IN_ONBOARDING:
            raise Refused(Code.STATE_CONFLICT, state=account.status)
        details = move(account, status, reason=why)
        record(
            actor,
            Event.ACCOUNT_STATUS_CHANGED,
            account_id=account_id,
            object_id=account_id,
            details=details,
        )
        return publish(account)
