"""Who somebody is: their memberships, and the actor they are in one request."""

from collections.abc import Iterable
from typing import Final

from django.db.models import CharField, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.prefixes import beginning_with
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.people.models import Membership, User
from keydesk.control.people.rules import PERSON, plain_email
from keydesk.core.codes import Code

PRIVILEGED: Final = (Role.SUPERADMIN, Role.ADMIN)


def memberships_of(user: User, *, search: str = "") -> QuerySet[Membership]:
    """Give the user's memberships that are active, with their accounts, by the account's name; those with the text."""
    active = user.memberships.filter(is_active=True).select_related("account")
    if search:
        active = active.filter(
            Q(account__name__icontains=search) | Q(account__username__contains=search.lower())
        )
    return active.order_by("account__name", "account_id")


def home_of(user: User) -> Membership | None:
    """Give the membership of the account that the user was in last, else of the first one; None without any."""
    return (
        memberships_of(user)
        .order_by(F("used_at").desc(nulls_last=True), "account__name", "account_id")
        .first()
    )


def members_of(account: Account, *, search: str = "") -> QuerySet[Membership]:
    """Give the account's memberships with their users, by address; only where name or address has the text."""
    members = account.memberships.select_related("user").order_by("user__email")
    if search:
        found = Q(user__full_name__icontains=search) | Q(user__email__contains=plain_email(search))
        members = members.filter(found)
    return members


def with_last_sign_in(members: QuerySet[Membership]) -> QuerySet[Membership]:
    """Add `last_sign_in`, when the audit trail has each member come in last; read by its index on objects."""
    starts = AuditEvent.objects.filter(
        event=str(Event.SESSION_STARTED),
        object_id=Concat(Value(PERSON), Cast(OuterRef("user_id"), CharField())),
    )
    return members.annotate(last_sign_in=Subquery(starts.order_by("-seq").values("at")[:1]))


def member_of(account: Account, user_id: int) -> Membership | None:
    """Give the account's membership of this user."""
    return account.memberships.select_related("user").filter(user_id=user_id).first()


def full_names(user_ids: Iterable[int]) -> dict[int, str]:
    """Give people's names by id."""
    return dict(User.objects.filter(pk__in=user_ids).values_list("pk", "full_name"))


def is_privileged(user: User) -> bool:
    """Say whether a person may see keys in any account, or is of the internal team."""
    return user.is_internal or user.memberships.filter(role__in=PRIVILEGED).exists()


def staff_by_email() -> QuerySet[User]:
    """Give the people of the internal team, by address."""
    return User.objects.filter(staff_role__isnull=False).order_by("email")


def lock_person(actor: Actor) -> User:
    """Give the person who acts, locked, so that what they change about themselves changes one after the other.

    Raises Refused(`permission_denied`) for an actor who is no person.
    """
    if actor.user_id is None:
        raise Refused(Code.PERMISSION_DENIED)
    return User.objects.select_for_update().get(pk=actor.user_id)


def user_by_email(email: str) -> User | None:
    """Give the person with this address, in whatever case it is written."""
    return User.objects.filter(email=plain_email(email)).first()


def actor_for(
    user: User,
    account: Account | None,
    *,
    session: str | None = None,
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
        membership = Membership.objects.filter(user=user, account=account, is_active=True).first()
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
        session=session,
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
