"""W2: no form that another site sends, or that has no token of this browser's, changes anything, on any route.

Three guards stand before every route: the token, the Origin, and what the browser says of the site. A route that one
of them leaves out is found by what that guard alone refuses, so each route is sent those three forgeries. The other
ways to forge a form are a matter of the guards and of no route: each route is sent some of them, and each to many.
"""

from itertools import cycle, islice
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.fixtures.forms import FORMS
from tests.fixtures.sending import TOKEN, everything

pytestmark = [pytest.mark.any_database, pytest.mark.django_db]

WITH_TOKEN = {"csrfmiddlewaretoken": TOKEN}
OURS = {"origin": "http://testserver", "sec-fetch-site": "same-origin"}
FORGED = {
    "no token": ({}, {}),
    "the token of another session": ({"csrfmiddlewaretoken": "f" * 32}, {}),
    "no token, and our own page's headers": ({}, OURS),
    "another origin": (WITH_TOKEN, {"origin": "https://elsewhere.example"}),
    "no origin to speak of": (WITH_TOKEN, {"origin": "null"}),
    "another port": (WITH_TOKEN, {"origin": "http://testserver:8001"}),
    "another scheme": (WITH_TOKEN, {"origin": "https://testserver"}),
    "another site": (WITH_TOKEN, {"sec-fetch-site": "cross-site"}),
    "another subdomain": (WITH_TOKEN, {"sec-fetch-site": "same-site"}),
    "another site, with our origin": (WITH_TOKEN, OURS | {"sec-fetch-site": "cross-site"}),
    "said to be a look": ({"_method": "GET"}, {"x-http-method-override": "GET"}),
}
"""What each has that is wrong: further fields, and headers.

The cookie is always the one that fits TOKEN, as one that somebody planted would: then the origin alone refuses.
"""
ON_EVERY_ROUTE = ("no token", "another origin", "another site")
AS_ANOTHER_TYPE = ("text/plain", "application/json")
SOME = 2
OVERRIDES = {
    "x-http-method": "POST",
    "x-http-method-override": "POST",
    "x-method-override": "POST",
}
POSTED = WITH_TOKEN | {"_method": "POST"}


def stored():
    """Give everything but what a look at a page keeps in the session."""
    return {table: rows for table, rows in everything().items() if table != "django_session"}


def changed(before):
    """Give the tables that are not as they were."""
    after = stored()
    return [table for table, rows in before.items() if rows != after[table]]


def as_text(fields):
    """Give the fields as a page could send them without asking: as plain text."""
    texts = {name: value for name, value in fields.items() if isinstance(value, str | int)}
    return urlencode(texts | WITH_TOKEN)


def send_forged(sending, what):
    """Send a form in a wrong way; gives the status."""
    if what in AS_ANOTHER_TYPE:
        body = as_text(sending.fields)
        return sending.client.post(sending.address, body, content_type=what).status_code
    extra, headers = FORGED[what]
    return sending.send(extra, headers=headers).status_code


@pytest.fixture
def forgeries(desk):
    """Send a form in the right way and in wrong ones; gives whether the first did anything, and what else did."""

    def forgeries(name, wrong):
        with desk.sending(name, FORMS[name][0][0]) as sending:
            client, before = sending.client, stored()
            client.cookies["csrf"] = TOKEN
            client.handler.enforce_csrf_checks = True
            with sending.undone():
                right = sending.send(WITH_TOKEN, headers=OURS).status_code
                has_changed = changed(before) != []
            told = {what: send_forged(sending, what) for what in wrong}
            client.handler.enforce_csrf_checks = False
            let_in = {what: status for what, status in told.items() if status != 403}
            return right < 400 and has_changed, let_in, changed(before)

    return forgeries


def test_a_forged_form_is_refused_on_every_route_and_changes_nothing(forgeries):
    others = [what for what in (*FORGED, *AS_ANOTHER_TYPE) if what not in ON_EVERY_ROUTE]
    assert len(others) < len(FORMS), "each is sent to several routes"
    turns = cycle(others)
    found = {name: forgeries(name, (*ON_EVERY_ROUTE, *islice(turns, SOME))) for name in FORMS}
    assert {name: each for name, each in found.items() if each != (True, {}, [])} == {}


def test_no_header_and_no_field_makes_a_form_of_a_look(desk):
    found = {}
    for name, (people, _make) in FORMS.items():
        with desk.sending(name, people[0]) as sending:
            client, before = sending.client, stored()
            fields = {
                field: value
                for field, value in sending.fields.items()
                if not isinstance(value, SimpleUploadedFile)
            }
            found[name] = [
                look(sending.address, fields).status_code
                == look(sending.address, fields | POSTED, headers=OVERRIDES).status_code
                for look in (client.get, client.head)
            ]
            found[name] += changed(before)
    assert {name: each for name, each in found.items() if each != [True, True]} == {}
