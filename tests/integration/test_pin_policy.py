"""What the provider decides about PINs counts from the next try on, and never makes one easier to guess."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from tests.fixtures.browsing import KEYS, press_generate, shown_key
from tests.fixtures.pins import PIN

from keydesk.control.access.refused import Refused
from keydesk.control.outbox.models import Mail
from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup import actions, pins
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.queries import pin_status
from keydesk.control.stepup.rules import GuardedAction
from keydesk.core.codes import Code

WRONG = "739104"
START = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy(host):
    return lambda **changes: change_policies(host, changes=changes)


@pytest.fixture
def evaluations(monkeypatch):
    """Note each PIN that is evaluated, by the real function."""
    real, seen = pins.matches, []

    def matches(pin, *, user_id, stored):
        seen.append(pin)
        return real(pin, user_id=user_id, stored=stored)

    monkeypatch.setattr(pins, "matches", matches)
    return seen


def guess(actor, pin=WRONG):
    with pytest.raises(Refused) as refused:
        actions.confirm(actor, pin=pin, action=GuardedAction.KEY_REVEAL, object_id="key_one")
    return refused.value.code, refused.value.details


def test_three_tries_are_exactly_three_evaluations_and_ten_in_all(
    ana, with_pin, policy, evaluations
):
    policy(pin_tries=3, pin_lock_minutes=5)
    with time_machine.travel(START, tick=False) as clock:
        with_pin(ana)
        evaluations.clear()
        spent = []
        for _ in range(4):
            before = len(evaluations)
            outcomes = [guess(ana)[0] for _ in range(6)]
            spent.append((len(evaluations) - before, outcomes[-1]))
            clock.shift(timedelta(minutes=5))
    assert spent == [
        (3, Code.PIN_LOCKED),
        (3, Code.PIN_LOCKED),
        (3, Code.PIN_LOCKED),
        (1, Code.PIN_HARD_LOCKED),
    ]
    assert Pin.objects.get().tries == 10


def test_a_lock_lasts_as_long_as_the_policy_said_when_it_began(ana, with_pin, policy):
    policy(pin_tries=3, pin_lock_minutes=60)
    with time_machine.travel(START, tick=False) as clock:
        with_pin(ana)
        until = {"locked_until": START + timedelta(minutes=60)}
        assert [guess(ana) for _ in range(3)][-1] == (Code.PIN_LOCKED, until)
        policy(pin_lock_minutes=5)
        clock.shift(timedelta(minutes=59))
        assert guess(ana, PIN) == (Code.PIN_LOCKED, until)


def test_a_stricter_policy_leaves_who_is_in_the_middle_one_try(ana, with_pin, policy):
    with_pin(ana)
    assert [guess(ana) for _ in range(4)][-1] == (Code.PIN_WRONG, {"tries_left": 1})
    policy(pin_tries=3)
    assert pin_status(ana.user_id).tries_left == 1
    assert guess(ana)[0] == Code.PIN_LOCKED


def test_a_looser_policy_gives_no_try_back_and_unlocks_nobody(ana, with_pin, policy):
    policy(pin_tries=3)
    with time_machine.travel(START, tick=False) as clock:
        with_pin(ana)
        assert [guess(ana)[0] for _ in range(3)][-1] == Code.PIN_LOCKED
        policy(pin_tries=5)
        assert guess(ana)[0] == Code.PIN_LOCKED
        clock.shift(timedelta(minutes=30))
        left = [guess(ana)[1].get("tries_left") for _ in range(5)]
        assert left == [4, 3, 2, 1, None]
        clock.shift(timedelta(minutes=30))
        assert [guess(ana)[0] for _ in range(2)] == [Code.PIN_WRONG, Code.PIN_HARD_LOCKED]


def test_passwords_are_counted_under_the_same_policy(ana, policy):
    policy(pin_tries=3)
    codes = []
    for _ in range(4):
        with pytest.raises(Refused) as refused:
            actions.set_pin(ana, pin=PIN, password="not the password")
        codes.append(refused.value.code)
    assert codes == [Code.PASSWORD_WRONG] * 2 + [Code.PIN_LOCKED] * 2


@pytest.mark.parametrize(("pin", "is_long_enough"), [("4829153", False), ("48291537", True)])
def test_a_new_pin_has_as_many_digits_as_the_policy_asks_for(
    pin, is_long_enough, ana, password, policy
):
    policy(pin_min_digits=8)
    if is_long_enough:
        actions.set_pin(ana, pin=pin, password=password)
        assert pin_status(ana.user_id).is_set
        return
    with pytest.raises(Refused) as refused:
        actions.set_pin(ana, pin=pin, password=password)
    details = {"reason": "shape", "min_digits": 8}
    assert (refused.value.code, refused.value.details) == (Code.PIN_WEAK, details)


def test_a_pin_of_a_shorter_policy_still_confirms_and_its_owner_is_told_to_change_it(
    browse, ana, disbursement, with_pin, policy
):
    client = browse(with_pin(ana))
    told = b"fewer digits than are asked for now"
    _, answer = press_generate(client, PIN)
    assert told not in answer.content
    policy(pin_min_digits=8)
    _, answer = press_generate(client, PIN, name="Another")
    assert (shown_key(answer) is not None, told in answer.content) == (True, True)


@pytest.mark.parametrize(
    ("digits", "hint"), [(6, b"6 to 12 digits."), (9, b"9 to 12 digits."), (12, b"12 digits.")]
)
def test_the_form_says_how_many_digits_are_asked_for(digits, hint, browse, ana, policy):
    policy(pin_min_digits=digits)
    client, address = browse(ana), "/a/sinarabadi/settings/pin/"
    assert hint in client.get(address).content
    refused = client.post(address, {"new_pin": "482", "new_pin_again": "482"})
    said = b"exactly 12 digits" if digits == 12 else hint.removesuffix(b".") + b" and nothing else"
    assert (refused.status_code, said in refused.content) == (422, True)


def test_a_person_is_told_by_mail_when_their_pin_locks(ana, user_of, with_pin, policy):
    policy(pin_tries=3)
    with_pin(ana)
    for _ in range(5):
        guess(ana)
    mails = list(Mail.objects.values_list("kind", "to", "context"))
    assert mails == [("pin_locked", user_of(ana).email, {"name": "Ana"})]


def test_a_hard_locked_pin_leads_to_a_new_one(browse, ana, disbursement, with_pin):
    client = browse(with_pin(ana))
    Pin.objects.update(tries=10)
    address = f"{KEYS}generate/disbursement/live/"
    asked = client.post(address, {"step": "confirm", "name": "Ledger"})
    assert (asked.status_code, b"/settings/pin/forgotten/" in asked.content) == (423, True)
