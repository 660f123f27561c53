"""Signing up, confirming the address and choosing a new password: what comes of each, and what nobody learns."""

import re
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.accounts.actions import create_account
from keydesk.control.accounts.models import Account
from keydesk.control.audit.models import AuditEvent
from keydesk.control.entry.actions import ask_for_password, choose_password, sign_up
from keydesk.control.entry.links import password_token
from keydesk.control.entry.models import HeldUsername
from keydesk.control.outbox.models import Mail
from keydesk.control.people.models import Membership, User
from keydesk.core.codes import Code

pytestmark = pytest.mark.usefixtures("no_tries_counted")

NEW_PASSWORD = "lima belas kucing putih"
SIGN_UP, SENT = "/account/sign-up/", "/account/mail/"
NEWCOMER = {
    "full_name": "Hana Putri",
    "email": "hana@barusekali.example",
    "company": "PT Baru Sekali",
    "username": "barusekali",
    "password": "tujuh kucing di atap rumah",
}


def wide(text):
    """Give the full-width twin of a text."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


def send(client, **changes):
    return client.post(SIGN_UP, NEWCOMER | changes)


def log_in(client, email=NEWCOMER["email"], password=NEWCOMER["password"]):
    return client.post("/account/login/", {"login": email, "password": password})


def link_in_the_last_mail():
    url = Mail.objects.order_by("-id").values_list("context", flat=True)[0]["url"]
    return url.removeprefix("http://127.0.0.1:8000")


def mails():
    return list(Mail.objects.order_by("id").values_list("kind", "to", "language"))


def counts():
    return (User.objects.count(), Account.objects.count(), Membership.objects.count())


def is_logged_in(client):
    return (
        client.get("/").headers.get("Location", "/login/").startswith(("/a/", "/account/set-up/"))
    )


def page(response):
    """What a person sees, without the token of the form."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", response.content.decode())
    return response.status_code, response.headers.get("Location"), text


def test_a_company_signs_up_confirms_and_is_led_to_its_onboarding(client):
    assert page(send(client, language="id"))[:2] == (302, SENT)
    user = User.objects.get()
    membership = Membership.objects.get()
    account = membership.account
    assert (account.username, account.name, account.status) == (
        "barusekali",
        "PT Baru Sekali",
        "DRAFT",
    )
    assert (membership.user, membership.role) == (user, "superadmin")
    assert mails() == [("address_confirm", user.email, "en")]
    signed_up = AuditEvent.objects.get(event="account.signed_up")
    assert (signed_up.actor_label, signed_up.actor_id) == (user.email, user.pk)
    link = link_in_the_last_mail()
    assert page(client.get(link))[0] == 200
    assert User.objects.get().email_confirmed_at is None
    onward = "/account/login/?confirmed=1&next=%2Fa%2Fbarusekali%2Fonboarding%2F"
    assert client.post(link).headers["Location"] == onward
    answer = client.post(
        onward, {"login": user.email, "password": NEWCOMER["password"], "next": "/a/barusekali/"}
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "/a/barusekali/")
    assert is_logged_in(client)


def test_nobody_logs_in_before_the_address_is_confirmed_and_the_mail_goes_again(client):
    send(client)
    answer = log_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, SENT)
    assert not is_logged_in(client)
    assert [kind for kind, *_rest in mails()] == ["address_confirm"] * 2
    for _try in range(8):
        log_in(client)
    assert len(mails()) == 6


def test_a_confirmation_works_once_and_for_three_days_and_for_its_address_alone(client, clock):
    send(client)
    link = link_in_the_last_mail()
    made_up = link.replace("address/", "address/x")
    assert (client.get(made_up).status_code, client.post(made_up).status_code) == (410, 410)
    clock.shift(timedelta(days=3, seconds=5))
    assert client.post(link).status_code == 410
    client.post("/account/address/", {"email": " HANA@barusekali.example"})
    link = link_in_the_last_mail()
    User.objects.update(email="other@barusekali.example")
    assert client.post(link).status_code == 410
    User.objects.update(email=NEWCOMER["email"])
    assert [client.post(link).status_code, client.post(link).status_code] == [302, 410]
    assert client.get(link).status_code == 410


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now()) as traveller:
        yield traveller


def test_a_known_address_gets_the_same_page_and_its_owner_a_mail(client, ana):
    unknown, known = send(client), send(client, email=ana.label.upper(), username="lainsekali")
    assert page(unknown) == page(known)
    assert mails()[-1] == ("address_known", ana.label, "en")
    assert link_in_the_last_mail() == "/account/login/"
    assert counts() == (2, 2, 2)


