"""A forgotten PIN is replaced on a second factor, or through a mailed link and then with a pause on seeing keys."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from tests.fixtures.pins import PIN

from keydesk.control.access.refused import Refused
from keydesk.control.audit.models import AuditEvent
from keydesk.control.keys.actions import generate_key, regenerate_key, reveal_key, revoke_key
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.outbox.models import Mail
from keydesk.control.people.actions import member_ref
from keydesk.control.policies.actions import change_policies
from keydesk.control.security.actions import use_code
from keydesk.control.stepup import actions, grants
from keydesk.control.stepup.factors import ask_passkey
from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.queries import pin_status
from keydesk.control.stepup.rules import GuardedAction, Purpose
from keydesk.core.codes import Code

NEW = "739104"
START = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAGE = "/a/sinarabadi/settings/pin/forgotten/"

pytestmark = pytest.mark.django_db


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as refused:
        function(*arguments, **named)
    return refused.value.code, refused.value.details


def give(actor, action, object_id):
    return grants.give(actor, action=action, object_id=object_id)


def confirm(actor, pin, action=GuardedAction.KEY_GENERATE, object_id="disbursement/live"):
    return actions.confirm(actor, pin=pin, action=action, object_id=object_id)


@pytest.fixture
def by_link(pin_link, password):
    """Replace a member's PIN through a mailed link."""

    def by_link(actor, pin=NEW):
        token = pin_link(actor)
        actions.replace_pin_by_link(actor, pin=pin, password=password, token=token)

    return by_link


@pytest.fixture
def still():
    """Stop the clock, so that no code of an app runs out between being read and being typed."""
    with time_machine.travel(START, tick=False):
        yield


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("kind", ["totp", "recovery_codes", "passkey"])
def test_password_and_second_factor_replace_a_pin_and_pause_nothing(
    kind, ana, with_pin, codes_of, passkey_of, password, generate
):
    made = generate(with_pin(ana))
    code, recovery = codes_of(ana)
    object_id = member_ref(ana.user_id)
    proof = {
        "totp": lambda: {"code": code()},
        "recovery_codes": lambda: {"code": recovery[3]},
        "passkey": lambda: {
            "answer": passkey_of(ana).answer(
                ask_passkey(ana, purpose=Purpose.PIN_REPLACE, object_id=object_id)
            )
        },
    }[kind]()
    actions.replace_pin(ana, pin=NEW, password=password, **proof)
    event = AuditEvent.objects.latest("seq")
    assert (event.event, event.details) == ("pin.replaced", {"by": kind})
    assert refusal(confirm, ana, PIN)[0] == Code.PIN_WRONG
    grant = confirm(ana, NEW, GuardedAction.KEY_REVEAL, made.id)
    assert reveal_key(ana, key_id=made.id, grant=grant).plaintext == made.plaintext
    # What proved it once proves nothing again.
    again = refusal(actions.replace_pin, ana, pin="300245", password=password, **proof)
    assert again == (Code.SECOND_FACTOR_WRONG, {"tries_left": 4})


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("kind", ["totp", "recovery_codes"])
def test_a_code_that_was_spent_at_the_log_in_replaces_no_pin(
    kind, ana, with_pin, codes_of, password
):
    with_pin(ana)
    code, recovery = codes_of(ana)
    typed = {"totp": code(), "recovery_codes": recovery[3]}[kind]
    assert use_code(ana, code=typed).type == kind
    again = refusal(actions.replace_pin, ana, pin=NEW, password=password, code=typed)
    assert again == (Code.SECOND_FACTOR_WRONG, {"tries_left": 4})
    confirm(ana, PIN)


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("kind", ["totp", "recovery_codes"])
def test_a_code_that_replaced_a_pin_logs_nobody_in(kind, ana, with_pin, codes_of, password):
    with_pin(ana)
    code, recovery = codes_of(ana)
    typed = {"totp": code(), "recovery_codes": recovery[3]}[kind]
    actions.replace_pin(ana, pin=NEW, password=password, code=typed)
    assert refusal(use_code, ana, code=typed)[0] == Code.INVALID_INPUT


