"""Making users, and giving and taking their roles in accounts."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.names import is_name
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role, StaffRole, permission_over
from keydesk.control.access.standing import require_still
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.audit.queries import is_new_place
from keydesk.control.outbox.actions import post
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.people.models import Membership, User
from keydesk.control.people.rules import (
    BROWSER_LENGTH,
    EMAIL_LENGTH,
    NAME_LENGTH,
    PERSON,
    SessionEnd,
    plain_email,
)
from keydesk.control.policies.rules import LANGUAGES
from keydesk.control.sessions.held import end_sessions_of
from keydesk.core.codes import Code


def create_user(
    actor: Actor,
    *,
    email: str,
    full_name: str,
    password: str,
    language: str = "",
    staff_role: StaffRole | None = None,
) -> User:
    """Make a person who can log in at once; only an Owner and the host operator make one of the internal team.

    Raises Refused: `permission_denied`; `invalid_input` for an address that is not one or is taken, for the name, for
    an unknown language, or for a password that the policy refuses (details `problems`, Django's codes).
    """
    permission = Permission.PEOPLE_EDIT if staff_role is None else Permission.STAFF_EDIT
    authorise(actor, permission)
    user = person_to_be(
        email=email,
        full_name=full_name,
        password=password,
        language=language,
        staff_role=staff_role,
    )
    try:
        with audited_transaction(actor, permission):
            require_still(actor, permission)
            user.save()
            details = {"email": user.email, "staff_role": staff_role}
            record(actor, Event.USER_CREATED, object_id=member_ref(user.pk), details=details)
    except IntegrityError as error:
        raise Refused(Code.INVALID_INPUT, field="email", reason="taken") from error
    return user


def person_to_be(
    *, email: str, full_name: str, password: str, language: str, staff_role: StaffRole | None = None
) -> User:
    """Give a new person, not saved yet, with what `create_user` takes; raises its Refused(`invalid_input`)."""
    user = User(
        email=plain_email(email),
        full_name=full_name.strip(),
        language=language,
        staff_role=staff_role,
        email_confirmed_at=timezone.now(),
    )
    require_particulars(user, password)
    user.set_password(password)
    return user


def require_particulars(
    user: User, password: str | None = None, *, faulty: Iterable[str] = ()
) -> None:
    """Raise Refused(`invalid_input`) naming the first field of the person that cannot stand, others as `others`.

    A password that is given is judged as well; `faulty` are fields which the caller has found wrong.
    """
    fields = (*_faulty_particulars(user), *faulty)
    faults = [Refused(Code.INVALID_INPUT, field=field, reason="invalid") for field in fields]
    if password is not None:
        try:
            require_password(user, password)
        except Refused as refused:
            faults.append(refused)
    if faults:
        first, *others = faults
        raise Refused(first.code, **first.details, **({"others": others} if others else {}))


def _faulty_particulars(user: User) -> Iterator[str]:
    """Give the fields of the person that cannot stand."""
    try:
        require_address(user.email)
    except Refused:
        yield "email"
    if not is_name(user.full_name, longest=NAME_LENGTH):
        yield "full_name"
    if user.language not in LANGUAGES:
        yield "language"


def require_address(text: str) -> str:
    """Give an e-mail address as it is stored; raises Refused(`invalid_input`) for what is none."""
    address = plain_email(text)
    try:
        validate_email(address)
    except ValidationError as error:
        raise Refused(Code.INVALID_INPUT, field="email", reason="invalid") from error
    if len(address) > EMAIL_LENGTH or not address.isascii():
        raise Refused(Code.INVALID_INPUT, field="email", reason="invalid")
    return address


def require_password(user: User, password: str) -> None:
    """Raise Refused(`invalid_input`) if the policy refuses this password for this person."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        problems = [problem.code for problem in error.error_list]
        raise Refused(Code.INVALID_INPUT, field="password", problems=problems) from error


def choose_language(actor: Actor, *, language: str) -> None:
    """Keep the language in which a person reads the pages; each chooses their own.

    Raises Refused: `permission_denied` for an actor who is no person; `invalid_input` for an unknown language.
    """
    if actor.user_id is None:
        raise Refused(Code.PERMISSION_DENIED)
    if language not in LANGUAGES:
        raise Refused(Code.INVALID_INPUT, field="language", reason="invalid")
    with transaction.atomic():
        User.objects.filter(pk=actor.user_id).update(language=language)
        details = {"language": language}
        record(actor, Event.LANGUAGE_CHOSEN, object_id=member_ref(actor.user_id), details=details)


def note_login(actor: Actor, *, browser: str = "") -> None:
    """Note that a person has logged in; a mail tells them if it was from an address that is new with them.

    Takes what the browser says it is, which is shown and never believed.
    """
    user = None if actor.user_id is None else User.objects.filter(pk=actor.user_id).first()
    with transaction.atomic():
        is_new = is_new_place(Event.SESSION_STARTED, object_id=_self_ref(actor), ip=actor.ip)
        _note(actor, Event.SESSION_STARTED, {})
        if user is not None and is_new:
            context = {"name": user.full_name, "ip": actor.ip, "browser": browser[:BROWSER_LENGTH]}
            post(MailKind.SIGN_IN_NEW, to=user.email, language=user.language, context=context)


def note_failed_login(actor: Actor) -> None:
    """Note a wrong password; the actor is whose address was given, or a stranger without an id where it is nobody's."""
    _note(actor, Event.LOGIN_FAILED, {})


def note_logout(actor: Actor, *, reason: SessionEnd) -> None:
    """Note that a person's session has ended, and why."""
    _note(actor, Event.SESSION_ENDED, {"reason": reason})


def _note(actor: Actor, event: Event, details: dict[str, str]) -> None:
    """Write what happened to a session; nothing else changes."""
    with transaction.atomic():
        record(actor, event, object_id=_self_ref(actor), details=details)


def _self_ref(actor: Actor) -> str:
    """Give what the audit trail calls the actor as an object, nothing for a stranger."""
    return "" if actor.user_id is None else member_ref(actor.user_id)


def add_member(actor: Actor, *, account_id: str, user_id: int, role: Role) -> Membership:
    """Make a user a member of an account.

    Raises Refused: `permission_denied`; `not_found` for an unknown account or user; `state_conflict` if the user is a
    member already.
    """
    member, permission = member_ref(user_id), Permission.PEOPLE_EDIT
    authorise(actor, permission, account_id=account_id, object_id=member)
    try:
        with authorised_transaction(
            actor, permission, account_id=account_id, object_id=member
        ) as account:
            if not User.objects.filter(pk=user_id).exists():
                raise Refused(Code.NOT_FOUND)
            membership = Membership.objects.create(account=account, user_id=user_id, role=str(role))
            record(
                actor,
                Event.MEMBER_ADDED,
                account_id=account_id,
                object_id=member,
                details={"role": role},
            )
    except IntegrityError as error:
        raise Refused(Code.STATE_CONFLICT) from error
    return membership


def change_role(actor: Actor, *, account_id: str, user_id: int, role: Role) -> None:
    """Give a member another role.

    Raises Refused: `permission_denied`, also to an Admin where the old or the new role is Superadmin; `not_found`;
    `state_conflict` if it is their role already, or if the account would be left without a Superadmin.
    """
    with _member_transaction(actor, account_id, user_id) as membership:
        require_still(actor, permission_over(membership.role, role))
        if membership.role == role:
            raise Refused(Code.STATE_CONFLICT, state=membership.role)
        require_another_superadmin(membership)
        before, membership.role = membership.role, str(role)
        membership.save()
        _record_member(actor, Event.MEMBER_ROLE_CHANGED, membership, {"from": before, "to": role})
        user = membership.user
        post(
            MailKind.ROLE_CHANGED,
            to=user.email,
            language=user.language,
            context={
                "company": membership.account.name,
                "role": str(role),
                "changed_by": actor.label if actor.kind is ActorKind.MEMBER else "",
            },
        )


def deactivate_member(actor: Actor, *, account_id: str, user_id: int) -> None:
    """Shut a member out of the account until they are let in again; from the next request on they are a stranger to it.

    Raises Refused: `permission_denied`, also to an Admin over a Superadmin; `not_found`; `state_conflict` if they are
    shut out already, if the account would be left without a Superadmin, or for oneself, who could not come back.
    """
    with _member_transaction(actor, account_id, user_id) as membership:
        require_still(actor, permission_over(membership.role))
        if not membership.is_active:
            raise Refused(Code.STATE_CONFLICT, state="inactive")
        require_another_superadmin(membership)
        if user_id == actor.user_id:
            raise Refused(Code.STATE_CONFLICT, reason="yourself")
        membership.is_active = False
        membership.save()
        _end_sessions_of_nobody(user_id)
        _record_member(actor, Event.MEMBER_DEACTIVATED, membership, {"role": membership.role})


def reactivate_member(actor: Actor, *, account_id: str, user_id: int) -> None:
    """Let a member in again who was shut out; they are what they were before.

    Raises Refused: `permission_denied`, also to an Admin over a Superadmin; `not_found`; `state_conflict` if they are
    not shut out.
    """
    with _member_transaction(actor, account_id, user_id) as membership:
        require_still(actor, permission_over(membership.role))
        if membership.is_active:
            raise Refused(Code.STATE_CONFLICT, state="active")
        membership.is_active = True
        membership.save()
        _record_member(actor, Event.MEMBER_REACTIVATED, membership, {"role": membership.role})


def remove_member(actor: Actor, *, account_id: str, user_id: int) -> None:
    """End a user's membership of an account and their sessions; from the next request on they are a stranger.

    Raises Refused: `permission_denied`, also to an Admin over a Superadmin; `not_found`; `state_conflict` if the
    account would be left without a Superadmin.
    """
    with _member_transaction(actor, account_id, user_id) as membership:
        require_still(actor, permission_over(membership.role))
        require_another_superadmin(membership)
        membership.delete()
        _end_sessions_of_nobody(user_id)
        _record_member(actor, Event.MEMBER_REMOVED, membership, {"role": membership.role})


def leave_account(actor: Actor, *, account_id: str) -> None:
    """End one's own membership of an account, whatever one's role.

    Raises Refused: `not_found` where the actor is no member; `state_conflict` for the last Superadmin.
    """
    user_id, permission = actor.user_id or 0, Permission.TEAM_VIEW
    authorise(actor, permission, account_id=account_id, object_id=member_ref(user_id))
    with authorised_transaction(
        actor, permission, account_id=account_id, object_id=member_ref(user_id)
    ) as account:
        membership = membership_in(account, user_id)
        require_another_superadmin(membership)
        membership.delete()
        _record_member(actor, Event.MEMBER_LEFT, membership, {"role": membership.role})


def note_account_in_use(user_id: int, *, account_id: str) -> None:
    """Note that a person has come to an account, so that home leads there the next time."""
    mine = Membership.objects.filter(user_id=user_id, account_id=account_id)
    mine.update(used_at=timezone.now())


def member_ref(user_id: int) -> str:
    """Give what the audit trail calls a user as an object."""
    return f"{PERSON}{user_id}"


def membership_in(account: Account, user_id: int) -> Membership:
    """Give the membership in an account, which is locked so that its members change one after the other."""
    membership = Membership.objects.filter(account=account, user_id=user_id).first()
    if membership is None:
        raise Refused(Code.NOT_FOUND)
    return membership


def require_another_superadmin(membership: Membership) -> None:
    """Raise Refused(`state_conflict`) if this is the account's last Superadmin who can come in."""
    if membership.role != Role.SUPERADMIN or not membership.is_active:
        return
    others = Membership.objects.filter(
        account_id=membership.account_id,
        role=Role.SUPERADMIN,
        is_active=True,
        user__is_active=True,
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise Refused(Code.STATE_CONFLICT, reason="last_superadmin")


@contextmanager
def _member_transaction(actor: Actor, account_id: str, user_id: int) -> Iterator[Membership]:
    """Run the authorised transaction of a change to a member, and give the membership."""
    member, permission = member_ref(user_id), Permission.MEMBER_EDIT
    authorise(actor, permission, account_id=account_id, object_id=member)
    with authorised_transaction(
        actor, permission, account_id=account_id, object_id=member
    ) as account:
        yield membership_in(account, user_id)


def _record_member(
    actor: Actor, event: Event, membership: Membership, details: dict[str, str]
) -> None:
    record(
        actor,
        event,
        account_id=membership.account_id,
        object_id=member_ref(membership.user_id),
        details=details,
    )


def _end_sessions_of_nobody(user_id: int) -> None:
    """End all sessions of somebody who has no account left, in the caller's transaction.

    The row is locked first, so of two accounts that lose the same person at once, the second one sees it.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    has_account = Membership.objects.filter(user_id=user_id, is_active=True).exists()
    if not has_account and not user.is_internal:
        end_sessions_of(user_id)
