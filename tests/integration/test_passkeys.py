"""A passkey takes the PIN's place for what it was asked for, once, in the session that asked, its user verified."""

import html
import json
import re
from datetime import timedelta

import msgspec
import pytest
import time_machine
from allauth.mfa.models import Authenticator
from tests.fixtures.browsing import KEYS, hidden, shown_key
from tests.fixtures.passkeys import PRESENT, Passkey

from keydesk.control.access.refused import Refused
from keydesk.control.audit.models import AuditEvent
from keydesk.control.keys.actions import reveal_key
from keydesk.control.keys.models import ApiKey
from keydesk.control.stepup import actions, grants
from keydesk.control.stepup.factors import ask_passkey
from keydesk.control.stepup.models import Challenge, Grant, Pin
from keydesk.control.stepup.rules import GuardedAction, Purpose
from keydesk.core.codes import Code

pytestmark = pytest.mark.django_db

REVEAL = {"action": GuardedAction.KEY_REVEAL, "object_id": "key_one"}


def ask(actor, purpose=Purpose.KEY_REVEAL, object_id="key_one"):
    return ask_passkey(actor, purpose=purpose, object_id=object_id)


def confirm(actor, answer, **named):
    return actions.confirm_with_passkey(actor, answer=answer, **REVEAL | named)


def is_refused(actor, answer, **named):
    with pytest.raises(Refused) as refused:
        confirm(actor, answer, **named)
    last = AuditEvent.objects.latest("seq").event
    return (refused.value.code, last, Grant.objects.count()) == (
        Code.PASSKEY_INVALID,
        "passkey.refused",
        0,
    )


def test_a_passkey_gives_the_grant_that_a_pin_gives_and_the_trail_says_by_what(
    ana, generate, passkey_of, everything_stored
):
    made, passkey = generate(ana), passkey_of(ana)
    asked = ask(ana, object_id=made.id)
    grant = confirm(ana, passkey.answer(asked), object_id=made.id)
    event = AuditEvent.objects.latest("seq")
    assert (event.event, event.object_id, event.details) == (
        "passkey.confirmed",
        made.id,
        {"action": "key.reveal", "by": "passkey", "passkey": "Laptop"},
    )
    assert reveal_key(ana, key_id=made.id, grant=grant).plaintext == made.plaintext
    with pytest.raises(Refused) as refused:
        reveal_key(ana, key_id=made.id, grant=grant)
    assert refused.value.code == Code.GRANT_INVALID
    assert asked["challenge"].encode() not in everything_stored()


def test_a_passkey_confirms_without_a_pin_and_past_a_locked_one(ana, passkey_of):
    passkey = passkey_of(ana)
    confirm(ana, passkey.answer(ask(ana)))
    Pin.objects.update(tries=10)
    confirm(ana, passkey.answer(ask(ana)))
    assert Pin.objects.get().hash is None


def test_an_answer_is_good_for_one_time(ana, passkey_of):
    answer = passkey_of(ana).answer(ask(ana))
    confirm(ana, answer)
    Grant.objects.all().delete()
    assert is_refused(ana, answer)


def test_a_wrong_answer_uses_its_challenge_up(ana, passkey_of):
    passkey, asked = passkey_of(ana), ask(ana)
    assert is_refused(ana, Passkey(passkey.user).answer(asked))
    assert is_refused(ana, passkey.answer(asked))


def test_an_answer_fits_what_was_asked_alone(ana, passkey_of):
    passkey = passkey_of(ana)
    assert is_refused(ana, passkey.answer(ask(ana)), object_id="key_two")
    elsewhere = {"action": GuardedAction.KEY_REGENERATE}
    assert is_refused(ana, passkey.answer(ask(ana)), **elsewhere)
    assert is_refused(ana, passkey.answer(ask(ana, purpose=Purpose.PIN_REPLACE)))


def test_an_answer_fits_the_session_and_person_who_asked_alone(ana, budi, passkey_of):
    passkey = passkey_of(ana)
    other_session = msgspec.structs.replace(ana, session="another session of ana")
    assert is_refused(other_session, passkey.answer(ask(ana)))
    passkey_of(budi)
    assert is_refused(budi, passkey.answer(ask(ana)))
    assert is_refused(budi, passkey.answer(ask(budi)))


@pytest.mark.parametrize(
    "changes",
    [
        {"challenge": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY"},
        {"flags": PRESENT},
        {"flags": 0},
        {"kind": "webauthn.create"},
    ],
    ids=["another challenge", "user not verified", "user not present", "another kind"],
)
def test_an_answer_that_is_not_what_was_asked_is_refused(changes, ana, passkey_of):
    passkey = passkey_of(ana)
    assert is_refused(ana, passkey.answer(ask(ana), **changes))


def test_an_answer_for_another_host_is_refused(ana, passkey_of):
    passkey = passkey_of(ana)
    passkey.host = "testserver.elsewhere.example"
    assert is_refused(ana, passkey.answer(ask(ana)))


def test_an_answer_with_another_signature_is_refused(ana, passkey_of):
    passkey = passkey_of(ana)
    sent = json.loads(passkey.answer(ask(ana)))
    sent["response"]["signature"] = json.loads(passkey.answer(ask(ana)))["response"]["signature"]
    assert is_refused(ana, json.dumps(sent))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{",
        "[]",
        "null",
        "1",
        "[" * 100_000,
        "{}",
        '{"rawId": 1}',
        '{"rawId": "AA", "response": {}}',
        '{"rawId": "AA", "response": []}',
        '{"rawId": "AA", "response": {"clientDataJSON": "AA", "authenticatorData": "", "signature": ""}}',
        '{"rawId": "AA", "response": {"clientDataJSON": "bnVsbA", "authenticatorData": "AA", "signature": "AA"}}',
    ],
)
def test_what_is_no_answer_is_refused_as_one(answer, ana, passkey_of):
    passkey_of(ana)
    assert is_refused(ana, answer)


