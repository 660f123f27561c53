"""Letting people into the internal team, giving and taking their roles, and making the first Owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, StaffRole
from keydesk.control.access.standing import require_still
from keydesk.control.access.tokens import digest_of, new_token
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.outbox.actions import post
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.people.actions import member_ref, require_particulars, require_password
from keydesk.control.people.models import User
from keydesk.control.people.rules import plain_email
from keydesk.control.policies.queries import current_policies
from keydesk.control.sessions.held import end_sessions_of
from keydesk.control.staff.models import FirstOwnerLink, StaffInvitation
from keydesk.control.staff.queries import owners
from keydesk.control.staff.rules import FIRST_OWNER_LINK_LASTS, INVITATION_LASTS
from keydesk.core.codes import Code

FIRST_OWNER = "first_owner"


def make_first_owner_link(actor: Actor) -> str:
    """Give the secret of a new link that makes the first Owner, for 15 minutes; an older one stops working.

    Raises Refused: `permission_denied`; `state_conflict` (reason `owner_exists`) once there is an Owner.
    """
    permission = Permission.STAFF_EDIT
    authorise(actor, permission, object_id=FIRST_OWNER)
    token = new_token()
    with audited_transaction(actor, permission, object_id=FIRST_OWNER):
        link = _locked_first_owner_link()
        require_still(actor, permission)
        if owners().exists():
            raise Refused(Code.STATE_CONFLICT, reason="owner_exists")
        link.digest, link.expires_at = digest_of(token), timezone.now() + FIRST_OWNER_LINK_LASTS
        link.save()
        record(actor, Event.FIRST_OWNER_LINK_MADE, object_id=FIRST_OWNER)
    return token


def make_first_owner(
    actor: Actor, *, token: str, email: str, full_name: str, password: str
) -> User:
    """Make the first Owner and give them; the link is the authority, and works once.

    Of two people with the link one wins, since both wait for its row. Raises Refused: `staff_link_invalid` for a
    link that is wrong, over or used, and as soon as there is an Owner; then `invalid_input` naming the field.
    """
    user = User(
        email=plain_email(email),
        full_name=full_name.strip(),
        staff_role=StaffRole.OWNER,
        email_confirmed_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            link = _locked_first_owner_link()
            _require_link(link.digest, link.expires_at, token)
            if owners().exists():
                raise Refused(Code.STAFF_LINK_INVALID)
            require_particulars(user, password)
            user.set_password(password)
            user.save()
            link.digest, link.expires_at = None, None
            link.save()
            record(
                actor,
                Event.FIRST_OWNER_MADE,
                object_id=member_ref(user.pk),
                details={"email": user.email},
            )
    except IntegrityError as error:
        raise Refused(Code.INVALID_INPUT, field="email", reason="taken") from error
    return user


def add_staff(
    actor: Actor, *, email: str, full_name: str, role: StaffRole, link_to: str, language: str = ""
) -> User:
    """Make a person of the internal team without a password, and mail them the link to choose one.

    `link_to` is the page that takes the link's secret, which is added to it. Raises Refused: `permission_denied`;
    `invalid_input` naming the field, also for an address that is taken.
    """
    authorise(actor, Permission.STAFF_EDIT, object_id=plain_email(email))
    user = User(
        email=plain_email(email), full_name=full_name.strip(), language=language, staff_role=role
    )
    require_particulars(user)
    user.set_unusable_password()
    try:
        with _staff_transaction(actor, user.email):
            user.save()
            _invite(actor, user, link_to)
            details = {"email": user.email, "role": role}
            record(actor, Event.STAFF_ADDED, object_id=member_ref(user.pk), details=details)
    except IntegrityError as error:
        raise Refused(Code.INVALID_INPUT, field="email", reason="taken") from error
    return user


def invite_staff_again(actor: Actor, *, user_id: int, link_to: str) -> None:
    """Mail a new link to somebody who has not chosen a password yet; the old one stops working.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if they have a password or are deactivated.
    """
    authorise(actor, Permission.STAFF_EDIT, object_id=member_ref(user_id))
    with _staff_transaction(actor, member_ref(user_id)):
        user = _locked_colleague(user_id)
        if user.has_usable_password() or not user.is_active:
            raise Refused(Code.STATE_CONFLICT)
        _invite(actor, user, link_to)
        record(actor, Event.STAFF_INVITED_AGAIN, object_id=member_ref(user_id))


def choose_first_password(actor: Actor, *, token: str, password: str) -> User:
    """Give the invited person the password that they have chosen; the link is the authority, and works once.

    Raises Refused: `staff_link_invalid`; `invalid_input` for a password that the policy refuses.
    """
    with transaction.atomic():
        invitation = (
            StaffInvitation.objects.select_for_update(of=("self",))
            .select_related("user")
            .filter(digest=digest_of(token), user__is_active=True)
            .first()
        )
        if invitation is None:
            raise Refused(Code.STAFF_LINK_INVALID)
        _require_link(invitation.digest, invitation.expires_at, token)
        user = invitation.user
        require_password(user, password)
        user.set_password(password)
        # The link came by mail, so the address is theirs.
        user.email_confirmed_at = timezone.now()
        user.save(update_fields=["password", "email_confirmed_at"])
        invitation.delete()
        record(actor, Event.STAFF_PASSWORD_CHOSEN, object_id=member_ref(user.pk))
    return user


def change_staff_role(actor: Actor, *, user_id: int, role: StaffRole) -> None:
    """Give a person of the internal team another role; it counts from their next request on.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` for one's own role (reason `own_role`), for the
    role that they have, or if nobody would be left who is an Owner (reason `last_owner`).
    """
    authorise(actor, Permission.STAFF_EDIT, object_id=member_ref(user_id))
    with _staff_transaction(actor, member_ref(user_id)):
        user = _locked_colleague(user_id)
        _require_somebody_else(actor, user)
        if user.staff_role == role:
            raise Refused(Code.STATE_CONFLICT, state=user.staff_role)
        _require_another_owner(user)
        before, user.staff_role = user.staff_role, str(role)
        user.save(update_fields=["staff_role"])
        details = {"from": before, "to": role}
        record(actor, Event.STAFF_ROLE_CHANGED, object_id=member_ref(user_id), details=details)
        context = {"company": current_policies().brand, "role": role, "changed_by": actor.label}
        post(MailKind.ROLE_CHANGED, to=user.email, language=user.language, context=context)


def deactivate_staff(actor: Actor, *, user_id: int) -> None:
    """Keep a person of the internal team out until they are reactivated; their sessions end with the same commit.

    Raises Refused as `change_staff_role` does, and `state_conflict` if they are deactivated already.
    """
    authorise(actor, Permission.STAFF_EDIT, object_id=member_ref(user_id))
    with _staff_transaction(actor, member_ref(user_id)):
        user = _locked_colleague(user_id)
        _require_somebody_else(actor, user)
        if not user.is_active:
            raise Refused(Code.STATE_CONFLICT)
        _require_another_owner(user)
        user.is_active = False
        user.save(update_fields=["is_active"])
        details = {"sessions": end_sessions_of(user_id)}
        record(actor, Event.STAFF_DEACTIVATED, object_id=member_ref(user_id), details=details)


def reactivate_staff(actor: Actor, *, user_id: int) -> None:
    """Let a deactivated person of the internal team in again, in the role that they had.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if they are active.
    """
    authorise(actor, Permission.STAFF_EDIT, object_id=member_ref(user_id))
    with _staff_transaction(actor, member_ref(user_id)):
        user = _locked_colleague(user_id)
        if user.is_active:
            raise Refused(Code.STATE_CONFLICT)
        user.is_active = True
        user.save(update_fields=["is_active"])
        record(actor, Event.STAFF_REACTIVATED, object_id=member_ref(user_id))


def end_staff_sessions(actor: Actor, *, user_id: int) -> None:
    """Log a person of the internal team out everywhere; they can log in again.

    Raises Refused: `permission_denied`; `not_found`.
    """
    authorise(actor, Permission.STAFF_EDIT, object_id=member_ref(user_id))
    with _staff_transaction(actor, member_ref(user_id)):
        _locked_colleague(user_id)
        details = {"sessions": end_sessions_of(user_id)}
        record(actor, Event.STAFF_SESSIONS_ENDED, object_id=member_ref(user_id), details=details)


@contextmanager
def _staff_transaction(actor: Actor, object_id: str) -> Iterator[None]:
    """Run a change of the internal team under the lock of its Owners, if the actor is still one of them.

    Every such change takes this lock first, so that two Owners who remove each other do it one after the other.
    """
    permission = Permission.STAFF_EDIT
    with audited_transaction(actor, permission, object_id=object_id):
        rows = User.objects.select_for_update(no_key=True).filter(staff_role=StaffRole.OWNER)
        list(rows.order_by("pk").values_list("pk"))
        require_still(actor, permission)
        yield


def _locked_colleague(user_id: int) -> User:
    """Give a person of the internal team, locked; raises Refused(`not_found`)."""
    found = User.objects.select_for_update(no_key=True).filter(pk=user_id, staff_role__isnull=False)
    user = found.first()
    if user is None:
        raise Refused(Code.NOT_FOUND)
    return user


def _locked_first_owner_link() -> FirstOwnerLink:
    FirstOwnerLink.objects.get_or_create(pk=1)
    return FirstOwnerLink.objects.select_for_update().get(pk=1)


def _require_link(digest: Any, expires_at: Any, token: str) -> None:
    """Raise Refused(`staff_link_invalid`) unless the token is the link's and its time is not over."""
    is_right = digest is not None and bytes(digest) == digest_of(token)
    if not is_right or expires_at <= timezone.now():
        raise Refused(Code.STAFF_LINK_INVALID)


def _require_somebody_else(actor: Actor, user: User) -> None:
    if actor.user_id == user.pk:
        raise Refused(Code.STATE_CONFLICT, reason="own_role")


def _require_another_owner(user: User) -> None:
    """Raise Refused(`state_conflict`) if this is the last Owner who can log in; the Owners are locked."""
    if user.staff_role == StaffRole.OWNER and not owners().exclude(pk=user.pk).exists():
        raise Refused(Code.STATE_CONFLICT, reason="last_owner")


def _invite(actor: Actor, user: User, link_to: str) -> None:
    """Make the person's link and queue the mail that carries it, in the caller's transaction."""
    token = new_token()
    fresh = {"digest": digest_of(token), "expires_at": timezone.now() + INVITATION_LASTS}
    StaffInvitation.objects.update_or_create(user=user, defaults=fresh)
    context = {
        "company": current_policies().brand,
        "role": user.staff_role,
        "invited_by": actor.label,
        "url": f"{link_to}?token={token}",
    }
    post(MailKind.INVITATION, to=user.email, language=user.language, context=context)