def test_a_second_try_does_not_tell_a_known_address_from_an_unknown_one(client, ana):
    send(client, username="satu")
    send(client, email=ana.label, username="dua")
    after_unknown, after_known = (
        page(send(client, email="x@new.example", username=name)) for name in ("satu", "dua")
    )
    assert after_unknown[0] == after_known[0] == 422
    assert after_unknown[2] == after_known[2].replace('"dua"', '"satu"')
    assert "This username is taken" in after_known[2]
    assert HeldUsername.objects.get().pk == "dua"
    assert create_account(HOST_OPERATOR, username="dua", name="PT Dua").username == "dua"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"full_name": " "}, "Give a name of 1 to 120 characters."),
        ({"full_name": "x" * 121}, "Give a name of 1 to 120 characters."),
        ({"email": "hana"}, "Enter an email address"),
        ({"email": "hana@" + "x" * 250 + ".example"}, "Enter an email address"),
        ({"email": "h\x00ana@b.example"}, "Enter an email address"),
        ({"company": "\u202eTP"}, "Enter the name of your company"),
        ({"username": "1st"}, "A username has 3 to 40"),
        ({"username": "sinarabadi"}, "This username is taken"),
        ({"password": "fourteen chars"}, "at least 15 characters"),
        ({"password": "x" * 1025}, "too long"),
        ({"password": "password12345678"}, "Many people use"),
        ({"password": "12345678901234567"}, "Many people use"),
        ({"password": "qwertyqwertyqwerty"}, "Many people use"),
        ({"password": "abababababababababab"}, "Many people use"),
        ({"password": "PT Baru Sekali 2026!"}, "made of your name"),
        ({"password": "hana@barusekali.example"}, "made of your name"),
        ({"password": "Keydesk Hana Putri 1"}, "made of your name"),
    ],
)
def test_bad_input_gets_a_sentence_at_its_field_and_loses_nothing(changed, sentence, client, sinar):
    (field,) = changed
    before = counts()
    answer = send(client, **changed)
    text = answer.content.decode().replace("&#x27;", "'")
    assert answer.status_code == 422
    shown = re.search(rf'id="{field}-note".*?</p>', text, re.DOTALL)
    assert shown is not None
    assert sentence in shown[0]
    assert 'value="Hana Putri"' in text or field == "full_name"
    assert NEWCOMER["password"] not in text
    assert (counts(), mails()) == (before, [])


def test_faults_in_many_fields_are_said_at_each_of_them_at_once(client):
    text = send(client, **dict.fromkeys(NEWCOMER, "")).content.decode()
    assert sorted(re.findall(r'id="(\w+)-note"', text)) == sorted(NEWCOMER)


@pytest.mark.parametrize(
    "password",
    ["x y z " * 10 + "w", "kucing 🐈 di atas atap 🏠 merah", "correct horse battery staple"],
)
def test_a_long_password_of_any_characters_is_taken_whole(password, client):
    assert send(client, password=password).status_code == 302
    user = User.objects.get()
    assert (user.check_password(password), user.check_password(password[:-1])) == (True, False)


def test_the_provider_decides_how_long_a_password_is(client, policies):
    policies(password_min_length=30)
    assert "at least 30 characters" in send(client).content.decode()


@pytest.mark.parametrize(
    "email",
    [
        "HANA@barusekali.example",
        "  hana@barusekali.example ",
        f"{wide('hana')}@barusekali.example",
        f"hana@{wide('barusekali')}.example",
        "hana@barusekali\u2024example",
    ],
)
def test_an_address_is_one_person_however_it_is_written(email, client):
    send(client)
    send(client, email=email, username="lainsekali")
    assert User.objects.get().email == "hana@barusekali.example"


@pytest.mark.parametrize("email", ["hana@b\u0430rusekali.example", "h\u0430na@barusekali.example"])
def test_an_address_of_other_letters_is_refused(email, client):
    assert send(client, email=email).status_code == 422
    assert not User.objects.exists()


@pytest.mark.parametrize("username", ["BaruSekali", " barusekali ", "BARUSEKALI"])
def test_a_username_is_one_account_however_it_is_written(username, client):
    send(client)
    answer = send(client, email="x@new.example", username=username)
    assert "This username is taken" in answer.content.decode()
    assert Account.objects.get().username == "barusekali"


@pytest.mark.parametrize(
    "username", [wide("baru"), "baru" + wide("12"), "baru\u212aali", "baru\u0131", "b\u0430ru"]
)
def test_a_username_of_other_letters_or_digits_is_refused(username, client):
    assert send(client, username=username).status_code == 422
    assert not Account.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_sign_up_at_once_with_one_username_or_address_make_one_account(
    at_once, stranger, collisions
):
    for number in range(min(collisions, 5)):
        given = NEWCOMER | {"username": f"baru{number}", "email": f"one{number}@b.example"}
        other = given | {"email": f"two{number}@b.example"}
        outcomes = at_once(partial(sign_up, stranger, **given), partial(sign_up, stranger, **other))
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Refused"]
        assert Account.objects.filter(username=given["username"]).count() == 1
    assert User.objects.count() == Account.objects.count()


