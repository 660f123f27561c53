"""Finding invitations: those that an account has sent and waits for, and the one behind a link."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils import timezone

from keydesk.control.access.roles import (
    MEMBER_PERMISSIONS,
    STAFF_PERMISSIONS,
    Permission,
    Role,
    StaffRole,
    permission_over,
)
from keydesk.control.access.tokens import digest_of
from keydesk.control.accounts.models import Account
from keydesk.control.invitations.models import Invitation
from keydesk.control.invitations.rules import InvitationState, is_over
from keydesk.control.people.models import Membership, User
from keydesk.control.people.rules import plain_email


def open_invitations(account: Account) -> QuerySet[Invitation]:
    """Give the account's open invitations with who sent them, those that are over in time as well, by address."""
    sent = Invitation.objects.filter(account=account, state=str(InvitationState.OPEN))
    return sent.select_related("invited_by").order_by("email")


def invitation_of(account: Account, invitation_id: str) -> Invitation | None:
    """Give the account's invitation of this id, whatever became of it."""
    return Invitation.objects.filter(account=account, pk=invitation_id).first()


def open_invitation_for(account: Account, email: str) -> Invitation | None:
    """Give the account's open invitation of this address, in whatever way it is written."""
    return open_invitations(account).filter(email=plain_email(email)).first()


def invitation_behind(token: str) -> Invitation | None:
    """Give the invitation that can be accepted with this link's token, None if there is none any more.

    A link is dead once its invitation was accepted, withdrawn or sent again, when its time is over, and when whoever
    sent it may not invite to the role any more.
    """
    found = (
        Invitation.objects.select_related("account", "invited_by")
        .filter(digest=digest_of(token), state=str(InvitationState.OPEN))
        .first()
    )
    if found is None or is_over(found.expires_at, now=timezone.now()) or not is_backed(found):
        return None
    return found


def is_backed(invitation: Invitation) -> bool:
    """Say whether whoever sent the invitation may still invite to its role; the host operator always may."""
    return not lapsed_among([invitation])


def lapsed_among(invitations: Iterable[Invitation]) -> set[str]:
    """Give the ids of those invitations of one account whose sender may not invite to their role any more."""
    sent = [invitation for invitation in invitations if invitation.invited_by is not None]
    if not sent:
        return set()
    roles = dict(
        Membership.objects.filter(
            account_id=sent[0].account_id,
            user_id__in={invitation.invited_by_id for invitation in sent},
            is_active=True,
        ).values_list("user_id", "role")
    )
    return {
        invitation.id
        for invitation in sent
        if permission_over(str(invitation.role))
        not in permissions_of(invitation.invited_by, roles.get(invitation.invited_by_id or 0))
    }


def permissions_of(sender: User | None, role: str | None) -> frozenset[Permission]:
    """Give what a sender may do now: by their role in the account, and in the internal team."""
    if sender is None or not sender.is_active:
        return frozenset()
    as_member = MEMBER_PERMISSIONS[Role(role)] if role else frozenset()
    as_staff = STAFF_PERMISSIONS[StaffRole(sender.staff_role)] if sender.staff_role else frozenset()
    return as_member | as_staff


def has_log_in(invitation: Invitation) -> bool:
    """Say whether the invited address has a log-in, which only whoever holds the link may learn."""
    return User.objects.filter(email=invitation.email).exists()
