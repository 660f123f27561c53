"""Counting tries before they are evaluated: one conditional UPDATE, committed alone, is the whole lock.

As many wrong tries in a row as the policy lets lock for a while, ten in all until a reset. The counter stands whatever
happens to the process that raised it, and only a right try puts it back. A policy that changes counts from the next try
on; a lock keeps the end that it was given.
"""

from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from django.db import transaction
from django.db.models import BigIntegerField, Case, F, PositiveSmallIntegerField, Q, Value, When
from django.db.models.functions import Greatest

from keydesk.control.access.refused import Refused
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.rules import TRIES_IN_TOTAL, PinPolicy
from keydesk.core.clock import system_clock
from keydesk.core.codes import Code


class Counter(Enum):
    """What is being tried; the value is the prefix of its columns in the row of the person's PIN."""

    PIN = ""
    PASSWORD = "password_"  # noqa: S105 - the prefix of a column
    FACTOR = "factor_"
    """A second factor, with which a forgotten PIN is replaced."""

    @property
    def untried(self) -> dict[str, int | None]:
        """The columns of a counter that is put back."""
        return {
            self.value + "tries": 0,
            self.value + "paused_after": 0,
            self.value + "locked_until": None,
        }


class Standing(NamedTuple):
    """Where a counter stands."""

    tries: int
    paused_after: int
    locked_until: int | None
    seen_at: int
    tries_allowed: int

    @property
    def tries_left(self) -> int:
        """How many wrong tries are left before the next lock; after a stricter policy it is the very next one."""
        if self.is_locked or self.tries >= TRIES_IN_TOTAL:
            return 0
        before_pause = max(1, self.paused_after + self.tries_allowed - self.tries)
        return min(before_pause, TRIES_IN_TOTAL - self.tries)

    @property
    def is_locked(self) -> bool:
        """Whether tries are refused for a while; the clock that counts is never behind what the row has seen."""
        return self.locked_until is not None and self.locked_until > max(self.seen_at, now())

    def refusal(self, wrong: Code) -> Refused:
        """Give the refusal of a try that was wrong, or that was not let in at all."""
        if self.tries >= TRIES_IN_TOTAL:
            return Refused(Code.PIN_HARD_LOCKED)
        if self.is_locked and self.locked_until is not None:
            until = datetime.fromtimestamp(self.locked_until, UTC)
            return Refused(Code.PIN_LOCKED, locked_until=until)
        return Refused(wrong, tries_left=self.tries_left)


def now() -> int:
    """Give the present moment in whole Unix seconds."""
    return int(system_clock())


def spend_try(counter: Counter, *, user_id: int, policy: PinPolicy) -> Pin:
    """Raise the counter by one and commit that, so that the caller may evaluate exactly one try; gives the row.

    Raises Refused `pin_locked` or `pin_hard_locked` if no try is left, and `state_conflict` if another try reset
    the counter in this moment. Never call it in a transaction: the count must stand whatever comes after.
    """
    tries, paused_after = counter.value + "tries", counter.value + "paused_after"
    locked_until = counter.value + "locked_until"
    seen = Greatest(F("seen_at"), Value(now(), output_field=BigIntegerField()))
    is_open = Q(**{locked_until: None}) | Q(**{locked_until + "__lte": seen})
    pauses = Q(**{tries + "__lt": TRIES_IN_TOTAL - 1}) & Q(
        **{tries + "__gte": F(paused_after) + policy.tries - 1}
    )
    with transaction.atomic(durable=True):
        spent = Pin.objects.filter(is_open, user_id=user_id, **{tries + "__lt": TRIES_IN_TOTAL})
        raised = spent.update(
            **{
                tries: F(tries) + 1,
                paused_after: Case(
                    When(pauses, then=F(tries) + 1),
                    default=F(paused_after),
                    output_field=PositiveSmallIntegerField(),
                ),
                locked_until: Case(When(pauses, then=seen + policy.lock_seconds), default=None),
                "seen_at": seen,
            }
        )
        pin = Pin.objects.get(user_id=user_id)
    if not raised:
        raise standing(pin, counter, policy).refusal(Code.STATE_CONFLICT)
    return pin


def standing(pin: Pin, counter: Counter, policy: PinPolicy) -> Standing:
    """Give where a counter stands in this row."""
    return Standing(
        getattr(pin, counter.value + "tries"),
        getattr(pin, counter.value + "paused_after"),
        getattr(pin, counter.value + "locked_until"),
        pin.seen_at,
        policy.tries,
    )
