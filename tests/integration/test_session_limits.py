"""W3: a session has a secret that nobody else chose and no table holds, and it ends when it must, on the server."""

import os
import subprocess
import sys

import pytest
from django.contrib.sessions.models import Session
from tests.fixtures.browsing import KEYS

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.audit.models import AuditEvent
from keydesk.control.people.actions import remove_member
from keydesk.control.people.models import User
from keydesk.control.policies.models import Policies
from keydesk.control.sessions.held import HELD_AT_MOST, sessions_of
from keydesk.core.clock import system_clock
from keydesk.web.session_cookies import key_of
from keydesk.web.sessions import NOTED_EVERY_SECONDS, SEEN, STARTED

pytestmark = pytest.mark.usefixtures("no_tries_counted")

HOME = "/a/sinarabadi/"
SECURITY = "/a/sinarabadi/settings/security/"
NEW_PASSWORD = "sembilan kuda di tepi danau"
CHOSEN = "chosen0by0somebody0else0000000000"


@pytest.fixture
def come_in(browse, user_of, password):
    """Log a person in with their password, on a browser of their own or on this one; gives it."""

    def come_in(actor, client=None, **options):
        client = client or browse(**options)
        form = {"login": user_of(actor).email, "password": password}
        assert client.post("/account/login/", form).status_code == 302
        assert is_in(client)
        return client

    return come_in


def is_in(client):
    return client.get("/").status_code == 302 and client.get(HOME).status_code == 200


def secret_of(client):
    return client.cookies["sid"].value


def reasons():
    ended = AuditEvent.objects.filter(event="session.ended").order_by("seq")
    return [event.details["reason"] for event in ended]


# Secrets


def test_a_secret_that_somebody_else_chose_is_not_taken_over(browse, come_in, ana):
    client = browse()
    client.cookies["sid"] = CHOSEN
    come_in(ana, client)
    assert secret_of(client) != CHOSEN
    (key,) = Session.objects.values_list("session_key", flat=True)
    assert key == key_of(secret_of(client))


def test_what_the_tables_hold_of_a_session_opens_nothing_as_a_cookie(browse, come_in, ana):
    client, thief = come_in(ana), browse()
    thief.cookies["sid"] = client.session.session_key
    assert (is_in(client), is_in(thief)) == (True, False)


def test_no_table_holds_a_secret_and_what_they_hold_in_its_place_is_its_digest(
    come_in, ana, password, everything_stored
):
    client = come_in(ana)
    secrets = [secret_of(client)]
    client.post("/account/confirm/", {"password": password})
    secrets.append(secret_of(client))
    stored = everything_stored()
    found = [(secret.encode() in stored, key_of(secret).encode() in stored) for secret in secrets]
    assert (secrets[0] != secrets[1], found) == (True, [(False, True)] * 2)


def test_only_the_answer_that_makes_a_secret_holds_it(come_in, ana):
    client = come_in(ana)
    session = client.session
    session[SEEN] -= NOTED_EVERY_SECONDS
    session.save()
    answer = client.get(HOME)
    assert client.session[SEEN] > session[SEEN]
    assert (answer.status_code, "sid" in answer.cookies) == (200, False)


def test_the_secret_of_before_the_log_in_opens_nothing_after_it(browse, come_in, ana):
    client, stranger = browse(), browse()
    client.get("/account/login/passkey/")
    before = stranger.cookies["sid"] = secret_of(client)
    come_in(ana, client)
    assert (secret_of(client) != before, is_in(stranger)) == (True, False)


def test_a_confirmation_gives_another_secret_and_the_one_before_opens_nothing(
    browse, come_in, ana, password
):
    client, thief = come_in(ana), browse()
    thief.cookies["sid"] = secret_of(client)
    assert is_in(thief)
    client.post("/account/confirm/", {"password": password})
    assert (is_in(client), is_in(thief), sessions_of(ana.user_id).count()) == (True, False, 1)


def test_another_cookie_of_a_like_name_changes_nothing(come_in, ana):
    client = come_in(ana)
    for name in ("sessionid", "__Host-sid", "sid2", "SID"):
        client.cookies[name] = CHOSEN
    assert is_in(client)


ASK = """
import django
django.setup()
from django.conf import settings
from django.test import RequestFactory
from keydesk.web.session_cookies import SessionCookies
request = RequestFactory().get("/", HTTP_COOKIE="sid=tossed0key; __Host-sid=its0own0key", secure=True)
SessionCookies(lambda request: None).process_request(request)
print(request.session.session_key)
"""


def test_on_https_a_cookie_that_a_neighbour_can_set_is_not_even_read():
    environment = os.environ | {"KEYDESK_PUBLIC_URL": "https://desk.example"}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == key_of("its0own0key")


# Ends


def test_logging_out_ends_the_session_on_the_server_and_clears_the_browser(browse, come_in, ana):
    client, thief = come_in(ana), browse()
    thief.cookies["sid"] = secret_of(client)
    answer = client.post("/account/logout/")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert (is_in(thief), sessions_of(ana.user_id).count()) == (False, 0)


def test_a_disabled_person_is_a_stranger_at_the_next_request(come_in, ana):
    client = come_in(ana)
    User.objects.filter(pk=ana.user_id).update(is_active=False)
    assert client.get(KEYS).status_code == 302


