"""Who is of the internal team, and which links still let somebody in."""

from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import QuerySet
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, StaffRole
from keydesk.control.access.tokens import digest_of
from keydesk.control.audit.actions import authorise
from keydesk.control.people.models import User
from keydesk.control.people.queries import staff_by_email
from keydesk.control.staff.models import FirstOwnerLink, StaffInvitation
from keydesk.core.codes import Code


class Colleague(NamedTuple):
    """A person of the internal team as the list shows them."""

    id: int
    name: str
    email: str
    role: StaffRole
    is_active: bool
    invited_until: datetime | None
    """Until when their invitation works; None once they have chosen a password."""


def colleagues(actor: Actor) -> list[Colleague]:
    """Give the people of the internal team by address; raises Refused as `require` does."""
    authorise(actor, Permission.TEAM_VIEW)
    until = dict(StaffInvitation.objects.values_list("user_id", "expires_at"))
    return [_colleague(user, until.get(user.pk)) for user in staff_by_email()]


def colleague(actor: Actor, *, user_id: int) -> Colleague:
    """Give one person of the internal team; raises Refused `not_found` for anybody else."""
    authorise(actor, Permission.TEAM_VIEW)
    user = staff_by_email().filter(pk=user_id).first()
    if user is None:
        raise Refused(Code.NOT_FOUND)
    invitation = StaffInvitation.objects.filter(user=user).first()
    return _colleague(user, None if invitation is None else invitation.expires_at)


def _colleague(user: User, invited_until: datetime | None) -> Colleague:
    return Colleague(
        id=user.pk,
        name=user.full_name,
        email=user.email,
        role=StaffRole(user.staff_role or ""),
        is_active=user.is_active,
        invited_until=invited_until,
    )


def owners() -> QuerySet[User]:
    """Give the Owners who can log in: active, and with a password of their own."""
    return User.objects.filter(staff_role=StaffRole.OWNER, is_active=True).exclude(
        password__startswith=UNUSABLE_PASSWORD_PREFIX
    )


def makes_first_owner(token: str) -> bool:
    """Say whether this is the link that makes the first Owner now."""
    fitting = FirstOwnerLink.objects.filter(digest=digest_of(token), expires_at__gt=timezone.now())
    return fitting.exists() and not owners().exists()


def invited_person(token: str) -> User | None:
    """Give whom this link invites, None if it does not work or no longer."""
    invitation = (
        StaffInvitation.objects.select_related("user")
        .filter(digest=digest_of(token), expires_at__gt=timezone.now(), user__is_active=True)
        .first()
    )
    return None if invitation is None else invitation.user
