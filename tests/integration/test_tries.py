"""The counter of tries against a model of it, over clocks that go anywhere and policies that change."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keydesk.control.access.refused import Refused
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.queries import pin_status
from keydesk.control.stepup.rules import PinPolicy
from keydesk.control.stepup.tries import Counter, spend_try
from keydesk.core.codes import Code

START = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db

STANDARD = PinPolicy(min_digits=6, tries=5, lock_seconds=1800, cooldown_seconds=3600)

steps = st.one_of(
    st.sampled_from(["wrong", "wrong", "wrong", "right"]),
    st.integers(-4000, 4000),
    st.builds(STANDARD._replace, tries=st.integers(3, 5), lock_seconds=st.integers(300, 3600)),
)


class Model:
    """What the rules say, in a few plain values."""

    def __init__(self):
        self.tries, self.paused_after, self.until, self.seen = 0, 0, 0, 0

    def try_at(self, moment, policy, *, is_right):
        latest = max(self.seen, moment)
        if self.tries == 10:
            return Code.PIN_HARD_LOCKED
        if latest < self.until:
            return Code.PIN_LOCKED
        self.seen = latest
        self.tries, self.until = self.tries + 1, 0
        if is_right:
            self.tries, self.paused_after = 0, 0
        elif self.tries - self.paused_after >= policy.tries and self.tries < 10:
            self.paused_after, self.until = self.tries, latest + policy.lock_seconds
        return None


def try_for_real(user_id, policy=STANDARD, *, is_right):
    try:
        spend_try(Counter.PIN, user_id=user_id, policy=policy)
    except Refused as refused:
        return refused.code
    if is_right:
        Pin.objects.filter(user_id=user_id).update(**Counter.PIN.untried)
    return None


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=st.lists(steps, max_size=40))
def test_the_counter_does_what_the_rules_say_whatever_the_clock_does(history, ana):
    Pin.objects.update_or_create(
        user_id=ana.user_id,
        defaults={"hash": "set", "seen_at": 0, **Counter.PIN.untried},
    )
    model, policy = Model(), STANDARD
    with time_machine.travel(START, tick=False) as clock:
        for step in history:
            if isinstance(step, int):
                clock.shift(timedelta(seconds=step))
                continue
            if isinstance(step, PinPolicy):
                policy = step
                continue
            moment = int(datetime.now(UTC).timestamp())
            expected = model.try_at(moment, policy, is_right=step == "right")
            assert try_for_real(ana.user_id, policy, is_right=step == "right") == expected
            assert Pin.objects.get().tries == model.tries


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shifts=st.lists(st.integers(-100_000, 1799), max_size=30))
def test_no_clock_that_stays_within_half_an_hour_unlocks(shifts, ana):
    Pin.objects.update_or_create(
        user_id=ana.user_id,
        defaults={"hash": "set", "seen_at": 0, **Counter.PIN.untried},
    )
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(5):
            spend_try(Counter.PIN, user_id=ana.user_id, policy=STANDARD)
        for shift in shifts:
            clock.move_to(START + timedelta(seconds=shift))
            assert try_for_real(ana.user_id, is_right=True) == Code.PIN_LOCKED
            assert pin_status(ana.user_id).tries_left == 0
