import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import time_machine
from argon2 import PasswordHasher as Argon2
from argon2 import _password_hasher, low_level
from django.db import transaction
from tests.fixtures.pins import PIN

from keydesk.control.access.refused import Refused
from keydesk.control.audit.models import AuditEvent
from keydesk.control.keys import actions as keys
from keydesk.control.people.passwords import PasswordHasher
from keydesk.control.stepup import actions, grants, pins
from keydesk.control.stepup.models import Grant, Pin
from keydesk.control.stepup.queries import PinStatus, pin_status
from keydesk.control.stepup.rules import GuardedAction
from keydesk.core.codes import Code

WRONG = "739104"
START = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)

pytestmark = pytest.mark.django_db


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as refused:
        function(*arguments, **named)
    return refused.value.code, refused.value.details


def confirm(actor, pin=PIN, action=GuardedAction.KEY_REVEAL, object_id="key_one"):
    return actions.confirm(actor, pin=pin, action=action, object_id=object_id)


def guess(actor, times):
    return [refusal(confirm, actor, WRONG) for _ in range(times)]


def events():
    return list(AuditEvent.objects.order_by("seq").values_list("event", flat=True))


def test_without_a_pin_nothing_can_be_confirmed(ana):
    assert refusal(confirm, ana) == (Code.PIN_NOT_SET, {})
    assert pin_status(ana.user_id) == PinStatus(False, 5, None, False)


def test_a_set_pin_confirms_and_is_stored_as_an_argon2id_hash_alone(
    ana, with_pin, everything_stored, costly_pins
):
    with_pin(ana)
    stored = Pin.objects.get().hash
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert len(confirm(ana)) == 22
    assert pin_status(ana.user_id) == PinStatus(True, 5, None, False)
    assert PIN.encode() not in everything_stored()


def test_a_hash_copied_to_another_person_fits_nobody_there(ana, budi, with_pin):
    with_pin(ana)
    Pin.objects.create(user_id=budi.user_id, hash=Pin.objects.get().hash)
    assert refusal(confirm, budi) == (Code.PIN_WRONG, {"tries_left": 4})


class Watch:
    """Notes how many hashes are made at the same time, by the real functions that it wraps."""

    def __init__(self):
        self.running, self.most, self.lock = 0, 0, threading.Lock()

    def around(self, real):
        def watched(*args, **kwargs):
            self.note(1)
            try:
                return real(*args, **kwargs)
            finally:
                self.note(-1)

        return watched

    def note(self, change):
        with self.lock:
            self.running += change
            self.most = max(self.most, self.running)


def test_at_most_two_pins_and_passwords_are_hashed_at_a_time(
    monkeypatch, at_once, password, costly_pins
):
    watch, hasher = Watch(), PasswordHasher()
    for module in (low_level, _password_hasher):
        for name in ("hash_secret", "verify_secret"):
            monkeypatch.setattr(module, name, watch.around(getattr(module, name)))
    stored = hasher.encode(password, "saltsaltsaltsalt")
    kinds = (
        lambda: pins.hash_pin(PIN, user_id=1),
        lambda: hasher.verify(password, stored),
        lambda: hasher.encode(password, "saltsaltsaltsalt"),
    )
    hashes = at_once(*kinds * 4)
    assert (watch.most, len(set(hashes))) == (2, 4 + 1 + 1)


def test_a_hash_that_cannot_be_read_fits_nobody(ana, with_pin):
    with_pin(ana)
    Pin.objects.update(hash="damaged")
    assert refusal(confirm, ana) == (Code.PIN_WRONG, {"tries_left": 4})


