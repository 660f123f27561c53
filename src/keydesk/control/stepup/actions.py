"""Setting a PIN, confirming with it or with a passkey, replacing a forgotten one, and resetting it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.audit.queries import has_happened
from keydesk.control.outbox.actions import in_words, post
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.people.actions import member_ref, membership_in
from keydesk.control.people.models import Membership, User
from keydesk.control.stepup import factors, grants, links, pins
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.queries import pin_policy, reveals_from
from keydesk.control.stepup.rules import (
    GuardedAction,
    PinPolicy,
    Purpose,
    Weakness,
    has_pin_shape,
    weakness_of,
)
from keydesk.control.stepup.tries import Counter, now, spend_try, standing
from keydesk.core.codes import Code


def confirm(actor: Actor, *, pin: str, action: GuardedAction, object_id: str) -> str:
    """Check a member's PIN and give a grant for this one action on this one object.

    The try is counted and committed before the PIN is evaluated, so this never runs inside a transaction. Raises
    Refused `reveal_paused` (locked_until), `pin_not_set`, `pin_wrong` (tries_left), `pin_locked` (locked_until) or
    `pin_hard_locked`; a text that can be no PIN is `invalid_input` and costs no try.
    """
    user_id = _require_guarded(actor, action=action, object_id=object_id)
    stored = _check_pin(actor, user_id=user_id, pin=pin)
    fresh = pins.hash_pin(pin, user_id=user_id) if pins.is_outdated(stored) else stored
    with transaction.atomic():
        # The row must still hold the hash that was checked: a PIN changed meanwhile confirms nothing.
        unchanged = Pin.objects.filter(user_id=user_id, hash=stored)
        if not unchanged.update(hash=fresh, **Counter.PIN.untried):
            raise Refused(Code.STATE_CONFLICT)
        details = {"action": action, "by": "pin"}
        record(actor, Event.PIN_CONFIRMED, object_id=object_id, details=details)
        return grants.give(actor, action=action, object_id=object_id)


def confirm_with_passkey(
    actor: Actor, *, answer: str, action: GuardedAction, object_id: str
) -> str:
    """Check a passkey's answer to a challenge of ours in the PIN's place, and give the same grant.

    A locked PIN does not hinder it: nobody guesses a passkey. Raises Refused `reveal_paused` (locked_until), and
    `passkey_invalid` for an answer to no challenge, to one of another person, session, action or object, to one that
    is over or was answered before, by a passkey of somebody else, or without its user verified.
    """
    user_id = _require_guarded(actor, action=action, object_id=object_id)
    purpose = Purpose(action)
    passkey = factors.passkey_behind(actor, answer, purpose=purpose, object_id=object_id)
    if passkey is None:
        with transaction.atomic():
            record(actor, Event.PASSKEY_REFUSED, object_id=object_id, details={"action": action})
        raise Refused(Code.PASSKEY_INVALID)
    # The row keeps the latest moment that was seen, by which grants are given and used.
    Pin.objects.get_or_create(user_id=user_id)
    with transaction.atomic():
        if not factors.note_use(passkey.pk):
            raise Refused(Code.STATE_CONFLICT)
        details = {"action": action, "by": "passkey", "passkey": str(passkey)}
        record(actor, Event.PASSKEY_CONFIRMED, object_id=object_id, details=details)
        return grants.give(actor, action=action, object_id=object_id)


def set_pin(actor: Actor, *, pin: str, password: str, current_pin: str | None = None) -> None:
    """Set a member's first PIN, or with the current one change it; grants given before end.

    Raises Refused `pin_weak` (reason), `password_wrong` (tries_left), and what `confirm` raises for the current PIN.
    Wrong passwords are counted as wrong PINs are, apart from them.
    """
    user_id, policy = _person(actor), pin_policy()
    _require_strong(pin, password=password, policy=policy)
    _check_password(actor, user_id=user_id, password=password, policy=policy)
    stored = Pin.objects.get(user_id=user_id).hash
    if stored is not None:
        stored = _check_pin(actor, user_id=user_id, pin=current_pin or "", field="current_pin")
    _put_pin(actor, Event.PIN_SET, user_id=user_id, pin=pin, stored=stored)


def replace_pin(actor: Actor, *, pin: str, password: str, code: str = "", answer: str = "") -> None:
    """Replace a member's forgotten PIN, with the password and a second factor: a code, or a passkey's answer.

    Locks of the old PIN end with it. In this order: `pin_weak`, `pin_not_set`, `password_wrong` (tries_left),
    `second_factor_wrong` (tries_left). Wrong factors are counted as wrong PINs are, apart from them.
    """
    user_id, policy = _person(actor), pin_policy()
    _require_strong(pin, password=password, policy=policy)
    _require_pin(user_id)
    _check_password(actor, user_id=user_id, password=password, policy=policy)
    stored = Pin.objects.get(user_id=user_id).hash
    by = _check_factor(actor, user_id=user_id, code=code, answer=answer, policy=policy)
    _put_pin(actor, Event.PIN_REPLACED, user_id=user_id, pin=pin, stored=stored, by=by)


def mail_pin_link(actor: Actor, *, password: str, url_of: Callable[[str], str]) -> None:
    """Mail a member a link with which they replace a forgotten PIN, once and soon; `url_of` gives a token's address.

    In this order: `pin_not_set`, `password_wrong` (tries_left).
    """
    user_id, policy = _person(actor), pin_policy()
    _require_pin(user_id)
    _check_password(actor, user_id=user_id, password=password, policy=policy)
    with transaction.atomic():
        token = links.link_token(Pin.objects.get(user_id=user_id))
        record(actor, Event.PIN_LINK_SENT, object_id=member_ref(user_id))
        _tell(MailKind.PIN_RESET, user_id, url=url_of(token))


def replace_pin_by_link(actor: Actor, *, pin: str, password: str, token: str) -> None:
    """Replace a member's forgotten PIN, with the password and the token of a mailed link.

    Keys cannot be seen again for as long as the policy says, in whatever account: a link proves less than a factor.
    In this order: `pin_link_invalid`, `pin_weak`, `password_wrong` (tries_left).
    """
    user_id, policy = _person(actor), pin_policy()
    row = Pin.objects.filter(user_id=user_id).first()
    if row is None or not links.fits(token, row):
        raise Refused(Code.PIN_LINK_INVALID)
    _require_strong(pin, password=password, policy=policy)
    _check_password(actor, user_id=user_id, password=password, policy=policy)
    row.refresh_from_db(fields=["seen_at"])
    paused_until = links.latest(row) + policy.cooldown_seconds
    _put_pin(
        actor,
        Event.PIN_REPLACED,
        user_id=user_id,
        pin=pin,
        stored=row.hash,
        by="link",
        reveal_locked_until=max(paused_until, row.reveal_locked_until or 0),
    )


def reset_pin(actor: Actor, *, user_id: int, account_id: str | None = None) -> None:
    """Take a person's PIN away, locks included, so that they set a new one with their password; ends their grants.

    For the internal team and the host operator, and for a Superadmin of the person's account, who may not where the
    PIN is their own or counts in another account as well (`state_conflict` with reason `own_pin` or `elsewhere`);
    `not_found` for who is no member there. A pause on seeing keys goes on. Nobody can set or see another's PIN.
    """
    permission, member = Permission.PIN_RESET, member_ref(user_id)
    account_id = account_id or actor.account_id
    authorise(actor, permission, account_id=account_id, object_id=member)
    if account_id is None:
        with transaction.atomic():
            _take_pin_away(actor, user_id=user_id)
        return
    with authorised_transaction(
        actor, permission, account_id=account_id, object_id=member
    ) as account:
        membership_in(account, user_id)
        if actor.kind is ActorKind.MEMBER:
            _require_in_reach(actor, user_id=user_id, account=account)
        _take_pin_away(actor, user_id=user_id, account_id=account_id)


def _person(actor: Actor) -> int:
    """Give the user behind a member's session; everybody else has no PIN."""
    has_session = actor.session is not None and actor.account_id is not None
    if actor.kind is not ActorKind.MEMBER or actor.user_id is None or not has_session:
        raise Refused(Code.PERMISSION_DENIED)
    return actor.user_id