def test_a_hard_locked_pin_is_replaced_as_a_forgotten_one(ana, with_pin, codes_of, password):
    with_pin(ana)
    Pin.objects.update(tries=10)
    actions.replace_pin(ana, pin=NEW, password=password, code=codes_of(ana)[1][0])
    assert pin_status(ana.user_id).tries_left == 5
    confirm(ana, NEW)


def test_wrong_factors_lock_even_between_right_passwords(ana, with_pin, codes_of, password):
    with_pin(ana)
    code, _ = codes_of(ana)
    wrong = {"pin": NEW, "password": password, "code": "00000000"}
    found = []
    for _ in range(5):
        found.append(refusal(actions.replace_pin, ana, **wrong)[0])
        # A right password alone puts no counter but its own back.
        assert refusal(actions.set_pin, ana, pin=NEW, password=password)[0] == Code.INVALID_INPUT
    assert found == [Code.SECOND_FACTOR_WRONG] * 4 + [Code.PIN_LOCKED]
    last = refusal(actions.replace_pin, ana, pin=NEW, password=password, code=code())
    assert last[0] == Code.PIN_LOCKED
    assert AuditEvent.objects.filter(event="second_factor.failed").count() == 5


def test_a_factor_without_the_password_or_of_somebody_else_replaces_nothing(
    ana, budi, with_pin, codes_of, password
):
    with_pin(ana)
    _, budis = codes_of(budi)
    _, anas = codes_of(ana)
    wrong = refusal(actions.replace_pin, ana, pin=NEW, password="not the one", code=anas[0])
    assert wrong[0] == Code.PASSWORD_WRONG
    others = refusal(actions.replace_pin, ana, pin=NEW, password=password, code=budis[0])
    assert others[0] == Code.SECOND_FACTOR_WRONG
    assert refusal(actions.replace_pin, ana, pin=NEW, password=password)[0] == others[0]
    confirm(ana, PIN)


def test_who_has_no_pin_has_none_to_replace(ana, password):
    assert refusal(actions.replace_pin, ana, pin=NEW, password=password) == (Code.PIN_NOT_SET, {})
    asked = refusal(actions.mail_pin_link, ana, password=password, url_of=str)
    assert asked == (Code.PIN_NOT_SET, {})


def test_a_link_is_mailed_for_the_password_alone_and_is_no_secret_in_the_trail(
    ana, user_of, pin_link, with_pin
):
    wrong = refusal(actions.mail_pin_link, with_pin(ana), password="not the one", url_of=str)
    assert (wrong[0], Mail.objects.count()) == (Code.PASSWORD_WRONG, 0)
    token = pin_link(ana)
    mail = Mail.objects.get(kind=MailKind.PIN_RESET)
    context = {"name": "Ana", "url": token}
    assert (mail.kind, mail.to, mail.context) == ("pin_reset", user_of(ana).email, context)
    assert token not in str(list(AuditEvent.objects.values()))


def test_a_link_replaces_the_pin_once(ana, pin_link, password):
    token = pin_link(ana)
    actions.replace_pin_by_link(ana, pin=NEW, password=password, token=token)
    confirm(ana, NEW)
    again = {"pin": "300245", "password": password, "token": token}
    assert refusal(actions.replace_pin_by_link, ana, **again) == (Code.PIN_LINK_INVALID, {})


def test_of_one_link_used_in_two_places_at_once_one_pin_stands(ana, pin_link, password):
    tokens = [pin_link(ana), pin_link(ana)]
    actions.replace_pin_by_link(ana, pin=NEW, password=password, token=tokens[0])
    other = {"pin": "300245", "password": password, "token": tokens[1]}
    assert refusal(actions.replace_pin_by_link, ana, **other) == (Code.PIN_LINK_INVALID, {})


def change(ana, password, host):
    actions.set_pin(ana, pin="300245", password=password, current_pin=PIN)


def reset(ana, password, host):
    actions.reset_pin(host, user_id=ana.user_id)


@pytest.mark.parametrize("happens", [change, reset])
def test_a_link_is_void_once_the_pin_has_changed(happens, ana, host, pin_link, password):
    token = pin_link(ana)
    happens(ana, password, host)
    again = {"pin": NEW, "password": password, "token": token}
    assert refusal(actions.replace_pin_by_link, ana, **again) == (Code.PIN_LINK_INVALID, {})