def test_a_challenge_lasts_for_five_minutes_whatever_the_clock_does(ana, passkey_of, with_pin):
    with time_machine.travel("2031-05-06T07:08:09Z", tick=False) as clock:
        passkey = passkey_of(with_pin(ana))
        asked = [ask(ana) for _ in range(3)]
        clock.shift(timedelta(seconds=299))
        confirm(ana, passkey.answer(asked[0]))
        Grant.objects.all().delete()
        clock.shift(timedelta(seconds=1))
        assert is_refused(ana, passkey.answer(asked[1]))
        clock.shift(timedelta(seconds=1))
        assert grants.forget_old_grants() == 3


def test_a_new_pin_ends_what_a_passkey_was_asked_for(ana, passkey_of, with_pin, password):
    passkey, asked = passkey_of(with_pin(ana)), ask(ana)
    actions.set_pin(ana, pin="739104", password=password, current_pin="482915")
    assert Challenge.objects.count() == 0
    assert is_refused(ana, passkey.answer(asked))


def test_a_passkey_that_was_removed_confirms_nothing(ana, passkey_of):
    passkey, asked = passkey_of(ana), ask(ana)
    Authenticator.objects.all().delete()
    assert is_refused(ana, passkey.answer(asked))


def test_a_pause_on_seeing_keys_holds_for_a_passkey_too(ana, passkey_of, pin_link, password):
    passkey = passkey_of(ana)
    token = pin_link(ana)
    actions.replace_pin_by_link(ana, pin="739104", password=password, token=token)
    with pytest.raises(Refused) as refused:
        confirm(ana, passkey.answer(ask(ana)))
    assert refused.value.code == Code.REVEAL_PAUSED
    asked = ask(ana, purpose=Purpose.KEY_REGENERATE)
    confirm(ana, passkey.answer(asked), action=GuardedAction.KEY_REGENERATE)


def options_in(response):
    """Give what a page asks a passkey with, None if it asks for none."""
    found = re.search(r'data-request="([^"]*)"', response.content.decode())
    return found and json.loads(html.unescape(found[1]))


def test_the_dialogs_offer_a_passkey_to_whoever_has_one_and_take_its_answer(
    browse, ana, budi, disbursement, with_pin, passkey_of
):
    address, form = f"{KEYS}generate/disbursement/live/", {"step": "confirm", "name": "Ledger"}
    assert options_in(browse(with_pin(budi)).post(address, form)) is None
    client, passkey = browse(with_pin(ana)), passkey_of(ana)

    def press(address, form):
        asked = client.post(address, form) if form else client.get(address)
        answer = passkey.answer(options_in(asked))
        sent = {"step": "pin", "pin": "", "answer": answer}
        if b'name="request_token"' in asked.content:
            sent["request_token"] = hidden(asked, "request_token")
        return client.post(address, (form or {}) | sent)

    key = shown_key(press(address, form))
    row = re.search(r"(key_[0-9a-z]+)/reveal/", client.get(KEYS).content.decode())[1]
    assert shown_key(press(f"{KEYS}{row}/reveal/", None)) == key
    replaced = shown_key(press(f"{KEYS}{row}/regenerate/", {"step": "confirm"}))
    assert (key is None, replaced is None, replaced == key) == (False, False, False)


def test_a_passkey_that_was_asked_for_one_end_of_the_old_key_gives_it_no_other(
    browse, ana, generate, passkey_of
):
    made, passkey = generate(ana), passkey_of(ana)
    client, address = browse(ana), f"{KEYS}{made.id}/regenerate/"
    asked = client.post(address, {"step": "confirm", "overlap": "1h"})
    sent = {"step": "pin", "answer": passkey.answer(options_in(asked)), "request_token": "press"}
    assert client.post(address, sent | {"overlap": "30d"}).status_code == 422
    assert list(ApiKey.objects.values_list("id", "state")) == [(made.id, "ACTIVE")]


def test_who_has_a_passkey_and_no_pin_or_a_locked_one_is_offered_the_passkey(
    browse, ana, disbursement, passkey_of, with_pin
):
    address, form = f"{KEYS}generate/disbursement/live/", {"step": "confirm", "name": "Ledger"}
    client, passkey = browse(ana), passkey_of(ana)
    without = client.post(address, form)
    assert without.status_code == 409
    made = client.post(address, form | {"answer": passkey.answer(options_in(without))})
    assert shown_key(made) is not None
    with_pin(ana)
    Pin.objects.update(tries=10)
    locked = client.post(address, form)
    assert (locked.status_code, options_in(locked) is None) == (423, False)


def test_a_wrong_answer_is_told_and_another_one_may_follow(
    browse, ana, disbursement, with_pin, passkey_of
):
    address, form = f"{KEYS}generate/disbursement/live/", {"step": "pin", "name": "Ledger"}
    client, passkey = browse(with_pin(ana)), passkey_of(ana)
    refused = client.post(address, form | {"answer": "{}"})
    assert (refused.status_code, b"did not confirm" in refused.content) == (422, True)
    made = client.post(address, form | {"answer": passkey.answer(options_in(refused))})
    assert shown_key(made) is not None
