"""B3: of however many wrong PINs at once, as many are evaluated as the policy lets; what is single is used once."""

import signal
from collections import Counter

import pytest
from tests.fixtures.passkeys import Passkey
from tests.fixtures.pins import PIN

from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup.actions import confirm, replace_pin_by_link, set_pin
from keydesk.control.stepup.factors import ask_passkey
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.rules import GuardedAction, Purpose
from keydesk.control.stepup.tries import Counter as Counted

WRONG = "739104"
AT_ONCE = 64
POLICIES = [5, 3]
"""How many tries each lets; the first is what a desk begins with."""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=POLICIES, ids=lambda tries: f"{tries} tries")
def allowed(request, host):
    """How many tries the provider's policy lets."""
    change_policies(host, changes={"pin_tries": request.param})
    return request.param


@pytest.fixture
def rounds(rounds, allowed):
    """Race in full under the policy that a desk begins with; another one is the same race up to another number."""
    return rounds if allowed == POLICIES[0] else max(rounds // 10, 2)


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


def test_of_64_wrong_pins_at_once_exactly_as_many_as_the_policy_lets_are_evaluated_and_then_the_right_one_is_refused(
    crew, tries, allowed, rounds
):
    for _ in range(rounds):
        forget_tries()
        before = crew.evaluations()
        wrong = {"pin_wrong": allowed - 1, "pin_locked": AT_ONCE - allowed + 1}
        assert codes(crew.at_once(tries(WRONG, AT_ONCE))) == wrong
        assert codes(crew.at_once(tries(PIN, AT_ONCE))) == {"pin_locked": AT_ONCE}
        assert (crew.evaluations() - before, Pin.objects.get().tries) == (allowed, allowed)


def test_the_right_pin_among_wrong_ones_comes_in_or_all_that_the_policy_lets_were_evaluated(
    crew, tries, allowed
):
    for _ in range(5):
        forget_tries()
        before = crew.evaluations()
        outcomes = codes(crew.at_once([*tries(WRONG, AT_ONCE // 2), *tries(PIN, 1)]))
        assert outcomes["ok"] == 1 or crew.evaluations() - before == allowed


def test_a_killed_process_takes_no_try_back(crew, another_crew, tries):
    dying = another_crew("die_in_the_first_evaluation", processes=1)
    assert dying.at_once_until_death(tries(WRONG, 16)) == [-signal.SIGKILL]
    spent = Pin.objects.get().tries
    before = crew.evaluations()
    outcomes = codes(crew.at_once(tries(WRONG, AT_ONCE)))
    assert (1 <= spent <= 5, outcomes["pin_wrong"] + outcomes["pin_locked"]) == (True, AT_ONCE)
    assert (crew.evaluations() - before, Pin.objects.get().tries) == (5 - spent, 5)
    assert codes(crew.at_once(tries(PIN, 4))) == {"pin_locked": 4}


def test_of_several_new_pins_through_one_link_at_once_exactly_one_stands(
    ana, pin_link, password, at_once
):
    token, pins = pin_link(ana), ["739104", "300245", "846203", "591738"]

    def replacing(pin):
        named = {"pin": pin, "password": password, "token": token}
        return lambda: replace_pin_by_link(ana, **named) or pin

    standing = [pin for pin in at_once(*map(replacing, pins)) if pin in pins]
    assert len(standing) == 1
    confirm(ana, pin=standing[0], action=GuardedAction.KEY_GENERATE, object_id="any")


def test_an_answer_of_a_passkey_sent_32_times_at_once_gives_one_grant(
    crew, call, ana, user_of, in_a_request, with_pin
):
    passkey = Passkey(user_of(with_pin(ana)), host="localhost").register()
    asked = ask_passkey(ana, purpose=Purpose.KEY_REVEAL, object_id="key_one")
    calls = [call("passkey", ana, answer=passkey.answer(asked), object_id="key_one")] * 32
    assert codes(crew.at_once(calls)) == {"ok": 1, "passkey_invalid": 31}


def test_of_several_first_pins_set_at_once_exactly_one_stands(ana, password, at_once):
    pins = ["482915", "739104", "300245"]

    def setting(pin):
        return lambda: set_pin(ana, pin=pin, password=password) or pin

    standing = [pin for pin in at_once(*map(setting, pins)) if pin in pins]
    assert len(standing) == 1
    confirm(ana, pin=standing[0], action=GuardedAction.KEY_REVEAL, object_id="key_one")


def test_a_counter_that_is_raised_after_the_evaluation_would_be_caught(
    costly_pins, another_crew, tries
):
    naive = another_crew("count_after_the_evaluation", processes=2)
    naive.at_once(tries(WRONG, 16))
    assert naive.evaluations() > 5
