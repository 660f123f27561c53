"""Finding accounts."""

from django.db.models import Q, QuerySet

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.prefixes import beginning_with
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


LEGAL_FORMS = ("", "pt ", "cv ", "ud ", "koperasi ", "yayasan ")
"""What may stand before the part of a company's name that people remember."""


def accounts_found(text: str) -> list[QuerySet[Account]]:
    """Give the accounts whose username or name begins with the text, one query for each index that serves it."""
    lowered = text.lower()
    names = [
        beginning_with(Account.objects.all(), "name", form + lowered, is_lowered=True)
        for form in LEGAL_FORMS
    ]
    return [beginning_with(Account.objects.all(), "username", lowered), *names]


def accounts_by_age(
    *, status: str = "", after: str = "", is_newest_first: bool = False
) -> QuerySet[Account]:
    """Give accounts by their age, those of one status if it is given, from behind the account `after` on."""
    accounts = Account.objects.filter(status=status) if status else Account.objects.all()
    order = ("-created_at", "-id") if is_newest_first else ("created_at", "id")
    last = Account.objects.filter(pk=after).first() if after else None
    if last is not None:
        accounts = accounts.filter(_behind(last, is_newest_first=is_newest_first))
    return accounts.order_by(*order)


def _behind(last: Account, *, is_newest_first: bool) -> Q:
    at, pk = last.created_at, last.pk
    if is_newest_first:
        return Q(created_at__lte=at) & (Q(created_at__lt=at) | Q(id__lt=pk))
    return Q(created_at__gte=at) & (Q(created_at__gt=at) | Q(id__gt=pk))