def test_a_link_is_of_one_person_and_of_this_desk(ana, budi, with_pin, pin_link, password):
    token = pin_link(ana)
    named = {"pin": NEW, "password": password}
    refused = [
        refusal(actions.replace_pin_by_link, actor, **named, token=used)
        for actor, used in [
            (with_pin(budi), token),
            (ana, token[:-1]),
            (ana, token.replace(":", "")),
            (ana, ""),
        ]
    ]
    assert refused == [(Code.PIN_LINK_INVALID, {})] * 4


def test_a_link_lasts_for_half_an_hour_whatever_the_clock_does(ana, pin_link, password, with_pin):
    with time_machine.travel(START, tick=False) as clock:
        token = pin_link(ana)
        named = {"pin": NEW, "password": password, "token": token}
        clock.move_to(START + HOUR / 2)
        assert refusal(actions.replace_pin_by_link, ana, **named)[0] == Code.PIN_LINK_INVALID
        # The row notes the moment; a clock that is put back does not bring the link back.
        refusal(confirm, ana, "300245")
        clock.move_to(START)
        assert refusal(actions.replace_pin_by_link, ana, **named)[0] == Code.PIN_LINK_INVALID


def test_a_link_needs_the_password_and_a_strong_pin(ana, pin_link, password):
    token = pin_link(ana)
    weak = refusal(actions.replace_pin_by_link, ana, pin="123456", password=password, token=token)
    same = refusal(actions.replace_pin_by_link, ana, pin=PIN, password=password, token=token)
    assert (weak[0], same) == (Code.PIN_WEAK, (Code.PIN_WEAK, {"reason": "previous"}))
    wrong = refusal(actions.replace_pin_by_link, ana, pin=NEW, password="no", token=token)
    assert wrong[0] == Code.PASSWORD_WRONG
    actions.replace_pin_by_link(ana, pin=NEW, password=password, token=token)


def test_after_a_link_keys_are_not_shown_for_an_hour_and_all_else_works(
    ana, sinar, generate, by_link
):
    with time_machine.travel(START, tick=False) as clock:
        made = generate(ana)
        by_link(ana)
        paused = (Code.REVEAL_PAUSED, {"locked_until": START + HOUR})
        asked = refusal(confirm, ana, NEW, GuardedAction.KEY_REVEAL, made.id)
        grant = give(ana, GuardedAction.KEY_REVEAL, made.id)
        used = refusal(reveal_key, ana, key_id=made.id, grant=grant)
        assert (asked, used) == (paused, paused)
        replace = confirm(ana, NEW, GuardedAction.KEY_REGENERATE, made.id)
        new = regenerate_key(ana, key_id=made.id, grant=replace, request_token="again")
        generate_key(
            ana,
            account_id=sinar.id,
            product="disbursement",
            environment="live",
            name="Another",
            grant=confirm(ana, NEW),
            request_token="another",
        )
        clock.move_to(START + HOUR)
        grant = confirm(ana, NEW, GuardedAction.KEY_REVEAL, new.id)
        assert reveal_key(ana, key_id=new.id, grant=grant).plaintext == new.plaintext
        revoke_key(ana, key_id=new.id)


def test_nothing_but_time_ends_the_pause(ana, host, by_link, password, codes_of):
    with time_machine.travel(START, tick=False) as clock:
        by_link(ana)
        actions.set_pin(ana, pin="300245", password=password, current_pin=NEW)
        clock.move_to(START - timedelta(days=1))
        paused = {pin_status(ana.user_id).reveals_from}
        clock.move_to(START + HOUR - timedelta(seconds=1))
        paused.add(pin_status(ana.user_id).reveals_from)
        actions.replace_pin(ana, pin="846203", password=password, code=codes_of(ana)[1][0])
        paused.add(pin_status(ana.user_id).reveals_from)
        actions.reset_pin(host, user_id=ana.user_id)
        change_policies(host, changes={"pin_reset_cooldown_minutes": 0})
        paused.add(pin_status(ana.user_id).reveals_from)
        assert paused == {START + HOUR}
        clock.move_to(START + HOUR)
        assert pin_status(ana.user_id).reveals_from is None


def test_the_pause_is_as_long_as_the_policy_says_and_can_be_none(ana, host, by_link):
    change_policies(host, changes={"pin_reset_cooldown_minutes": 0})
    by_link(ana)
    assert pin_status(ana.user_id).reveals_from is None


