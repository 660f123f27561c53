"""Finding accounts."""

from django.db.models import QuerySet

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.models import Account
from keydesk.core.codes import Code


def lock_account(account_id: str) -> Account:
    """Give the account, locked until the transaction ends; raises Refused(`not_found`).

    The lock leaves the id alone (`no_key`), so that others can insert rows that name the account: they may hold the
    feed's lock, which this transaction will want next.
    """
    account = Account.objects.select_for_update(no_key=True).filter(pk=account_id).first()
    if account is None:
        raise Refused(Code.NOT_FOUND)
    return account


def account_by_username(username: str) -> Account | None:
    """Give the account with this username."""
    return Account.objects.filter(username=username).first()


def accounts_by_username() -> QuerySet[Account]:
    """Give all accounts."""
    return Account.objects.order_by("username")
