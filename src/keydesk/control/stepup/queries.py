"""How a person's PIN stands."""

from datetime import UTC, datetime

from msgspec import Struct

from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.rules import TRIES_IN_TOTAL, TRIES_IN_WINDOW
from keydesk.control.stepup.tries import Counter, standing


class PinStatus(Struct, frozen=True):
    """How a person's PIN stands; `locked_until` is only there while it is locked."""

    is_set: bool
    tries_left: int
    locked_until: datetime | None
    is_hard_locked: bool


NEVER_SET = PinStatus(
    is_set=False, tries_left=TRIES_IN_WINDOW, locked_until=None, is_hard_locked=False
)


def pin_status(user_id: int) -> PinStatus:
    """Give how the PIN of this person stands."""
    pin = Pin.objects.filter(user_id=user_id).first()
    if pin is None:
        return NEVER_SET
    stands = standing(pin, Counter.PIN)
    until = stands.locked_until if stands.is_locked else None
    return PinStatus(
        is_set=pin.hash is not None,
        tries_left=stands.tries_left,
        locked_until=None if until is None else datetime.fromtimestamp(until, UTC),
        is_hard_locked=stands.tries >= TRIES_IN_TOTAL,
    )