def test_replacing_ends_what_every_session_had_confirmed_and_tells_the_person(
    ana, user_of, generate, by_link
):
    made = generate(ana)
    grant = confirm(ana, PIN, GuardedAction.KEY_REGENERATE, made.id)
    with time_machine.travel(START, tick=False):
        by_link(ana)
    named = {"key_id": made.id, "grant": grant, "request_token": "again"}
    assert refusal(regenerate_key, ana, **named) == (Code.GRANT_INVALID, {})
    mail = Mail.objects.latest("id")
    told = {"name": "Ana", "reveals_from": "2031-05-06 08:08 UTC"}
    assert (mail.kind, mail.to, mail.context) == ("pin_replaced", user_of(ana).email, told)


def test_the_pages_lead_through_a_mailed_link(browse, ana, with_pin, password, generate):
    made, client = generate(with_pin(ana)), browse(ana)
    sent_to = client.get(PAGE)
    assert sent_to.url == f"{PAGE}mail/"
    assert b"stay hidden for 60 minutes" in client.get(sent_to.url).content
    assert client.post(sent_to.url, {"password": "not the one"}).status_code == 422
    sent = client.post(sent_to.url, {"password": password})
    assert b"We have sent a link to ana@" in client.get(sent.url).content
    url = Mail.objects.get(kind=MailKind.PIN_RESET).context["url"]
    assert re.fullmatch(rf"http://testserver{PAGE}link/[\w:-]+/", url)
    form, here = {"password": password, "new_pin": NEW, "new_pin_again": NEW}, f"{PAGE}new/"
    assert client.get(url).url == here
    assert client.get(here).status_code == 200
    assert client.post(here, form | {"new_pin_again": "1"}).status_code == 422
    assert client.post(here, form).url == "/a/sinarabadi/settings/"
    assert [client.get(url).status_code, client.post(here, form).status_code] == [410, 410]
    assert b"Keys can be seen again after" in client.get("/a/sinarabadi/settings/").content
    address = f"/a/sinarabadi/settings/developer/api-keys/{made.id}/reveal/"
    shown = client.get(address)
    assert (shown.status_code, b'name="pin"' in shown.content) == (423, False)
    assert b"You can try again after" in shown.content


def test_a_link_that_still_works_is_in_no_log(browse, ana, with_pin, password, caplog):
    client = browse(with_pin(ana))
    client.post(f"{PAGE}mail/", {"password": password})
    url = Mail.objects.get(kind=MailKind.PIN_RESET).context["url"]
    client.get(url)
    assert client.post(f"{PAGE}new/", {"new_pin": "1", "new_pin_again": "1"}).status_code == 422
    assert ("/forgotten/new/" in caplog.text, "/link/" in caplog.text) == (True, False)


def test_a_link_opened_by_somebody_else_is_refused(browse, ana, budi, with_pin, password):
    browse(with_pin(ana)).post(f"{PAGE}mail/", {"password": password})
    url = Mail.objects.get(kind=MailKind.PIN_RESET).context["url"]
    form = {"password": password, "new_pin": NEW, "new_pin_again": NEW}
    client = browse(with_pin(budi))
    assert [client.get(url).status_code, client.post(f"{PAGE}new/", form).status_code] == [410] * 2
    assert browse().get(url).status_code == 302


@pytest.mark.usefixtures("still")
def test_the_page_replaces_a_pin_with_a_code_and_goes_back_to_where_it_was_needed(
    browse, ana, with_pin, password, codes_of
):
    client, back = browse(with_pin(ana)), "/a/sinarabadi/settings/developer/api-keys/"
    code, _ = codes_of(ana)
    form = {"password": password, "new_pin": NEW, "new_pin_again": NEW, "next": back}
    shown = client.get(PAGE, {"next": back})
    assert (shown.status_code, b'name="code"' in shown.content) == (200, True)
    wrong = client.post(PAGE, form | {"code": "000000"})
    assert (wrong.status_code, b'id="code-note"' in wrong.content) == (422, True)
    key = client.session.session_key
    assert client.post(PAGE, form | {"code": code()}).url == back
    assert client.session.session_key != key
    confirm(ana, NEW)
