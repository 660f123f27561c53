"""B3: however many wrong PINs are tried at once, five are evaluated."""

import signal
from collections import Counter

import pytest
from tests.fixtures.pins import PIN

from keydesk.control.stepup.actions import confirm, set_pin
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.rules import GuardedAction
from keydesk.control.stepup.tries import Counter as Counted

WRONG = "739104"
AT_ONCE = 64

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tries(ana, with_pin, call):
    """Give that many calls which confirm with a PIN, for the person whose PIN it is not, or is."""
    with_pin(ana)

    def tries(pin, times):
        return [call("confirm", ana, pin=pin, object_id="key_one")] * times

    return tries


def codes(outcomes):
    return Counter(code for code, _ in outcomes)


def forget_tries():
    Pin.objects.update(**Counted.PIN.untried)


def test_of_64_wrong_pins_at_once_exactly_five_are_evaluated_and_then_the_right_one_is_refused(
    crew, tries, rounds
):
    for _ in range(rounds):
        forget_tries()
        before = crew.evaluations()
        assert codes(crew.at_once(tries(WRONG, AT_ONCE))) == {"pin_wrong": 4, "pin_locked": 60}
        assert codes(crew.at_once(tries(PIN, AT_ONCE))) == {"pin_locked": AT_ONCE}
        assert (crew.evaluations() - before, Pin.objects.get().tries) == (5, 5)


def test_the_right_pin_among_wrong_ones_comes_in_or_five_were_evaluated(crew, tries):
    for _ in range(5):
        forget_tries()
        before = crew.evaluations()
        outcomes = codes(crew.at_once([*tries(WRONG, AT_ONCE // 2), *tries(PIN, 1)]))
        assert outcomes["ok"] == 1 or crew.evaluations() - before == 5


def test_a_killed_process_takes_no_try_back(crew, another_crew, tries):
    dying = another_crew("die_in_the_first_evaluation", processes=1)
    assert dying.at_once_until_death(tries(WRONG, 16)) == [-signal.SIGKILL]
    spent = Pin.objects.get().tries
    before = crew.evaluations()
    outcomes = codes(crew.at_once(tries(WRONG, AT_ONCE)))
    assert (1 <= spent <= 5, outcomes["pin_wrong"] + outcomes["pin_locked"]) == (True, AT_ONCE)
    assert (crew.evaluations() - before, Pin.objects.get().tries) == (5 - spent, 5)
    assert codes(crew.at_once(tries(PIN, 4))) == {"pin_locked": 4}


def test_of_several_first_pins_set_at_once_exactly_one_stands(ana, password, at_once):
    pins = ["482915", "739104", "300245"]

    def setting(pin):
        return lambda: set_pin(ana, pin=pin, password=password) or pin

    standing = [pin for pin in at_once(*map(setting, pins)) if pin in pins]
    assert len(standing) == 1
    confirm(ana, pin=standing[0], action=GuardedAction.KEY_REVEAL, object_id="key_one")


def test_a_counter_that_is_raised_after_the_evaluation_would_be_caught(another_crew, tries):
    naive = another_crew("count_after_the_evaluation")
    naive.at_once(tries(WRONG, 16))
    assert naive.evaluations() > 5