def test_a_new_password_comes_by_mail_and_ends_every_session(client, ana, browse, sinar):
    inside = browse(ana)
    assert is_logged_in(inside)
    client.post("/account/reset/", {"email": ana.label.upper()})
    assert mails()[-1] == ("password_reset", ana.label, "en")
    link = link_in_the_last_mail()
    assert client.get(link).status_code == 200
    weak = client.post(link, {"password": "sinarabadi ana ana"})
    assert (weak.status_code, "made of your name" in weak.content.decode()) == (422, True)
    assert is_logged_in(inside)
    answer = client.post(link, {"password": NEW_PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/login/?changed=1")
    assert (is_logged_in(inside), is_logged_in(client)) == (False, False)
    assert client.post(link, {"password": NEW_PASSWORD}).status_code == 410
    assert log_in(client, ana.label, NEW_PASSWORD).status_code == 302
    assert is_logged_in(client)


def test_a_link_for_a_new_password_is_over_after_an_hour_or_a_log_in(
    ana, user_of, password, client, clock, stranger
):
    first = password_token(user_of(ana))
    log_in(client, ana.label, password)
    second = password_token(user_of(ana))
    clock.shift(timedelta(seconds=3605))
    for token in (first, second, "", "1-", "x", f"{ana.user_id}-abc-def", "9" * 30 + "-a-b"):
        with pytest.raises(Refused) as refused:
            choose_password(stranger, token=token, password=NEW_PASSWORD)
        assert refused.value.code is Code.NOT_FOUND


def test_asking_for_a_password_looks_the_same_for_everybody_and_mails_only_who_may_log_in(
    client, ana, budi, user_of
):
    User.objects.filter(pk=budi.user_id).update(is_active=False)
    answers = {
        page(client.post("/account/reset/", {"email": email}))
        for email in (ana.label, budi.label, "nobody@example.com")
    }
    assert answers == {(302, SENT, "")}
    assert mails() == [("password_reset", ana.label, "en")]


def test_a_new_password_confirms_the_address_it_was_mailed_to(client, stranger):
    send(client)
    ask_for_password(stranger, email=NEWCOMER["email"])
    client.post(link_in_the_last_mail(), {"password": NEW_PASSWORD})
    assert User.objects.get().email_confirmed_at is not None


@pytest.mark.parametrize(
    ("address", "form"),
    [
        (SIGN_UP, NEWCOMER),
        ("/account/address/", {"email": NEWCOMER["email"]}),
        ("/account/reset/", {"email": NEWCOMER["email"]}),
    ],
)
def test_so_many_mails_an_hour_go_to_an_address_however_it_is_written(address, form):
    cases = [str.upper, str.lower, str.title, " {} ".format, "{} ".format, " {}".format]
    statuses = [
        Client().post(address, form | {"email": case(form["email"]), "username": f"baru{number}"})
        for number, case in enumerate(cases)
    ]
    assert [answer.status_code for answer in statuses] == [302] * 5 + [429]


def test_mending_a_form_costs_no_mail_of_an_address(client):
    assert [send(client, username="!").status_code for _try in range(7)] == [422] * 7
    assert send(client).status_code == 302


def test_tries_to_log_in_are_counted_together_however_the_address_is_written(ana):
    cases = [str.upper, str.lower, str.title, " {} ".format, "{} ".format]
    for case in cases:
        assert log_in(Client(), case(ana.label), "wrong").status_code == 200
    assert log_in(Client(), ana.label, "wrong").status_code == 429
    assert log_in(Client(), ana.label.swapcase(), "wrong").status_code == 429


READ_ONLY = {
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    "postgresql": ("SAVEPOINT before; SET TRANSACTION READ ONLY", "ROLLBACK TO SAVEPOINT before"),
}
"""How a database is made to take no change, and takes changes again."""


@pytest.fixture
def unwritable():
    closing, opening = READ_ONLY[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(closing)
        yield
        cursor.execute(opening)


def test_a_database_that_takes_no_change_is_away_and_no_reason_to_say_that_somebody_tried_too_often(
    client, ana, password, unwritable
):
    answer = log_in(client, ana.label, password)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_the_full_width_twin_of_an_address_is_no_second_way_to_try_a_password(ana, password):
    name, _, domain = ana.label.partition("@")
    for twin in (f"{wide(name)}@{domain}", f"{name}@{wide(domain)}"):
        answer = log_in(Client(), twin, password)
        assert (answer.status_code, "sid" in answer.cookies) == (200, False)
    assert not AuditEvent.objects.filter(event__in=("login.failed", "session.started")).exists()


@pytest.mark.parametrize("address", ["/account/address/", "/account/reset/"])
@pytest.mark.parametrize("email", ["", "hana", "h\x00na@b.example", "x" * 300 + "@b.example"])
def test_what_is_no_address_gets_a_sentence_and_no_mail(address, email, client):
    answer = client.post(address, {"email": email})
    assert (answer.status_code, "Enter an email address" in answer.content.decode()) == (422, True)
    assert mails() == []
