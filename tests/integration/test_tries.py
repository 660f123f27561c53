"""The counter of tries against a model of it, over clocks that go anywhere."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keydesk.control.access.refused import Refused
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.queries import pin_status
from keydesk.control.stepup.tries import Counter, spend_try
from keydesk.core.codes import Code

START = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db

steps = st.one_of(
    st.sampled_from(["wrong", "wrong", "wrong", "right"]),
    st.integers(-4000, 4000),
)


class Model:
    """What the rules say, in a few plain values."""

    def __init__(self):
        self.tries, self.until, self.seen = 0, 0, 0

    def try_at(self, moment, *, is_right):
        latest = max(self.seen, moment)
        if self.tries == 10:
            return Code.PIN_HARD_LOCKED
        if latest < self.until:
            return Code.PIN_LOCKED
        self.seen = latest
        self.tries = 0 if is_right else self.tries + 1
        self.until = latest + 1800 if self.tries == 5 else 0
        return None


def try_for_real(user_id, *, is_right):
    try:
        spend_try(Counter.PIN, user_id=user_id)
    except Refused as refused:
        return refused.code
    if is_right:
        Pin.objects.filter(user_id=user_id).update(tries=0, locked_until=None)
    return None


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=st.lists(steps, max_size=40))
def test_the_counter_does_what_the_rules_say_whatever_the_clock_does(history, ana):
    Pin.objects.update_or_create(
        user_id=ana.user_id,
        defaults={"hash": "set", "tries": 0, "locked_until": None, "seen_at": 0},
    )
    model = Model()
    with time_machine.travel(START, tick=False) as clock:
        for step in history:
            if isinstance(step, int):
                clock.shift(timedelta(seconds=step))
                continue
            moment = int(datetime.now(UTC).timestamp())
            expected = model.try_at(moment, is_right=step == "right")
            assert try_for_real(ana.user_id, is_right=step == "right") == expected
            assert Pin.objects.get().tries == model.tries


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shifts=st.lists(st.integers(-100_000, 1799), max_size=30))
def test_no_clock_that_stays_within_half_an_hour_unlocks(shifts, ana):
    Pin.objects.update_or_create(
        user_id=ana.user_id,
        defaults={"hash": "set", "tries": 0, "locked_until": None, "seen_at": 0},
    )
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(5):
            spend_try(Counter.PIN, user_id=ana.user_id)
        for shift in shifts:
            clock.move_to(START + timedelta(seconds=shift))
            assert try_for_real(ana.user_id, is_right=True) == Code.PIN_LOCKED
            assert pin_status(ana.user_id).tries_left == 0
