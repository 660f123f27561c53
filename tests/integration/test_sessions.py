"""Who came in, who did not, and who left is in the audit trail."""

import pytest
from tests.fixtures.browsing import KEYS, expired

from keydesk.control.audit.models import AuditEvent

pytestmark = pytest.mark.usefixtures("no_tries_counted")

ABOUT_SESSIONS = ("login.failed", "session.ended", "session.started")


def log_in(client, email, password):
    return client.post("/account/login/", {"login": email, "password": password})


def noted():
    rows = AuditEvent.objects.filter(event__in=ABOUT_SESSIONS).order_by("seq")
    return [(row.event, row.actor_id, row.actor_label, row.ip, row.details) for row in rows]


def test_coming_in_and_leaving_are_noted_with_one_session_and_their_requests(
    browse, ana, user_of, password
):
    client, ana = browse(), user_of(ana)
    answers = [log_in(client, ana.email, password), client.post("/account/logout/")]
    who = (ana.pk, ana.email, "127.0.0.1")
    left = ("session.ended", *who, {"reason": "logged_out"})
    assert noted() == [("session.started", *who, {}), left]
    started, ended = AuditEvent.objects.filter(event__startswith="session.").order_by("seq")
    assert started.session_ref == ended.session_ref != ""
    assert [started.request_id, ended.request_id] == [a["X-Request-Id"] for a in answers]


def test_a_wrong_password_is_noted_with_the_person_whose_address_was_given(
    browse, ana, user_of, password
):
    user = user_of(ana)
    log_in(browse(), user.email.upper(), password + "!")
    assert noted() == [("login.failed", user.pk, user.email, "127.0.0.1", {})]


def test_an_address_that_is_nobodys_is_noted_without_what_was_typed(browse, password):
    log_in(browse(), "mistyped.password@example.com", password)
    assert noted() == [("login.failed", None, "stranger", "127.0.0.1", {})]
    trail = str(list(AuditEvent.objects.values()))
    assert ("mistyped" in trail, password in trail) == (False, False)


def test_tries_over_the_limit_leave_no_more_records(browse, ana, user_of):
    for _ in range(12):
        log_in(browse(), user_of(ana).email, "not the password")
    assert len(noted()) == 5


def test_a_session_that_is_over_is_noted_when_its_browser_comes_back(browse, ana, user_of):
    client, user = expired(browse, ana), user_of(ana)
    client.get(KEYS), client.get(KEYS)
    over = {"reason": "over"}
    assert noted() == [("session.ended", user.pk, user.email, "127.0.0.1", over)]
