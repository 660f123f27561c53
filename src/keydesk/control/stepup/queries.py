"""How a person's PIN stands, under what the provider has decided about PINs."""

from datetime import UTC, datetime

from msgspec import Struct

from keydesk.control.policies.queries import current_policies
from keydesk.control.stepup.links import fits
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.rules import TRIES_IN_TOTAL, PinPolicy
from keydesk.control.stepup.tries import Counter, now, standing


class PinStatus(Struct, frozen=True):
    """How a person's PIN stands; `locked_until` and `reveals_from` are only there while they are to come."""

    is_set: bool
    tries_left: int
    locked_until: datetime | None
    is_hard_locked: bool
    reveals_from: datetime | None = None
    """When keys can be seen again, after the PIN was replaced through a mailed link."""


def pin_policy() -> PinPolicy:
    """Give what the provider has decided about PINs, as it stands now."""
    policies = current_policies()
    return PinPolicy(
        min_digits=policies.pin_min_digits,
        tries=policies.pin_tries,
        lock_seconds=policies.pin_lock_minutes * 60,
        cooldown_seconds=policies.pin_reset_cooldown_minutes * 60,
    )


def pin_status(user_id: int) -> PinStatus:
    """Give how the PIN of this person stands."""
    policy = pin_policy()
    pin = Pin.objects.filter(user_id=user_id).first() or Pin(user_id=user_id)
    stands = standing(pin, Counter.PIN, policy)
    until = stands.locked_until if stands.is_locked else None
    return PinStatus(
        is_set=pin.hash is not None,
        tries_left=stands.tries_left,
        locked_until=None if until is None else datetime.fromtimestamp(until, UTC),
        is_hard_locked=stands.tries >= TRIES_IN_TOTAL,
        reveals_from=reveals_from(pin),
    )


def reveals_from(pin: Pin) -> datetime | None:
    """Give when keys can be seen again, None if they can; a clock that is put back does not bring it nearer."""
    until = pin.reveal_locked_until
    is_to_come = until is not None and until > max(now(), pin.seen_at)
    return datetime.fromtimestamp(until, UTC) if until is not None and is_to_come else None


def is_open_link(user_id: int, token: str) -> bool:
    """Say whether this person can still replace their PIN with the token of a mailed link."""
    pin = Pin.objects.filter(user_id=user_id).first()
    return pin is not None and fits(token, pin)


def is_shorter_than_asked(pin: str) -> bool:
    """Say whether a PIN that has just confirmed has fewer digits than a new one must have now."""
    return len(pin) < pin_policy().min_digits
