"""What people do for their own safety: factors, recovery codes, the password, their sessions.

All of it is about the actor alone, so no permission is asked for; that the person has just confirmed who they are, the
pages see to before they call anything that changes how somebody gets in.
"""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import transaction

from keydesk.control.access.actor import Actor
from keydesk.control.access.names import is_name
from keydesk.control.access.refused import Refused
from keydesk.control.audit.actions import record
from keydesk.control.audit.events import Event
from keydesk.control.people.actions import member_ref, require_password
from keydesk.control.people.models import User
from keydesk.control.people.queries import lock_person
from keydesk.control.people.rules import SessionEnd
from keydesk.control.security.codes import LAST_STEP, spend_code, step_of
from keydesk.control.security.queries import factors_of, must_have_factor, passkey_of
from keydesk.control.security.rules import PASSKEY_NAME_LENGTH, Kind, Method, plain_code
from keydesk.control.security.sealing import seal
from keydesk.control.sessions.held import end_sessions, end_sessions_of, sessions_of
from keydesk.core.codes import Code


def add_totp(actor: Actor, *, secret: str, code: str) -> list[str]:
    """Let a person's app be their second factor, if its first code is right; gives recovery codes if they had none.

    Raises Refused: `invalid_input` for a wrong code; `state_conflict` if they have an app already.
    """
    with transaction.atomic():
        user = lock_person(actor)
        if factors_of(user.pk).filter(type=Kind.TOTP).exists():
            raise Refused(Code.STATE_CONFLICT)
        step = step_of(secret, plain_code(code)) if code.isascii() else None
        if step is None:
            raise Refused(Code.INVALID_INPUT, field="code", reason="wrong")
        data = {"secret": seal(secret), LAST_STEP: step}
        Authenticator.objects.create(user=user, type=Kind.TOTP, data=data)
        return _added(actor, user, {"kind": Kind.TOTP})


def add_passkey(actor: Actor, *, name: str, credential: dict[str, Any]) -> list[str]:
    """Let a passkey, which the caller has checked, be a second factor; gives recovery codes if they had none.

    Raises Refused: `invalid_input` for the name.
    """
    _require_passkey_name(name)
    with transaction.atomic():
        user = lock_person(actor)
        data = {"name": name, "credential": credential}
        Authenticator.objects.create(user=user, type=Kind.PASSKEY, data=data)
        return _added(actor, user, {"kind": Kind.PASSKEY, "name": name})


def rename_passkey(actor: Actor, *, factor_id: int, name: str) -> None:
    """Give a passkey another name. Raises Refused: `invalid_input` for the name; `not_found`."""
    _require_passkey_name(name)
    with transaction.atomic():
        user = lock_person(actor)
        passkey = passkey_of(user.pk, factor_id)
        if passkey is None:
            raise Refused(Code.NOT_FOUND)
        before, passkey.data["name"] = passkey.data["name"], name
        passkey.save(update_fields=["data"])
        details = {"from": before, "to": name}
        record(actor, Event.FACTOR_RENAMED, object_id=member_ref(user.pk), details=details)


def remove_factor(actor: Actor, *, factor_id: int) -> None:
    """Take a factor away, and with the last one the recovery codes.

    Raises Refused: `not_found`; `state_conflict` if the provider demands one and this is the last.
    """
    with transaction.atomic():
        user = lock_person(actor)
        factor = factors_of(user.pk).filter(pk=factor_id).first()
        if factor is None:
            raise Refused(Code.NOT_FOUND)
        is_last = factors_of(user.pk).count() == 1
        if is_last and must_have_factor(user):
            raise Refused(Code.STATE_CONFLICT, reason="factor_demanded")
        factor.delete()
        if is_last:
            Authenticator.objects.filter(user=user).delete()
        details = {"kind": factor.type, "is_last": is_last}
        record(actor, Event.FACTOR_REMOVED, object_id=member_ref(user.pk), details=details)


def make_recovery_codes(actor: Actor) -> list[str]:
    """Give new recovery codes; those before count no more. Raises Refused(`state_conflict`) without a factor."""
    with transaction.atomic():
        user = lock_person(actor)
        if not factors_of(user.pk).exists():
            raise Refused(Code.STATE_CONFLICT)
        Authenticator.objects.filter(user=user, type=Kind.RECOVERY_CODES).delete()
        record(actor, Event.RECOVERY_CODES_MADE, object_id=member_ref(user.pk))
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
        return codes


