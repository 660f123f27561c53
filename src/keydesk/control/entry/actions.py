"""Signing up, confirming an address, choosing a new password, and changing the address with which one logs in.

No permission is asked for: whoever asks is not known yet, or asks for themselves, after the pages had them confirm who
they are. What each of these gives back, and how long it takes, is the same whether an address has a log-in or not: the
difference is in the mail, which its owner alone reads.
"""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from msgspec.structs import replace

from keydesk.control.access.actor import Actor
from keydesk.control.access.names import is_name
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import account_by_username
from keydesk.control.accounts.rules import NAME_LENGTH, is_username, plain_username
from keydesk.control.audit.actions import record
from keydesk.control.audit.events import Event
from keydesk.control.entry import links
from keydesk.control.entry.models import HeldUsername
from keydesk.control.feed.actions import publish
from keydesk.control.outbox.actions import post
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.people.actions import (
    member_ref,
    require_address,
    require_particulars,
    require_password,
)
from keydesk.control.people.models import Membership, User
from keydesk.control.people.queries import lock_person, user_by_email
from keydesk.control.people.rules import plain_email
from keydesk.core.codes import Code


def sign_up(
    actor: Actor,
    *,
    full_name: str,
    email: str,
    password: str,
    company: str,
    username: str,
    language: str = "",
) -> None:
    """Make a person, their company's draft account with them as its Superadmin, and the mail that confirms the address.

    With an address that has a log-in, nothing is made but the mail that tells its owner; the username is held, so
    that neither answer nor a second try tells the two apart. Raises Refused `invalid_input` naming the field, with
    those of the other fields as `others`, for a username also where it is taken.
    """
    user = User(email=plain_email(email), full_name=full_name.strip(), language=language)
    user.company, username = company.strip(), plain_username(username)
    is_sound = {
        "company": is_name(user.company, longest=NAME_LENGTH),
        "username": is_username(username),
    }
    require_particulars(user, password, faulty=[name for name in is_sound if not is_sound[name]])
    # Hashed before anything is known of the address, so that it takes as long either way.
    user.set_password(password)
    with transaction.atomic():
        if HeldUsername.objects.filter(pk=username).exists() or account_by_username(username):
            raise Refused(Code.INVALID_INPUT, field="username", reason="taken")
        try:
            with transaction.atomic():
                known = user_by_email(user.email)
                if known is None:
                    _open(actor, user, username=username)
                else:
                    _tell_owner(actor, known, username=username)
        except IntegrityError as error:
            # Somebody was first with the username, or in the same moment with the address.
            raise Refused(Code.INVALID_INPUT, field="username", reason="taken") from error


def send_confirmation(actor: Actor, *, email: str) -> None:
    """Send the mail that confirms an address once more, if somebody waits for it under this address.

    Raises Refused `invalid_input` for what is no address.
    """
    plain = require_address(email)
    with transaction.atomic():
        waiting = User.objects.filter(email=plain, email_confirmed_at=None, is_active=True)
        user = waiting.first()
        if user is not None:
            _post_confirmation(user)
        record(actor, Event.CONFIRMATION_ASKED, object_id=_ref(user))


def confirm_address(actor: Actor, *, token: str) -> User:
    """Note that the address behind a mailed link is the person's, and give the person.

    Raises Refused `not_found` for a link that was made up, was used, or is too old.
    """
    confirmed = links.confirms(token)
    if confirmed is None:
        raise Refused(Code.NOT_FOUND)
    user_id, email = confirmed
    with transaction.atomic():
        waiting = User.objects.select_for_update().filter(pk=user_id, email=email, is_active=True)
        user = waiting.filter(email_confirmed_at=None).first()
        if user is None:
            raise Refused(Code.NOT_FOUND)
        user.email_confirmed_at = timezone.now()
        user.save(update_fields=["email_confirmed_at"])
        record(actor, Event.ADDRESS_CONFIRMED, object_id=member_ref(user.pk))
    return user


def ask_for_password(actor: Actor, *, email: str) -> None:
    """Send the mail with which a person chooses a new password, if there is one with this address who may log in.

    Raises Refused `invalid_input` for what is no address.
    """
    plain = require_address(email)
    with transaction.atomic():
        user = User.objects.filter(email=plain, is_active=True).first()
        if user is not None:
            url = _url("web:new_password", links.password_token(user))
            _post(MailKind.PASSWORD_RESET, user, {"url": url})
        record(actor, Event.PASSWORD_ASKED, object_id=_ref(user))