def _require_guarded(actor: Actor, *, action: GuardedAction, object_id: str) -> int:
    """Give the member who may do this, and for whom it is not paused."""
    authorise(actor, Permission(action), account_id=actor.account_id, object_id=object_id)
    user_id = _person(actor)
    if action is GuardedAction.KEY_REVEAL:
        grants.require_reveals(actor)
    return user_id


def _require_strong(pin: str, *, password: str, policy: PinPolicy) -> None:
    weakness = weakness_of(pin, min_digits=policy.min_digits)
    weakness = weakness or (Weakness.PASSWORD if pin == password else None)
    if weakness is Weakness.SHAPE:
        raise Refused(Code.PIN_WEAK, reason=weakness, min_digits=policy.min_digits)
    if weakness is not None:
        raise Refused(Code.PIN_WEAK, reason=weakness)


def _require_pin(user_id: int) -> None:
    if not Pin.objects.filter(user_id=user_id, hash__isnull=False).exists():
        raise Refused(Code.PIN_NOT_SET)


def _check_pin(actor: Actor, *, user_id: int, pin: str, field: str = "pin") -> str:
    """Spend a try on this PIN and give the stored hash that it matches; otherwise record and raise the refusal."""
    _require_pin(user_id)
    if not has_pin_shape(pin):
        raise Refused(Code.INVALID_INPUT, field=field)
    policy = pin_policy()
    row = _spend_pin_try(actor, user_id=user_id, policy=policy)
    if row.hash is not None and pins.matches(pin, user_id=user_id, stored=row.hash):
        return row.hash
    refusal = standing(row, Counter.PIN, policy).refusal(Code.PIN_WRONG)
    event = Event.PIN_FAILED if refusal.code is Code.PIN_WRONG else Event.PIN_LOCKED
    with transaction.atomic():
        record(actor, event, object_id=member_ref(user_id), details={"tries": row.tries})
        if event is Event.PIN_LOCKED:
            _tell(MailKind.PIN_LOCKED, user_id)
    raise refusal


