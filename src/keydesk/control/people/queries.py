"""Who somebody is: their memberships, and the actor they are in one request."""

from django.db.models import QuerySet

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.prefixes import beginning_with
from keydesk.control.people.models import Membership, User
from keydesk.control.people.rules import plain_email


def memberships_of(user: User) -> QuerySet[Membership]:
    """Give the user's memberships with their accounts, by the account's name."""
    return user.memberships.select_related("account").order_by("account__name", "account_id")


def members_of(account: Account) -> QuerySet[Membership]:
    """Give the account's memberships with their users, by address."""
    return account.memberships.select_related("user").order_by("user__email")


def staff_by_email() -> QuerySet[User]:
    """Give the people of the internal team, by address."""
    return User.objects.filter(staff_role__isnull=False).order_by("email")


def user_by_email(email: str) -> User | None:
    """Give the person with this address, in whatever case it is written."""
    return User.objects.filter(email=plain_email(email)).first()


def actor_for(
    user: User,
    account: Account | None,
    *,
    session_ref: str | None = None,
    ip: str | None = None,
    request_id: str | None = None,
) -> Actor | None:
    """Give the actor that a logged-in user is: a member of the account, or staff where no account is given.

    The role is read anew, so a change of it counts from the next request on. Gives None for anybody else.
    """
    if not user.is_active:
        return None
    role = None
    if account is not None:
        membership = Membership.objects.filter(user=user, account=account).first()
        if membership is None:
            return None
        role = Role(membership.role)
    elif not user.is_internal:
        return None
    return Actor(
        kind=ActorKind.STAFF if account is None else ActorKind.MEMBER,
        label=user.email,
        user_id=user.pk,
        account_id=None if account is None else account.id,
        role=role,
        staff_role=StaffRole(user.staff_role) if account is None and user.staff_role else None,
        session=session_ref,
        ip=ip,
        request_id=request_id,
    )


def people_found(text: str) -> list[QuerySet[User]]:
    """Give the people whose address or name begins with the text, one query for each index that serves it."""
    people = User.objects.prefetch_related("memberships__account")
    return [
        beginning_with(people, "email", plain_email(text)),
        beginning_with(people, "full_name", text.lower(), is_lowered=True),
    ]