def choose_password(actor: Actor, *, token: str, password: str) -> None:
    """Give the person behind a mailed link a new password; every session of theirs ends, and a second factor stays.

    The link has shown that the address is theirs. Raises Refused `not_found` for a link that was made up, was used or
    is too old, and `invalid_input` (problems) for a password that the policy refuses.
    """
    user = links.opens_password_of(token)
    if user is None:
        raise Refused(Code.NOT_FOUND)
    require_password(user, password)
    before = user.password
    user.set_password(password)
    confirmed_at = user.email_confirmed_at or timezone.now()
    with transaction.atomic():
        # A session holds a part of the password's hash and is over with it; so is the link.
        unchanged = User.objects.filter(pk=user.pk, password=before, is_active=True)
        if not unchanged.update(password=user.password, email_confirmed_at=confirmed_at):
            raise Refused(Code.NOT_FOUND)
        record(actor, Event.PASSWORD_CHOSEN, object_id=member_ref(user.pk))


def ask_for_address(actor: Actor, *, email: str) -> None:
    """Mail a link to an address that is to take the place of the person's own, which is told of it.

    An address that has a log-in gets a mail that says so in the place of the link. Nothing changes before the link is
    used. Raises Refused `invalid_input` for what is no address, and for the person's own (reason `own`).
    """
    plain = require_address(email)
    with transaction.atomic():
        user = lock_person(actor)
        if plain == user.email:
            raise Refused(Code.INVALID_INPUT, field="email", reason="own")
        url, owner = _url("web:new_address", links.change_token(user, plain)), user_by_email(plain)
        if owner is None:
            kind, language = MailKind.ADDRESS_CHANGE_CONFIRM, user.language
        else:
            kind, language, url = (
                MailKind.ADDRESS_CHANGE_KNOWN,
                owner.language,
                _url("account_login"),
            )
        post(kind, to=plain, language=language, context={"url": url})
        _post(MailKind.ADDRESS_CHANGE_ASKED, user, {"email": plain})
        record(actor, Event.ADDRESS_CHANGE_ASKED, object_id=member_ref(user.pk))


def change_address(actor: Actor, *, token: str) -> None:
    """Give the person the address behind a mailed link of theirs, and tell the one before.

    Their sessions go on, and so does all that is theirs. Raises Refused `not_found` for a link that was made up, was
    used, is too old or somebody else's, and for an address that has got another log-in since.
    """
    try:
        with transaction.atomic():
            user = lock_person(actor)
            email = links.address_behind(token, user)
            if email is None:
                raise Refused(Code.NOT_FOUND)
            _post(MailKind.ADDRESS_CHANGED, user, {"email": email})
            details = {"from": user.email, "to": email}
            user.email, user.email_confirmed_at = email, timezone.now()
            user.save(update_fields=["email", "email_confirmed_at"])
            record(actor, Event.ADDRESS_CHANGED, object_id=member_ref(user.pk), details=details)
    except IntegrityError as error:
        raise Refused(Code.NOT_FOUND) from error


def _open(actor: Actor, user: User, *, username: str) -> None:
    """Make the person, the account and the membership, in the caller's transaction."""
    now = timezone.now()
    user.save()
    account = Account(username=username, name=user.company, created_at=now, status_changed_at=now)
    # The database looks at what names the account when the transaction ends; the feed's lock is taken last.
    Membership.objects.create(user=user, account=account, role=str(Role.SUPERADMIN))
    record(
        replace(actor, user_id=user.pk, label=user.email),
        Event.ACCOUNT_SIGNED_UP,
        account_id=account.id,
        object_id=account.id,
        details={"username": username, "user": member_ref(user.pk)},
    )
    _post_confirmation(user)
    publish(account)


def _tell_owner(actor: Actor, user: User, *, username: str) -> None:
    """Hold the username and tell the address's owner; to whoever still has to confirm it, the link goes again."""
    HeldUsername.objects.create(username=username, held_at=timezone.now())
    if user.email_confirmed_at is None and user.is_active:
        _post_confirmation(user)
    else:
        _post(MailKind.ADDRESS_KNOWN, user, {"url": _url("account_login")})
    record(actor, Event.ADDRESS_KNOWN, object_id=member_ref(user.pk))


def _post_confirmation(user: User) -> None:
    url = _url("web:confirm_address", links.confirmation_token(user))
    _post(MailKind.ADDRESS_CONFIRM, user, {"name": user.full_name, "url": url})


def _post(kind: MailKind, user: User, context: dict[str, str]) -> None:
    post(kind, to=user.email, language=user.language, context=context)


def _url(name: str, *parts: str) -> str:
    """Give the whole address of a page; the name of a route is all that control knows of the pages."""
    return f"{settings.KEYDESK.desk_url}{reverse(name, args=parts)}"


def _ref(user: User | None) -> str:
    """Give what the audit trail calls a person; an address that is nobody's is not kept."""
    return "" if user is None else member_ref(user.pk)