def _spend_pin_try(actor: Actor, *, user_id: int, policy: PinPolicy) -> Pin:
    """Spend a try; one on a locked PIN leaves a record, but not a second one before a lock's time is over."""
    try:
        return spend_try(Counter.PIN, user_id=user_id, policy=policy)
    except Refused as refused:
        member = member_ref(user_id)
        since = timezone.now() - timedelta(seconds=policy.lock_seconds)
        is_locked = refused.code in {Code.PIN_LOCKED, Code.PIN_HARD_LOCKED}
        if is_locked and not has_happened(Event.PIN_REFUSED, object_id=member, since=since):
            with transaction.atomic():
                record(actor, Event.PIN_REFUSED, object_id=member)
        raise


def _check_password(actor: Actor, *, user_id: int, password: str, policy: PinPolicy) -> None:
    """Spend a try on the account password; a right one puts its counter back."""
    Pin.objects.get_or_create(user_id=user_id)
    row = spend_try(Counter.PASSWORD, user_id=user_id, policy=policy)
    if User.objects.get(pk=user_id).check_password(password):
        Pin.objects.filter(user_id=user_id).update(**Counter.PASSWORD.untried)
        return
    with transaction.atomic():
        record(actor, Event.PASSWORD_FAILED, details={"tries": row.password_tries})
    raise standing(row, Counter.PASSWORD, policy).refusal(Code.PASSWORD_WRONG)


