"""Inviting people into an account, and accepting: the link's token is in the mail alone, here is its digest."""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from msgspec import Struct
from msgspec.structs import replace

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role, permission_over
from keydesk.control.access.standing import require_still
from keydesk.control.access.tokens import digest_of, new_token
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import lock_account
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.invitations.models import Invitation
from keydesk.control.invitations.queries import (
    has_log_in,
    invitation_behind,
    open_invitations,
)
from keydesk.control.invitations.rules import LIFETIME, OPEN_AT_MOST, InvitationState, link_of
from keydesk.control.outbox.actions import post
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.people.actions import person_to_be, require_address
from keydesk.control.people.models import Membership, User
from keydesk.control.policies.queries import current_policies
from keydesk.core.codes import Code


class SentInvitation(Struct, frozen=True, kw_only=True):
    """An invitation that was just sent, with its link: for the command line of a desk that sends no mail yet."""

    id: str
    email: str
    url: str

    def __repr__(self) -> str:
        """Name the invitation without its link, so that no log and no traceback holds it."""
        return f"<SentInvitation {self.id}>"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Name it without the link here too."""
        return [("id", self.id)]


def invite_member(actor: Actor, *, account_id: str, email: str, role: Role) -> SentInvitation:
    """Offer a role in the account to an address, by mail, for seven days.

    Whether the address has a log-in makes no difference to whoever asks. Raises Refused: `permission_denied`, also to
    an Admin who invites a Superadmin; `invalid_input` for an address that is none, is a member's (`member`) or has an
    open invitation (`invited`); `state_conflict` (`too_many`) beyond a hundred open ones.
    """
    authorise(actor, Permission.MEMBER_EDIT, account_id=account_id)
    address = require_address(email)
    with authorised_transaction(
        actor, Permission.MEMBER_EDIT, account_id=account_id, object_id=""
    ) as account:
        require_still(actor, permission_over(role))
        _require_room(account, address)
        invitation = Invitation(
            account=account, email=address, role=str(role), created_at=timezone.now()
        )
        return _send(actor, invitation, Event.INVITATION_SENT)


def resend_invitation(actor: Actor, *, account_id: str, invitation_id: str) -> SentInvitation:
    """Send an open invitation once more, with a new link for seven more days; the link before is dead at once.

    Raises Refused: `permission_denied`, also to an Admin over one for a Superadmin; `not_found`; `state_conflict` if
    it is open no longer.
    """
    permission = Permission.MEMBER_EDIT
    authorise(actor, permission, account_id=account_id, object_id=invitation_id)
    with authorised_transaction(
        actor, permission, account_id=account_id, object_id=invitation_id
    ) as account:
        invitation = _open_in(actor, account, invitation_id)
        return _send(actor, invitation, Event.INVITATION_RESENT)


def withdraw_invitation(actor: Actor, *, account_id: str, invitation_id: str) -> None:
    """Take an open invitation back; its link is dead at once.

    Raises Refused: `permission_denied`, also to an Admin over one for a Superadmin; `not_found`; `state_conflict` if
    it is open no longer.
    """
    permission = Permission.MEMBER_EDIT
    authorise(actor, permission, account_id=account_id, object_id=invitation_id)
    with authorised_transaction(
        actor, permission, account_id=account_id, object_id=invitation_id
    ) as account:
        invitation = _open_in(actor, account, invitation_id)
        invitation.state, invitation.closed_at = InvitationState.WITHDRAWN, timezone.now()
        invitation.save()
        _record(actor, Event.INVITATION_WITHDRAWN, invitation)


def accept_invitation(
    actor: Actor, *, token: str, full_name: str = "", password: str = "", language: str = ""
) -> Membership:
    """Become a member with the token of a link: as who is logged in, or as somebody new with a name and a password.

    It takes no permission, the token is the right to it; whoever reads the mail of the address may log in with it.
    Raises Refused: `not_found` for a link that is dead; `state_conflict` for somebody else than was invited
    (`other_person`), for an address that has a log-in and is not logged in (`log_in_first`), and for a member
    (`member`); `invalid_input` for the name or the password.
    """
    invitation = invitation_behind(token)
    if invitation is None:
        raise Refused(Code.NOT_FOUND)
    is_new = actor.user_id is None
    user = (
        _newcomer(invitation, full_name=full_name, password=password, language=language)
        if is_new
        else _invited_person(actor, invitation)
    )
    try:
        with transaction.atomic():
            lock_account(invitation.account_id)
            if is_new:
                user.save()
            membership = _let_in(user, token)
            themselves = replace(actor, user_id=user.pk, label=user.email)
            _record(themselves, Event.INVITATION_ACCEPTED, invitation, is_new=is_new)
    except IntegrityError as error:
        raise Refused(Code.STATE_CONFLICT, reason="log_in_first" if is_new else "member") from error
    return membership


def _require_room(account: Account, address: str) -> None:
    """Raise Refused unless the address may be invited; under the account's lock, so that it stays so."""
    if Membership.objects.filter(account=account, user__email=address).exists():
        raise Refused(Code.INVALID_INPUT, field="email", reason="member")
    waiting = open_invitations(account)
    if waiting.filter(email=address).exists():
        raise Refused(Code.INVALID_INPUT, field="email", reason="invited")
    if waiting.count() >= OPEN_AT_MOST:
        raise Refused(Code.STATE_CONFLICT, reason="too_many")


