"""Opening accounts and moving them through their life."""

from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.names import is_name
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import lock_account, managers_of
from keydesk.control.accounts.rules import NAME_LENGTH, NEEDS_REASON, can_become, is_username
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.feed.actions import publish
from keydesk.control.outbox.actions import post_to_all
from keydesk.control.outbox.kinds import MailKind
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus

MAILS: Final = {
    AccountStatus.WAITING_FOR_APPROVAL: {
        AccountStatus.APPROVED: MailKind.ACCOUNT_APPROVED,
        AccountStatus.NEED_REVISION: MailKind.ACCOUNT_NEEDS_REVISION,
        AccountStatus.REJECTED: MailKind.ACCOUNT_REJECTED,
    },
    AccountStatus.NEED_REVISION: {AccountStatus.REJECTED: MailKind.ACCOUNT_REJECTED},
}
"""What the account's people are told when it goes from one status to another."""


def create_account(actor: Actor, *, username: str, name: str) -> Account:
    """Open an account as a draft and give it.

    Raises Refused: `permission_denied`; `invalid_input` for a username that is not one or is taken, or for the name.
    """
    authorise(actor, Permission.ACCOUNT_CREATE)
    if not is_username(username):
        raise Refused(Code.INVALID_INPUT, field="username", reason="invalid")
    if not is_name(name.strip(), longest=NAME_LENGTH):
        raise Refused(Code.INVALID_INPUT, field="name", reason="invalid")
    now = timezone.now()
    account = Account(username=username, name=name.strip(), created_at=now, status_changed_at=now)
    try:
        with transaction.atomic():
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

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if the account cannot go there from where it is;
    `invalid_input` where the status needs a reason.
    """
    authorise(actor, Permission.ACCOUNT_SET_STATUS, account_id=account_id, object_id=account_id)
    if status in NEEDS_REASON and not reason.strip():
        raise Refused(Code.INVALID_INPUT, field="reason", reason="empty")
    with transaction.atomic():
        account = lock_account(account_id)
        if not can_become(account.status, status):
            raise Refused(Code.STATE_CONFLICT, state=account.status)
        before, account.status = account.status, str(status)
        account.status_reason = reason.strip()
        account.status_changed_at = timezone.now()
        record(
            actor,
            Event.ACCOUNT_STATUS_CHANGED,
            account_id=account_id,
            object_id=account_id,
            details={"from": before, "to": account.status, "reason": account.status_reason},
        )
        if kind := MAILS.get(AccountStatus(before), {}).get(status):
            context = {"company": account.name, "username": account.username}
            if kind is not MailKind.ACCOUNT_APPROVED:
                context["reason"] = account.status_reason
            post_to_all(managers_of(account), kind, context=context)
        return publish(account)
