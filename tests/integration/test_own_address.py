"""A person's own address: what a change of it takes, what becomes of it, and what nobody learns on the way."""

import re
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.audit.models import AuditEvent
from keydesk.control.entry.actions import change_address
from keydesk.control.entry.links import change_token, opens_password_of, password_token
from keydesk.control.invitations.actions import invite_member
from keydesk.control.invitations.queries import invitation_behind
from keydesk.control.outbox.models import Mail
from keydesk.control.people.actions import choose_language, create_user
from keydesk.control.people.models import User

pytestmark = pytest.mark.usefixtures("no_tries_counted")

CHANGE, ASKED = "/account/new-address/", "/account/new-address/asked/"
NEW = "ana@pindah.example"
HOME = "/a/sinarabadi/"


@pytest.fixture
def confirmed(browse, password):
    """Give a browser in which a person has just confirmed who they are."""

    def confirmed(actor):
        client = browse(actor)
        client.post("/account/confirm/", {"password": password})
        return client

    return confirmed


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now()) as traveller:
        yield traveller


def mails():
    return list(Mail.objects.order_by("id").values_list("kind", "to", "language"))


def last_link():
    """Give the link in the last mail with one."""
    links = [
        context["url"]
        for context in Mail.objects.order_by("id").values_list("context", flat=True)
        if "url" in context
    ]
    return links[-1].removeprefix("http://127.0.0.1:8000")


def asked_by(client, email=NEW):
    """Ask for another address, and give the link."""
    assert client.post(CHANGE, {"email": email}).status_code == 302
    return last_link()


def logs_in(email, password):
    client = Client()
    client.post("/account/login/", {"login": email, "password": password})
    return client.get(HOME).status_code == 200


def events():
    found = AuditEvent.objects.filter(event__startswith="address.change")
    return list(found.order_by("seq").values_list("event", "object_id", "details", "account_id"))


def test_the_new_address_counts_once_its_link_is_used_and_the_old_one_is_told(
    confirmed, browse, ana, user_of, password
):
    choose_language(ana, language="id")
    client, elsewhere = confirmed(ana), browse(ana)
    answer = client.post(CHANGE, {"email": " ANA@pindah.example ", "next": HOME})
    assert answer.headers["Location"] == f"{ASKED}?next=%2Fa%2Fsinarabadi%2F"
    assert mails() == [
        ("address_change_confirm", NEW, "id"),
        ("address_change_asked", ana.label, "id"),
    ]
    link = last_link()
    assert NEW in client.get(link).content.decode()
    assert (user_of(ana).email, len(mails())) == (ana.label, 2)
    assert client.post(link).status_code == 200
    assert (user_of(ana).email, mails()[2:]) == (NEW, [("address_changed", ana.label, "id")])
    assert [browser.get(HOME).status_code for browser in (client, elsewhere)] == [200, 200]
    assert (logs_in(NEW, password), logs_in(ana.label, password)) == (True, False)


def test_the_trail_says_who_asked_and_what_became_of_it(confirmed, ana):
    client = confirmed(ana)
    client.post(asked_by(client))
    whose = f"user:{ana.user_id}"
    assert events() == [
        ("address.change_asked", whose, {}, None),
        ("address.changed", whose, {"from": ana.label, "to": NEW}, None),
    ]


def test_somebody_elses_address_gets_the_same_page_and_its_owner_a_mail(
    confirmed, ana, dewi, user_of
):
    choose_language(dewi, language="id")
    client = confirmed(ana)
    unknown, known = (client.post(CHANGE, {"email": email}) for email in (NEW, dewi.label.upper()))
    assert (unknown.status_code, unknown["Location"]) == (known.status_code, known["Location"])
    assert (unknown.content, events()[0]) == (known.content, events()[1])
    told = ("address_change_asked", ana.label, "en")
    assert mails() == [
        ("address_change_confirm", NEW, "en"),
        told,
        ("address_change_known", dewi.label, "id"),
        told,
    ]
    assert last_link() == "/account/login/"
    assert (user_of(ana).email, user_of(dewi).email) == (ana.label, dewi.label)


def test_a_link_works_once_and_for_a_day(confirmed, ana, user_of, clock):
    client = confirmed(ana)
    link = asked_by(client)
    clock.shift(timedelta(days=1, seconds=5))
    client = confirmed(ana)
    assert (client.get(link).status_code, client.post(link).status_code) == (410, 410)
    link = asked_by(client)
    assert client.post(link.replace("new-address/", "new-address/x")).status_code == 410
    assert [client.post(link).status_code for _press in range(2)] == [200, 410]
    assert user_of(ana).email == NEW