def _open_in(actor: Actor, account: Account, invitation_id: str) -> Invitation:
    """Give the open invitation, its row locked, if the actor may decide about one to its role."""
    rows = Invitation.objects.select_for_update(of=("self",), no_key=True)
    invitation = rows.filter(account=account, pk=invitation_id).first()
    if invitation is None:
        raise Refused(Code.NOT_FOUND)
    require_still(actor, permission_over(str(invitation.role)))
    if invitation.state != InvitationState.OPEN:
        raise Refused(Code.STATE_CONFLICT, state=invitation.state)
    return invitation


def _send(actor: Actor, invitation: Invitation, event: Event) -> SentInvitation:
    """Save the invitation with a new token and queue its mail, in the caller's transaction."""
    token, now = new_token(), timezone.now()
    invitation.digest = digest_of(token)
    invitation.invited_by_id = actor.user_id
    invitation.sent_at, invitation.expires_at = now, now + LIFETIME
    invitation.save()
    _record(actor, event, invitation)
    url = link_of(settings.KEYDESK.desk_url, token)
    known = User.objects.filter(email__in=[invitation.email, actor.label]).order_by()
    languages = dict(known.values_list("email", "language"))
    post(
        MailKind.INVITATION,
        to=invitation.email,
        language=languages.get(invitation.email) or languages.get(actor.label) or "",
        context={
            "company": invitation.account.name,
            "role": str(invitation.role),
            "invited_by": _name_of(actor),
            "url": url,
        },
    )
    return SentInvitation(id=invitation.id, email=invitation.email, url=url)


def _name_of(actor: Actor) -> str:
    """Give who invites, as the mail says it; the host operator is the provider."""
    names = User.objects.filter(pk=actor.user_id or 0).values_list("full_name", flat=True)
    return names.first() or current_policies().brand


def _newcomer(invitation: Invitation, *, full_name: str, password: str, language: str) -> User:
    """Give the person to be of an invited address that has no log-in, not saved yet."""
    if has_log_in(invitation):
        raise Refused(Code.STATE_CONFLICT, reason="log_in_first")
    return person_to_be(
        email=invitation.email, full_name=full_name, password=password, language=language
    )


def _invited_person(actor: Actor, invitation: Invitation) -> User:
    """Give who is logged in, if it is who was invited."""
    user = User.objects.filter(pk=actor.user_id or 0, is_active=True).first()
    if user is None or user.email != invitation.email:
        raise Refused(Code.STATE_CONFLICT, reason="other_person")
    return user


def _let_in(user: User, token: str) -> Membership:
    """Use up the invitation and make its member, under the account's lock; of two at once the second finds it used."""
    invitation = invitation_behind(token)
    if invitation is None:
        raise Refused(Code.NOT_FOUND)
    membership = Membership.objects.create(
        account=invitation.account, user=user, role=str(invitation.role)
    )
    used = Invitation.objects.filter(pk=invitation.pk, state=str(InvitationState.OPEN)).update(
        state=str(InvitationState.ACCEPTED), closed_at=timezone.now(), accepted_by=user
    )
    if used != 1:
        raise Refused(Code.NOT_FOUND)
    return membership


def _record(actor: Actor, event: Event, invitation: Invitation, **more: bool) -> None:
    record(
        actor,
        event,
        account_id=invitation.account_id,
        object_id=invitation.id,
        details={"email": invitation.email, "role": str(invitation.role), **more},
    )