def test_a_membership_takes_its_sessions_with_it(come_in, ana, budi):
    client = come_in(budi)
    key = client.session.session_key
    remove_member(ana, account_id=budi.account_id, user_id=budi.user_id)
    assert not Session.objects.filter(session_key=key).exists()
    assert client.get(HOME).headers["Location"].startswith("/account/login/")


def test_a_removal_that_is_refused_ends_nothing(come_in, ana):
    client = come_in(ana)
    with pytest.raises(Exception, match="state_conflict"):
        remove_member(HOST_OPERATOR, account_id=ana.account_id, user_id=ana.user_id)
    assert is_in(client)


def test_a_new_password_ends_all_other_sessions_and_keeps_this_one(come_in, ana, user_of):
    client, others = come_in(ana), [come_in(ana), come_in(ana)]
    form = {"new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}
    assert client.post("/account/password/", form).status_code == 302
    assert (is_in(client), [is_in(other) for other in others]) == (True, [False, False])
    assert user_of(ana).check_password(NEW_PASSWORD)
    event = AuditEvent.objects.get(event="password.changed")
    assert (event.details, sessions_of(ana.user_id).count()) == ({"sessions_ended": 2}, 1)


@pytest.mark.parametrize(
    ("new", "again", "field"),
    [
        ("short", "short", "new_password"),
        ("empat belas kucing hitam", "empat belas kucing hitam", "new_password"),
        (NEW_PASSWORD, "another one", "new_password_again"),
    ],
)
def test_a_password_that_cannot_be_is_refused_at_its_field(come_in, ana, new, again, field):
    client, other = come_in(ana), come_in(ana)
    form = {"new_password": new, "new_password_again": again}
    answer = client.post("/account/password/", form)
    assert (answer.status_code, f'id="{field}-note"' in answer.content.decode()) == (422, True)
    assert (f'value="{new}"' in answer.content.decode(), is_in(other)) == (False, True)


def test_a_sixth_session_ends_the_oldest(come_in, ana):
    clients = [come_in(ana) for _ in range(HELD_AT_MOST + 1)]
    assert [is_in(client) for client in clients] == [False] + [True] * HELD_AT_MOST
    assert reasons() == ["too_many"]


def test_a_person_ends_one_of_their_sessions_or_all_others(come_in, ana):
    client, phone, tablet = come_in(ana), come_in(ana), come_in(ana)
    oldest_others = (
        sessions_of(ana.user_id).exclude(session_key=client.session.session_key).order_by("pk")
    )
    client.post(f"/account/sessions/{oldest_others[0].pk}/end/")
    assert [is_in(each) for each in (client, phone, tablet)] == [True, False, True]
    client.post("/account/sessions/end-others/")
    assert [is_in(each) for each in (client, tablet)] == [True, False]
    assert reasons() == ["by_person", "by_person"]


def test_another_persons_session_is_not_there_to_be_ended(come_in, ana, budi):
    client, other = come_in(ana), come_in(budi)
    theirs = sessions_of(budi.user_id).get().pk
    answers = [client.post(f"/account/sessions/{pk}/end/") for pk in (theirs, 999_999)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert (answers[0].content == answers[1].content, is_in(other)) == (True, True)


def test_the_list_says_which_browser_from_where_and_which_is_this_one(come_in, ana):
    firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"
    client = come_in(ana, headers={"user-agent": firefox})
    come_in(ana, headers={"user-agent": "curl/8.5"})
    page = client.get(SECURITY).content.decode()
    found = [page.count(text) for text in ("Firefox, Windows", "A program", "This session")]
    assert found == [1, 1, 1]


# Time


@pytest.mark.parametrize(
    ("name", "minutes"),
    [("ana", 15), ("budi", 15), ("eko", 15), ("fajar", 30), ("citra", 30), ("gita", 30)],
)
def test_a_session_may_rest_as_long_as_its_role_allows(browse, request, name, minutes):
    actor = request.getfixturevalue(name)
    assert [
        lives(browse(actor), rested=minutes * 60 - 2),
        lives(browse(actor), rested=minutes * 60),
    ] == [
        True,
        False,
    ]


def test_the_provider_decides_how_long_a_session_rests_and_lasts(browse, ana, citra):
    Policies.objects.filter(pk=1).update(
        privileged_idle_minutes=5, idle_minutes=10, session_hours=1
    )
    assert [
        lives(browse(actor), rested=rested, old=old)
        for actor, rested, old in (
            (ana, 298, 0),
            (ana, 300, 0),
            (citra, 598, 0),
            (citra, 600, 0),
            (citra, 0, 3598),
            (citra, 0, 3600),
        )
    ] == [True, False] * 3


def test_a_busy_session_ends_at_its_age(browse, citra):
    half_a_day = 12 * 3600
    assert lives(browse(citra), rested=0, old=half_a_day - 2)
    assert not lives(browse(citra), rested=0, old=half_a_day)


def lives(client, *, rested, old=None):
    """Say whether a session that has rested for so many seconds, and is so old, is still one."""
    client.get("/")
    session, now = client.session, int(system_clock())
    session[SEEN], session[STARTED] = now - rested, now - (rested if old is None else old)
    session.save()
    client.get("/")
    return Session.objects.filter(session_key=session.session_key).exists()
