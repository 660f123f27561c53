"""Setting a PIN, confirming with it, and resetting it."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.audit.queries import has_happened
from keydesk.control.outbox.actions import post
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.people.actions import member_ref
from keydesk.control.people.models import User
from keydesk.control.stepup import grants, pins
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.rules import (
    LOCK_SECONDS,
    GuardedAction,
    Weakness,
    has_pin_shape,
    weakness_of,
)
from keydesk.control.stepup.tries import Counter, now, spend_try, standing
from keydesk.core.codes import Code

UNTRIED = {"tries": 0, "locked_until": None}


def confirm(actor: Actor, *, pin: str, action: GuardedAction, object_id: str) -> str:
    """Check a member's PIN and give a grant for this one action on this one object.

    The try is counted and committed before the PIN is evaluated, so this never runs inside a transaction. Raises
    Refused `pin_not_set`, `pin_wrong` (tries_left), `pin_locked` (locked_until) or `pin_hard_locked`; a text that
    can be no PIN is `invalid_input` and costs no try.
    """
    authorise(actor, Permission(action), account_id=actor.account_id, object_id=object_id)
    user_id = _person(actor)
    stored = _check_pin(actor, user_id=user_id, pin=pin)
    fresh = pins.hash_pin(pin, user_id=user_id) if pins.is_outdated(stored) else stored
    with transaction.atomic():
        # The row must still hold the hash that was checked: a PIN changed meanwhile confirms nothing.
        if not Pin.objects.filter(user_id=user_id, hash=stored).update(hash=fresh, **UNTRIED):
            raise Refused(Code.STATE_CONFLICT)
        record(actor, Event.PIN_CONFIRMED, object_id=object_id, details={"action": action})
        return grants.give(actor, action=action, object_id=object_id)


def set_pin(actor: Actor, *, pin: str, password: str, current_pin: str | None = None) -> None:
    """Set a member's first PIN, or with the current one change it; grants given before end.

    Raises Refused `pin_weak` (reason), `password_wrong` (tries_left), and what `confirm` raises for the current PIN.
    Wrong passwords are counted as wrong PINs are, apart from them.
    """
    user_id = _person(actor)
    weakness = weakness_of(pin) or (Weakness.PASSWORD if pin == password else None)
    if weakness is not None:
        raise Refused(Code.PIN_WEAK, reason=weakness)
    _check_password(actor, user_id=user_id, password=password)
    stored = Pin.objects.get(user_id=user_id).hash
    if stored is not None:
        stored = _check_pin(actor, user_id=user_id, pin=current_pin or "", field="current_pin")
    _refuse_earlier_pin(user_id, pin=pin)
    fresh = pins.hash_pin(pin, user_id=user_id)
    with transaction.atomic():
        unchanged = Pin.objects.filter(user_id=user_id, hash=stored)
        if not unchanged.update(hash=fresh, **UNTRIED):
            raise Refused(Code.STATE_CONFLICT)
        if stored is not None:
            Pin.objects.filter(user_id=user_id).update(previous_hash=stored)
        grants.take_back_grants(user_id)
        record(actor, Event.PIN_SET, object_id=member_ref(user_id))


def reset_pin(actor: Actor, *, user_id: int) -> None:
    """Take a person's PIN away, locks included, so that they set a new one with their password; ends their grants.

    For the internal team and the host operator; nobody can set or see another person's PIN.
    """
    authorise(actor, Permission.PEOPLE_EDIT, object_id=member_ref(user_id))
    with transaction.atomic():
        pin = Pin.objects.select_for_update().filter(user_id=user_id).first()
        if pin is None:
            raise Refused(Code.PIN_NOT_SET)
        pin.previous_hash = pin.hash or pin.previous_hash
        pin.hash, pin.tries, pin.locked_until = None, 0, None
        pin.password_tries, pin.password_locked_until = 0, None
        # No grant and no lock is left that an earlier clock could bring back or cut short.
        pin.seen_at = now()
        pin.save()
        grants.take_back_grants(user_id)
        record(actor, Event.PIN_RESET, object_id=member_ref(user_id))


def _person(actor: Actor) -> int:
    """Give the user behind a member's session; everybody else has no PIN."""
    has_session = actor.session is not None and actor.account_id is not None
    if actor.kind is not ActorKind.MEMBER or actor.user_id is None or not has_session:
        raise Refused(Code.PERMISSION_DENIED)
    return actor.user_id


def _check_pin(actor: Actor, *, user_id: int, pin: str, field: str = "pin") -> str:
    """Spend a try on this PIN and give the stored hash that it matches; otherwise record and raise the refusal."""
    if not Pin.objects.filter(user_id=user_id, hash__isnull=False).exists():
        raise Refused(Code.PIN_NOT_SET)
    if not has_pin_shape(pin):
        raise Refused(Code.INVALID_INPUT, field=field)
    row = _spend_pin_try(actor, user_id=user_id)
    if row.hash is not None and pins.matches(pin, user_id=user_id, stored=row.hash):
        return row.hash
    refusal = standing(row, Counter.PIN).refusal(Code.PIN_WRONG)
    event = Event.PIN_FAILED if refusal.code is Code.PIN_WRONG else Event.PIN_LOCKED
    with transaction.atomic():
        record(actor, event, object_id=member_ref(user_id), details={"tries": row.tries})
        if event is Event.PIN_LOCKED:
            user = User.objects.get(pk=user_id)
            context = {"name": user.full_name}
            post(MailKind.PIN_LOCKED, to=user.email, language=user.language, context=context)
    raise refusal


def _spend_pin_try(actor: Actor, *, user_id: int) -> Pin:
    """Spend a try; one on a locked PIN leaves a record, but not a second one before a lock's time is over."""
    try:
        return spend_try(Counter.PIN, user_id=user_id)
    except Refused as refused:
        member, since = member_ref(user_id), timezone.now() - timedelta(seconds=LOCK_SECONDS)
        is_locked = refused.code in {Code.PIN_LOCKED, Code.PIN_HARD_LOCKED}
        if is_locked and not has_happened(Event.PIN_REFUSED, object_id=member, since=since):
            with transaction.atomic():
                record(actor, Event.PIN_REFUSED, object_id=member)
        raise


def _check_password(actor: Actor, *, user_id: int, password: str) -> None:
    """Spend a try on the account password; a right one puts its counter back."""
    Pin.objects.get_or_create(user_id=user_id)
    row = spend_try(Counter.PASSWORD, user_id=user_id)
    if User.objects.get(pk=user_id).check_password(password):
        Pin.objects.filter(user_id=user_id).update(password_tries=0, password_locked_until=None)
        return
    with transaction.atomic():
        record(actor, Event.PASSWORD_FAILED, details={"tries": row.password_tries})
    raise standing(row, Counter.PASSWORD).refusal(Code.PASSWORD_WRONG)


def _refuse_earlier_pin(user_id: int, *, pin: str) -> None:
    """Raise Refused if the PIN is the one that is set or the one before it."""
    row = Pin.objects.get(user_id=user_id)
    earlier = [stored for stored in (row.hash, row.previous_hash) if stored is not None]
    if any(pins.matches(pin, user_id=user_id, stored=stored) for stored in earlier):
        raise Refused(Code.PIN_WEAK, reason=Weakness.PREVIOUS)