def use_code(actor: Actor, *, code: str) -> Any:
    """Spend a code of the person's app, or a recovery code, and give the factor that it belongs to.

    Raises Refused(`invalid_input`) if it is wrong or was used before, which leaves a record as well. The caller limits
    the tries.
    """
    with transaction.atomic():
        factor = spend_code(lock_person(actor).pk, code)
        is_spare = factor is not None and factor.type == Kind.RECOVERY_CODES
        used = Event.RECOVERY_CODE_USED if is_spare else Event.FACTOR_USED
        event = Event.FACTOR_FAILED if factor is None else used
        _record_own(actor, event, {} if is_spare else {"kind": Kind.TOTP})
    if factor is None:
        raise Refused(Code.INVALID_INPUT, field="code", reason="wrong")
    return factor


def note_passkey(actor: Actor, *, is_right: bool) -> None:
    """Note that a passkey was shown, and whether it was one of the person's."""
    event = Event.FACTOR_USED if is_right else Event.FACTOR_FAILED
    with transaction.atomic():
        _record_own(actor, event, {"kind": Kind.PASSKEY})


def note_confirmation(actor: Actor, *, method: Method) -> None:
    """Note that a person has confirmed, in their session, who they are."""
    with transaction.atomic():
        _record_own(actor, Event.SESSION_CONFIRMED, {"method": method})


def change_password(actor: Actor, *, password: str, kept_session: str) -> User:
    """Give a person another password, and end all of their sessions but the one with this key; gives the person.

    Raises Refused: `invalid_input` for a password that the policy refuses (details `problems`, Django's codes).
    """
    with transaction.atomic():
        user = lock_person(actor)
        require_password(user, password)
        if user.check_password(password):
            raise Refused(Code.INVALID_INPUT, field="password", problems=["password_unchanged"])
        user.set_password(password)
        user.save(update_fields=["password"])
        ended = end_sessions_of(user.pk, but=kept_session)
        _record_own(actor, Event.PASSWORD_CHANGED, {"sessions_ended": ended})
    return user


def end_session(actor: Actor, *, session_id: int) -> None:
    """End one of the person's own sessions. Raises Refused(`not_found`) if it is none of theirs, or has ended."""
    with transaction.atomic():
        user = lock_person(actor)
        held = sessions_of(user.pk).filter(pk=session_id).first()
        if held is None:
            raise Refused(Code.NOT_FOUND)
        end_sessions([held.session_key])
        _record_own(actor, Event.SESSION_ENDED, {"reason": SessionEnd.BY_PERSON, "sessions": 1})


def end_other_sessions(actor: Actor, *, kept_session: str) -> None:
    """End all of the person's own sessions but the one with this key."""
    with transaction.atomic():
        ended = end_sessions_of(lock_person(actor).pk, but=kept_session)
        details = {"reason": SessionEnd.BY_PERSON, "sessions": ended}
        _record_own(actor, Event.SESSION_ENDED, details)


def _added(actor: Actor, user: User, details: dict[str, Any]) -> list[str]:
    """Record a new factor, and give recovery codes if the person has none yet."""
    has_codes = Authenticator.objects.filter(user=user, type=Kind.RECOVERY_CODES).exists()
    details |= {"recovery_codes_made": not has_codes}
    record(actor, Event.FACTOR_ADDED, object_id=member_ref(user.pk), details=details)
    codes: list[str] = [] if has_codes else RecoveryCodes.activate(user).generate_codes()
    return codes


def _require_passkey_name(name: str) -> None:
    if not is_name(name, longest=PASSKEY_NAME_LENGTH):
        raise Refused(Code.INVALID_INPUT, field="passkey_name", reason="invalid")


def _record_own(actor: Actor, event: Event, details: dict[str, Any]) -> None:
    if actor.user_id is None:
        raise Refused(Code.PERMISSION_DENIED)
    record(actor, event, object_id=member_ref(actor.user_id), details=details)
