"""Finding accounts."""

from django.db.models import QuerySet

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.accounts.models import Account
from keydesk.control.outbox.actions import Reader
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


def managers_of(account: Account) -> list[Reader]:
    """Give whoever reads mail about the account: its Superadmins and Admins who can log in."""
    return _readers(account, Role.SUPERADMIN, Role.ADMIN)


def superadmins_of(account: Account) -> list[Reader]:
    """Give whoever reads mail about what was done with the account's keys."""
    return _readers(account, Role.SUPERADMIN)


def _readers(account: Account, *roles: Role) -> list[Reader]:
    """Give the members in these roles as readers of mail; the table of members belongs to a domain above this one."""
    members = account.memberships.filter(
        role__in=list(map(str, roles)), is_active=True, user__is_active=True
    )
    found = members.order_by("user_id").values_list("user__email", "user__language")
    return [Reader(email, language) for email, language in found]