def test_a_hash_of_older_parameters_is_made_anew_by_the_next_right_try(ana, with_pin, costly_pins):
    with_pin(ana)
    older = Argon2(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    Pin.objects.update(hash=older.hash(pins._peppered(PIN, ana.user_id)))
    confirm(ana)
    assert "m=65536,t=3,p=1" in Pin.objects.get().hash
    confirm(ana)


def test_five_wrong_tries_lock_for_half_an_hour_and_five_more_until_a_reset(ana, with_pin):
    until = {"locked_until": START + HALF_AN_HOUR}
    with time_machine.travel(START, tick=False) as clock:
        with_pin(ana)
        counted = [(Code.PIN_WRONG, {"tries_left": left}) for left in (4, 3, 2, 1)]
        assert guess(ana, 6) == [*counted, (Code.PIN_LOCKED, until), (Code.PIN_LOCKED, until)]
        assert refusal(confirm, ana) == (Code.PIN_LOCKED, until)
        assert pin_status(ana.user_id) == PinStatus(True, 0, START + HALF_AN_HOUR, False)
        clock.move_to(START + HALF_AN_HOUR)
        assert pin_status(ana.user_id) == PinStatus(True, 5, None, False)
        assert guess(ana, 6) == [*counted, (Code.PIN_HARD_LOCKED, {}), (Code.PIN_HARD_LOCKED, {})]
        clock.move_to(START + timedelta(days=999))
        assert refusal(confirm, ana) == (Code.PIN_HARD_LOCKED, {})
        assert pin_status(ana.user_id) == PinStatus(True, 0, None, True)


def test_a_right_try_puts_the_counter_back(ana, with_pin):
    with time_machine.travel(START, tick=False) as clock:
        with_pin(ana)
        guess(ana, 4)
        confirm(ana)
        guess(ana, 5)
        clock.move_to(START + HALF_AN_HOUR)
        guess(ana, 4)
        confirm(ana)
        assert pin_status(ana.user_id) == PinStatus(True, 5, None, False)


def test_putting_the_clock_back_never_unlocks(ana, with_pin):
    with time_machine.travel(START, tick=False) as clock:
        with_pin(ana)
        guess(ana, 4)
        clock.move_to(START - timedelta(days=1))
        guess(ana, 1)
        assert pin_status(ana.user_id).locked_until == START + HALF_AN_HOUR
        clock.move_to(START + HALF_AN_HOUR - timedelta(seconds=1))
        assert refusal(confirm, ana)[0] == Code.PIN_LOCKED
        clock.move_to(START + HALF_AN_HOUR)
        confirm(ana)


@pytest.mark.parametrize(
    "pin", ["", " 482915", "482915 ", "\uff14\uff18\uff12\uff19\uff11\uff15", "482915\0", "4829"]
)
def test_a_text_that_can_be_no_pin_costs_no_try_and_is_no_second_spelling(pin, ana, with_pin):
    with_pin(ana)
    assert refusal(confirm, ana, pin) == (Code.INVALID_INPUT, {"field": "pin"})
    assert pin_status(ana.user_id).tries_left == 5


def test_every_failure_leaves_an_event_and_the_fifth_says_that_it_locks(ana, with_pin):
    with_pin(ana)
    before = len(events())
    guess(ana, 5)
    assert events()[before:] == ["pin.failed"] * 4 + ["pin.locked"]
    assert WRONG not in str(list(AuditEvent.objects.values()))


def test_a_try_on_a_locked_pin_is_noted_once_for_as_long_as_a_lock_lasts(ana, with_pin):
    with time_machine.travel(START, tick=False) as clock:
        with_pin(ana)
        Pin.objects.update(tries=10)
        before = len(events())
        for moment in (0, 60, 30 * 60):
            clock.move_to(START + timedelta(seconds=moment))
            guess(ana, 3)
        assert events()[before:] == ["pin.refused"]
        clock.move_to(START + timedelta(seconds=30 * 60 + 1))
        guess(ana, 3)
    assert events()[before:] == ["pin.refused"] * 2


@pytest.mark.django_db(transaction=True)
def test_a_pin_is_never_evaluated_inside_a_transaction_that_could_forget_the_try(ana, with_pin):
    with_pin(ana)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        confirm(ana, WRONG)


def test_the_first_pin_takes_the_password_whose_failures_are_counted_too(ana, password):
    wrong = {"pin": PIN, "password": "not the password"}
    left = [refusal(actions.set_pin, ana, **wrong) for _ in range(4)]
    assert left == [(Code.PASSWORD_WRONG, {"tries_left": left}) for left in (4, 3, 2, 1)]
    assert refusal(actions.set_pin, ana, **wrong)[0] == Code.PIN_LOCKED
    assert refusal(actions.set_pin, ana, pin=PIN, password=password)[0] == Code.PIN_LOCKED
    assert events()[-5:] == ["password.failed"] * 5
    assert not pin_status(ana.user_id).is_set


@pytest.mark.parametrize(
    ("pin", "details"),
    [
        ("123456", {"reason": "run"}),
        ("19450817", {"reason": "date"}),
        ("12345", {"reason": "shape", "min_digits": 6}),
    ],
)
def test_a_weak_pin_is_refused_with_its_reason(pin, details, ana, password):
    refused = refusal(actions.set_pin, ana, pin=pin, password=password)
    assert refused == (Code.PIN_WEAK, details)


def test_a_pin_is_never_the_password(ana, user_of):
    user = user_of(ana)
    user.set_password("60718293041")
    user.save()
    refused = refusal(actions.set_pin, ana, pin="60718293041", password="60718293041")
    assert refused == (Code.PIN_WEAK, {"reason": "password"})


def test_changing_a_pin_takes_the_current_one_and_never_an_earlier_one(ana, password, with_pin):
    with_pin(ana)
    change = {"pin": WRONG, "password": password}
    assert refusal(actions.set_pin, ana, **change)[0] == Code.INVALID_INPUT
    assert refusal(actions.set_pin, ana, **change, current_pin=WRONG)[0] == Code.PIN_WRONG
    same = refusal(actions.set_pin, ana, pin=PIN, password=password, current_pin=PIN)
    assert same == (Code.PIN_WEAK, {"reason": "previous"})
    actions.set_pin(ana, **change, current_pin=PIN)
    back = refusal(actions.set_pin, ana, pin=PIN, password=password, current_pin=WRONG)
    assert back == (Code.PIN_WEAK, {"reason": "previous"})
    assert refusal(confirm, ana)[0] == Code.PIN_WRONG
    confirm(ana, WRONG)


def test_a_locked_pin_cannot_be_changed(ana, password, with_pin):
    with_pin(ana)
    guess(ana, 5)
    change = {"pin": WRONG, "password": password, "current_pin": PIN}
    assert refusal(actions.set_pin, ana, **change)[0] == Code.PIN_LOCKED


def test_a_reset_ends_the_hard_lock_and_the_grants_and_lets_another_pin_be_set(
    ana, host, password, with_pin
):
    with_pin(ana)
    confirm(ana)
    Pin.objects.update(tries=10)
    assert refusal(confirm, ana)[0] == Code.PIN_HARD_LOCKED
    actions.reset_pin(host, user_id=ana.user_id)
    assert (Grant.objects.count(), refusal(confirm, ana)[0]) == (0, Code.PIN_NOT_SET)
    again = refusal(actions.set_pin, ana, pin=PIN, password=password)
    assert again == (Code.PIN_WEAK, {"reason": "previous"})
    actions.set_pin(ana, pin=WRONG, password=password)
    assert events()[-2:] == ["pin.reset", "pin.set"]


def test_a_pin_that_was_never_set_cannot_be_reset(ana, host):
    assert refusal(actions.reset_pin, host, user_id=ana.user_id) == (Code.PIN_NOT_SET, {})


@pytest.fixture
def changed_in_between(monkeypatch):
    """Let the stored hash change, as by another session, right after each evaluation."""
    real, another = pins.matches, pins.hash_pin("300245", user_id=0)

    def matches(pin, *, user_id, stored):
        is_right = real(pin, user_id=user_id, stored=stored)
        Pin.objects.filter(user_id=user_id).update(hash=another)
        return is_right

    monkeypatch.setattr(pins, "matches", matches)


def test_a_pin_that_changes_while_it_is_checked_confirms_and_changes_nothing(
    ana, password, with_pin, changed_in_between
):
    with_pin(ana)
    stored = Pin.objects.get().hash
    assert refusal(confirm, ana)[0] == Code.STATE_CONFLICT
    Pin.objects.update(hash=stored, tries=0)
    change = {"pin": WRONG, "password": password, "current_pin": PIN}
    assert refusal(actions.set_pin, ana, **change)[0] == Code.STATE_CONFLICT
    assert (Grant.objects.count(), refusal(confirm, ana, WRONG)[0]) == (0, Code.PIN_WRONG)


def test_only_the_internal_team_and_the_host_reset_a_pin(ana, budi, eko, with_pin):
    with_pin(ana)
    assert refusal(actions.reset_pin, budi, user_id=ana.user_id)[0] == Code.PERMISSION_DENIED
    actions.reset_pin(eko, user_id=ana.user_id)
    assert not pin_status(ana.user_id).is_set


def test_who_may_not_act_on_keys_gets_no_grant_and_staff_has_no_pin(citra, eko, host):
    assert [refusal(confirm, actor)[0] for actor in (citra, eko, host)] == [
        Code.PERMISSION_DENIED
    ] * 3


@pytest.mark.parametrize(
    ("moment", "fits"),
    [
        (timedelta(milliseconds=119_999), True),
        (timedelta(milliseconds=120_000), False),
        (timedelta(milliseconds=120_001), False),
        (timedelta(milliseconds=-1), False),
    ],
    ids=str,
)
def test_a_grant_lives_for_two_minutes(moment, fits, ana, generate, granted):
    with time_machine.travel(START, tick=False) as clock:
        made = generate(ana)
        grant = granted(ana, GuardedAction.KEY_REVEAL, made.id)
        Pin.objects.update(seen_at=0)
        clock.move_to(START + moment)
        if fits:
            assert keys.reveal_key(ana, key_id=made.id, grant=grant).id == made.id
        else:
            refused = refusal(keys.reveal_key, ana, key_id=made.id, grant=grant)
            assert refused == (Code.GRANT_INVALID, {})


def test_putting_the_clock_back_never_brings_a_grant_back(ana, generate, granted):
    with time_machine.travel(START, tick=False) as clock:
        made = generate(ana)
        grant = granted(ana, GuardedAction.KEY_REVEAL, made.id)
        for moment in (timedelta(seconds=121), timedelta(seconds=60)):
            clock.move_to(START + moment)
            refused = refusal(keys.reveal_key, ana, key_id=made.id, grant=grant)
            assert refused == (Code.GRANT_INVALID, {})


def test_a_clock_that_ran_ahead_and_was_put_right_takes_no_grant_away(ana, generate, granted):
    with time_machine.travel(START, tick=False) as clock:
        made = generate(ana)
        for moment in (timedelta(days=1), timedelta(0)):
            clock.move_to(START + moment)
            grant = granted(ana, GuardedAction.KEY_REVEAL, made.id)
            assert keys.reveal_key(ana, key_id=made.id, grant=grant).id == made.id


def test_a_reset_forgets_a_clock_that_ran_ahead(ana, host, password, with_pin):
    with time_machine.travel(START + timedelta(days=1), tick=False) as clock:
        with_pin(ana)
        clock.move_to(START)
        actions.reset_pin(host, user_id=ana.user_id)
        actions.set_pin(ana, pin=WRONG, password=password)
        guess = [refusal(confirm, ana, PIN) for _ in range(5)]
        assert guess[-1] == (Code.PIN_LOCKED, {"locked_until": START + HALF_AN_HOUR})


def test_a_new_pin_ends_the_grants_of_the_old_one(ana, password, generate, granted):
    made = generate(ana)
    grant = granted(ana, GuardedAction.KEY_REVEAL, made.id)
    actions.set_pin(ana, pin=WRONG, password=password, current_pin=PIN)
    assert refusal(keys.reveal_key, ana, key_id=made.id, grant=grant)[0] == Code.GRANT_INVALID


def test_a_grant_is_no_use_in_another_account_or_after_the_role_is_lost(
    ana, samudra, generate, granted
):
    made = generate(ana)
    grant = granted(ana, GuardedAction.KEY_REVEAL, made.id)
    elsewhere = msgspec.structs.replace(ana, account_id=samudra.id)
    demoted = msgspec.structs.replace(ana, role="maker")
    codes = [
        refusal(keys.reveal_key, actor, key_id=made.id, grant=grant)[0]
        for actor in (elsewhere, demoted)
    ]
    assert codes == [Code.NOT_FOUND, Code.PERMISSION_DENIED]


def test_a_refused_action_leaves_its_grant_unspent(ana, generate, granted):
    made = generate(ana)
    grant = granted(ana, GuardedAction.KEY_REGENERATE, made.id)
    named = {"key_id": made.id, "grant": grant}
    assert refusal(keys.regenerate_key, ana, **named, request_token="")[0] == Code.INVALID_INPUT
    assert keys.regenerate_key(ana, **named, request_token="press").created


def test_old_grants_are_forgotten_and_others_kept(ana, with_pin):
    with time_machine.travel(START, tick=False) as clock:
        with_pin(ana)
        confirm(ana)
        clock.move_to(START + timedelta(seconds=60))
        confirm(ana)
        clock.move_to(START + timedelta(seconds=130))
        assert (grants.forget_old_grants(), Grant.objects.count()) == (1, 1)


def test_no_grant_is_stored_but_its_digest(ana, with_pin, everything_stored):
    grant = confirm(with_pin(ana))
    assert grant.encode() not in everything_stored()
