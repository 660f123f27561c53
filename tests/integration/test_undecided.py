"""A8 on pages: where what decides fails, nobody comes through; the actions' own gates are in test_actions.py."""

import pytest
from django.core.cache import cache
from django.middleware.csrf import CsrfViewMiddleware
from tests.fixtures.browsing import KEYS
from tests.fixtures.undecided import fail

from keydesk.control.audit.models import AuditEvent
from keydesk.control.people import queries as people
from keydesk.control.policies import queries as policies
from keydesk.control.security import queries as security
from keydesk.control.stepup import grants, pins, tries
from keydesk.web import confirmation, sessions
from keydesk.web.doors import Doorkeeper
from keydesk.web.origin import SameOrigin

pytestmark = [pytest.mark.any_database, pytest.mark.django_db]

LOG_IN, PASSWORD, REVEAL = "/account/login/", "/account/password/", "reveal"
NEW_PASSWORD = "sembilan kuda di tepi danau"
GATES = [
    (CsrfViewMiddleware, "process_view", REVEAL),
    (Doorkeeper, "authenticate", LOG_IN),
    (SameOrigin, "process_view", REVEAL),
    (confirmation, "has_just_confirmed", PASSWORD),
    (grants, "use", REVEAL),
    (people, "actor_for", REVEAL),
    (people, "is_privileged", REVEAL),
    (pins, "matches", REVEAL),
    (policies, "current_policies", REVEAL),
    (security, "lacks_factor", REVEAL),
    (sessions, "end_if_over", REVEAL),
    (tries, "spend_try", REVEAL),
]
"""What decides on the way to a page, and a form behind it."""
DONE = ("key.revealed", "password.changed", "session.started")


@pytest.fixture
def send(browse, ana, generate, pin, password):
    """Send a form that is right in everything, from a browser that has just come in."""
    made = generate(ana)
    forms = {
        LOG_IN: (LOG_IN, {"login": ana.label, "password": password}),
        PASSWORD: (PASSWORD, {"new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}),
        REVEAL: (f"{KEYS}{made.id}/reveal/", {"step": "pin", "pin": pin}),
    }
    clients = {LOG_IN: browse(), PASSWORD: browse(ana), REVEAL: browse(ana)}
    clients[PASSWORD].post("/account/confirm/", {"password": password})
    cache.clear()

    def send(form):
        answer = clients[form].post(*forms[form])
        done = AuditEvent.objects.filter(event__in=DONE).exists()
        return answer.status_code, made.plaintext in answer.content.decode(), done

    return send


@pytest.mark.parametrize(
    ("form", "status", "shows"), [(LOG_IN, 302, False), (PASSWORD, 302, False), (REVEAL, 200, True)]
)
def test_a_form_that_is_right_is_taken(send, form, status, shows):
    assert send(form) == (status, shows, True)


@pytest.mark.parametrize(("owner", "gate", "form"), GATES)
def test_a_gate_that_fails_lets_nobody_through(send, monkeypatch, owner, gate, form):
    fail(monkeypatch, owner, gate)
    assert send(form) == (500, False, False)
