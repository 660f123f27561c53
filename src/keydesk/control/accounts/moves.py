"""Moving an account to another status: what every action that does so shares, the mail to its people included."""

from typing import Any, Final

from django.utils import timezone

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import managers_of
from keydesk.control.accounts.rules import can_become
from keydesk.control.outbox.actions import post_to_all
from keydesk.control.outbox.kinds import MailKind
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus

MAILS: Final = {
    (AccountStatus.WAITING_FOR_APPROVAL, AccountStatus.APPROVED): MailKind.ACCOUNT_APPROVED,
    (
        AccountStatus.WAITING_FOR_APPROVAL,
        AccountStatus.NEED_REVISION,
    ): MailKind.ACCOUNT_NEEDS_REVISION,
    (AccountStatus.WAITING_FOR_APPROVAL, AccountStatus.REJECTED): MailKind.ACCOUNT_REJECTED,
    (AccountStatus.NEED_REVISION, AccountStatus.REJECTED): MailKind.ACCOUNT_REJECTED,
}
"""The mail about each move that the account's people should hear of."""
WITH_REASON: Final = frozenset({MailKind.ACCOUNT_NEEDS_REVISION, MailKind.ACCOUNT_REJECTED})


def move(account: Account, status: AccountStatus, *, reason: str = "") -> dict[str, Any]:
    """Give a locked account its new status, not saved yet, post the mail about it, and give the event's details.

    The caller records its one event and publishes the account. Raises Refused(`state_conflict`) if the account cannot
    go there from where it is.
    """
    if not can_become(account.status, status):
        raise Refused(Code.STATE_CONFLICT, state=account.status)
    before = AccountStatus(account.status)
    account.status, account.status_reason = str(status), reason
    account.status_changed_at = timezone.now()
    kind = MAILS.get((before, status))
    if kind is not None:
        post_to_managers(account, kind, {"reason": reason} if kind in WITH_REASON else {})
    return {"from": str(before), "to": account.status, "reason": reason}


def post_to_managers(account: Account, kind: MailKind, more: dict[str, Any] | None = None) -> None:
    """Post a mail to each Superadmin and Admin of the account, in the language of each."""
    context = {"company": account.name, "username": account.username, **(more or {})}
    post_to_all(managers_of(account), kind, context=context)