def test_a_link_is_of_no_use_to_anybody_but_who_asked(confirmed, browse, ana, budi, user_of):
    link = asked_by(confirmed(ana))
    stranger, other = browse(), confirmed(budi)
    for press in (stranger.get, stranger.post):
        assert press(link)["Location"].startswith("/account/login/?next=%2Faccount%2Fnew-address")
    assert (other.get(link).status_code, other.post(link).status_code) == (410, 410)
    assert [user_of(person).email for person in (ana, budi)] == [ana.label, budi.label]


def test_a_new_password_ends_the_link(confirmed, ana, user_of):
    client = confirmed(ana)
    link = asked_by(client)
    client.post(
        "/account/password/",
        dict.fromkeys(("new_password", "new_password_again"), "sembilan kuda di tepi danau"),
    )
    assert (client.post(link).status_code, user_of(ana).email) == (410, ana.label)


def test_of_two_addresses_asked_for_the_first_one_used_is_the_persons(confirmed, ana, user_of):
    client = confirmed(ana)
    first, second = asked_by(client), asked_by(client, "ana@lain.example")
    assert (client.post(second).status_code, client.post(first).status_code) == (200, 410)
    assert user_of(ana).email == "ana@lain.example"


def test_an_address_that_has_got_a_log_in_meanwhile_stays_its_owners(
    confirmed, ana, user_of, password
):
    client = confirmed(ana)
    link = asked_by(client)
    create_user(HOST_OPERATOR, email=NEW, full_name="Anastasia", password=password)
    assert (client.post(link).status_code, user_of(ana).email) == (410, ana.label)
    assert [kind for kind, *_rest in mails()] == ["address_change_confirm", "address_change_asked"]


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_take_one_address_at_once_one_has_it(
    ana, budi, user_of, at_once, collisions
):
    for number in range(min(collisions, 5)):
        email = f"one{number}@pindah.example"
        outcomes = at_once(
            *(
                partial(change_address, person, token=change_token(user_of(person), email))
                for person in (ana, budi)
            )
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Refused"]
        assert User.objects.filter(email=email).count() == 1


def test_links_to_the_old_address_open_nothing_and_what_the_person_sent_goes_on(
    confirmed, ana, sinar, user_of
):
    client, to_old = confirmed(ana), password_token(user_of(ana))
    given = {"account_id": sinar.id, "email": "hana@example.com", "role": Role.MAKER}
    invitation = invite_member(ana, **given).url.rstrip("/").rpartition("/")[2]
    client.post(asked_by(client))
    assert opens_password_of(to_old) is None
    assert invitation_behind(invitation) is not None


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("", "Enter an email address"),
        ("ana", "Enter an email address"),
        ("ana@" + "x" * 250 + ".example", "Enter an email address"),
        ("a\x00na@b.example", "Enter an email address"),
        ("ana@b\u0430ru.example", "Enter an email address"),
        ("ANA@sinarabadi.example ", "This is your address already"),
    ],
)
def test_what_cannot_be_the_new_address_gets_a_sentence_and_no_mail(
    email, sentence, confirmed, ana
):
    answer = confirmed(ana).post(CHANGE, {"email": email})
    text = answer.content.decode()
    shown = re.search(r'id="email-note".*?</p>', text, re.DOTALL)
    assert (answer.status_code, mails(), events()) == (422, [], [])
    assert sentence in shown[0]
    assert f'value="{email}"' in text or not email


def test_so_many_mails_an_hour_go_to_an_address_however_it_is_written_and_whoever_asks(
    confirmed, ana, budi
):
    cases = [str.upper, str.lower, str.title, " {} ".format, "{} ".format, " {}".format]
    browsers = [confirmed(ana), confirmed(budi)] * 3
    statuses = [
        browser.post(CHANGE, {"email": case(NEW)}).status_code
        for browser, case in zip(browsers, cases, strict=True)
    ]
    assert (statuses, len(mails())) == ([302] * 5 + [429], 10)


def test_so_many_mails_an_hour_a_person_has_sent_whatever_the_addresses(confirmed, ana):
    statuses = [
        confirmed(ana).post(CHANGE, {"email": f"ana{number}@pindah.example"}).status_code
        for number in range(6)
    ]
    assert (statuses, len(mails())) == ([302] * 5 + [429], 10)


def test_mending_the_form_costs_no_mail(confirmed, ana):
    client = confirmed(ana)
    assert [client.post(CHANGE, {"email": "!"}).status_code for _try in range(7)] == [422] * 7
    assert client.post(CHANGE, {"email": NEW}).status_code == 302


def test_nobody_but_a_person_has_an_address_to_change(stranger, ana, user_of):
    with pytest.raises(Refused) as refused:
        change_address(stranger, token=change_token(user_of(ana), NEW))
    assert (refused.value.code, user_of(ana).email) == ("permission_denied", ana.label)