def _check_factor(actor: Actor, *, user_id: int, code: str, answer: str, policy: PinPolicy) -> str:
    """Spend a try on a second factor and give its kind; a right one puts the counter back."""
    row = spend_try(Counter.FACTOR, user_id=user_id, policy=policy)
    member = member_ref(user_id)
    if answer:
        purpose = Purpose.PIN_REPLACE
        passkey = factors.passkey_behind(actor, answer, purpose=purpose, object_id=member)
        kind = "passkey" if passkey and factors.note_use(passkey.pk) else None
    else:
        kind = factors.factor_behind(code, user_id=user_id)
    if kind is not None:
        Pin.objects.filter(user_id=user_id).update(**Counter.FACTOR.untried)
        return kind
    with transaction.atomic():
        details = {"tries": row.factor_tries}
        record(actor, Event.SECOND_FACTOR_FAILED, object_id=member, details=details)
    raise standing(row, Counter.FACTOR, policy).refusal(Code.SECOND_FACTOR_WRONG)


def _put_pin(
    actor: Actor,
    event: Event,
    *,
    user_id: int,
    pin: str,
    stored: str | None,
    by: str = "",
    **columns: int,
) -> None:
    """Put a new PIN in the place of the stored one, if that still stands; never one that was there before."""
    _refuse_earlier_pin(user_id, pin=pin)
    fresh = pins.hash_pin(pin, user_id=user_id)
    with transaction.atomic():
        unchanged = Pin.objects.filter(user_id=user_id, hash=stored)
        if not unchanged.update(hash=fresh, **Counter.PIN.untried, **columns):
            raise Refused(Code.STATE_CONFLICT)
        if stored is not None:
            Pin.objects.filter(user_id=user_id).update(previous_hash=stored)
        grants.take_back_grants(user_id)
        record(actor, event, object_id=member_ref(user_id), details={"by": by} if by else {})
        if event is Event.PIN_REPLACED:
            until = reveals_from(Pin.objects.get(user_id=user_id))
            told = "" if until is None else in_words(until)
            _tell(MailKind.PIN_REPLACED, user_id, reveals_from=told)


def _refuse_earlier_pin(user_id: int, *, pin: str) -> None:
    """Raise Refused if the PIN is the one that is set or the one before it."""
    row = Pin.objects.get(user_id=user_id)
    earlier = [stored for stored in (row.hash, row.previous_hash) if stored is not None]
    if any(pins.matches(pin, user_id=user_id, stored=stored) for stored in earlier):
        raise Refused(Code.PIN_WEAK, reason=Weakness.PREVIOUS)


def _require_in_reach(actor: Actor, *, user_id: int, account: Account) -> None:
    """Raise Refused if the PIN is the Superadmin's own, or guards more than this account."""
    if user_id == actor.user_id:
        raise Refused(Code.STATE_CONFLICT, reason="own_pin")
    elsewhere = Membership.objects.filter(user_id=user_id).exclude(account=account)
    if elsewhere.exists() or User.objects.get(pk=user_id).is_internal:
        raise Refused(Code.STATE_CONFLICT, reason="elsewhere")


def _take_pin_away(actor: Actor, *, user_id: int, account_id: str | None = None) -> None:
    pin = Pin.objects.select_for_update().filter(user_id=user_id).first()
    if pin is None:
        raise Refused(Code.PIN_NOT_SET)
    pin.previous_hash, pin.hash = pin.hash or pin.previous_hash, None
    for counter in Counter:
        for column, value in counter.untried.items():
            setattr(pin, column, value)
    # No grant and no lock is left that an earlier clock could bring back or cut short.
    pin.seen_at = now()
    pin.save()
    grants.take_back_grants(user_id)
    record(actor, Event.PIN_RESET, account_id=account_id, object_id=member_ref(user_id))
    _tell(MailKind.PIN_TAKEN_AWAY, user_id, by=actor.label)


def _tell(kind: MailKind, user_id: int, **context: Any) -> None:
    """Queue a mail to the person whose PIN it is, in the caller's transaction."""
    person = User.objects.get(pk=user_id)
    post(
        kind,
        to=person.email,
        language=person.language,
        context={"name": person.full_name} | context,
    )
