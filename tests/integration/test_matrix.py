"""A1: every route of the desk, taken from the router, by every method, for every kind of person: what each one gets."""

import itertools
from functools import partial
from typing import NamedTuple

import pytest
from django.urls import get_resolver, reverse
from tests.fixtures.browsing import hire_everybody

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.keys.actions import generate_key
from keydesk.control.onboarding.models import Document
from keydesk.control.people.models import User
from keydesk.core.records import AccountStatus

METHODS = ("get", "post", "put", "delete")

DEVELOPERS = ("ana", "budi")
COLLEAGUES = ("fajar", "citra", "gita")
OUTSIDERS = ("dewi", "eko", "left")
"""A Superadmin of another account, the internal team, and somebody who is no member any more."""
STRANGERS = ("anonymous", "expired")
PEOPLE = (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS)

NOT_THERE, LOG_IN = "404 404 404 404", "302 302 302 302"
HIDDEN_FROM_OTHERS = {OUTSIDERS: NOT_THERE, STRANGERS: LOG_IN}
FOR_DEVELOPERS = {COLLEAGUES: NOT_THERE, **HIDDEN_FROM_OTHERS}

FOR_REVIEWERS = {
    (*DEVELOPERS, *COLLEAGUES, "dewi", "left"): NOT_THERE,
    STRANGERS: LOG_IN,
}

EXPECTED = {
    "dashboard:home": {
        (*DEVELOPERS, *COLLEAGUES, "dewi", *STRANGERS): "302 405 405 405",
        ("eko", "left"): "200 405 405 405",
    },
    "dashboard:overview": {(*DEVELOPERS, *COLLEAGUES): "200 405 405 405", **HIDDEN_FROM_OTHERS},
    "dashboard:products": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    # The product is enabled already, which is said before anything else.
    "dashboard:request_product": {DEVELOPERS: "409 409 405 405", **FOR_DEVELOPERS},
    # The account is approved, so its application is read and not changed.
    "dashboard:company": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    "dashboard:onboarding": {DEVELOPERS: "302 405 405 405", **FOR_DEVELOPERS},
    "dashboard:onboarding_document": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    "dashboard:onboarding_documents": {DEVELOPERS: "302 422 405 405", **FOR_DEVELOPERS},
    "dashboard:onboarding_remove": {DEVELOPERS: "409 409 405 405", **FOR_DEVELOPERS},
    "dashboard:onboarding_review": {DEVELOPERS: "302 302 405 405", **FOR_DEVELOPERS},
    "dashboard:onboarding_section": {DEVELOPERS: "302 409 405 405", **FOR_DEVELOPERS},
    "dashboard:settings": {(*DEVELOPERS, *COLLEAGUES): "200 405 405 405", **HIDDEN_FROM_OTHERS},
    "dashboard:security": {(*DEVELOPERS, *COLLEAGUES): "200 405 405 405", **HIDDEN_FROM_OTHERS},
    "dashboard:pin": {DEVELOPERS: "200 422 405 405", **FOR_DEVELOPERS},
    # Who has no PIN has forgotten none, and is sent to set one.
    "dashboard:forgotten_pin": {DEVELOPERS: "302 302 405 405", **FOR_DEVELOPERS},
    "dashboard:mail_pin_link": {DEVELOPERS: "302 302 405 405", **FOR_DEVELOPERS},
    "dashboard:new_pin": {DEVELOPERS: "410 410 405 405", **FOR_DEVELOPERS},
    "dashboard:reset_pin": {
        ("ana",): "200 409 405 405",
        ("budi", *COLLEAGUES): NOT_THERE,
        **HIDDEN_FROM_OTHERS,
    },
    "dashboard:developer": {DEVELOPERS: "302 405 405 405", **FOR_DEVELOPERS},
    "dashboard:api_keys": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    "dashboard:generate": {DEVELOPERS: "200 422 405 405", **FOR_DEVELOPERS},
    # Nobody here has a PIN: 409 leads to setting one, before the PIN and not before the confirmation.
    "dashboard:reveal": {DEVELOPERS: "409 409 405 405", **FOR_DEVELOPERS},
    "dashboard:regenerate": {DEVELOPERS: "200 409 405 405", **FOR_DEVELOPERS},
    "dashboard:revoke": {DEVELOPERS: "200 200 405 405", **FOR_DEVELOPERS},
    "console:home": {
        ("eko",): "200 405 405 405",
        (*DEVELOPERS, *COLLEAGUES, "dewi", "left"): NOT_THERE,
        STRANGERS: LOG_IN,
    },
    "console:applications": {("eko",): "200 405 405 405", **FOR_REVIEWERS},
    "console:application": {("eko",): "200 405 405 405", **FOR_REVIEWERS},
    # The forms name no submission: 409 says that this one has moved on.
    "console:claim": {("eko",): "405 409 405 405", **FOR_REVIEWERS},
    "console:release": {("eko",): "405 409 405 405", **FOR_REVIEWERS},
    "console:approve": {("eko",): "405 409 405 405", **FOR_REVIEWERS},
    "console:revision": {("eko",): "409 409 405 405", **FOR_REVIEWERS},
    "console:rejection": {("eko",): "409 409 405 405", **FOR_REVIEWERS},
    "console:document": {("eko",): "200 405 405 405", **FOR_REVIEWERS},
    "console:security": {
        ("eko",): "200 405 405 405",
        (*DEVELOPERS, *COLLEAGUES, "dewi", "left"): NOT_THERE,
        STRANGERS: LOG_IN,
    },
    # Nobody here has confirmed who they are: all are sent to do that, strangers to log in.
    **{
        f"web:{name}": {(*PEOPLE, *STRANGERS): "302 302 405 405"}
        for name in ("add_passkey", "authenticator", "password", "recovery_codes")
    },
    **{
        f"web:{name}": {(*PEOPLE, *STRANGERS): "302 302 405 405"}
        for name in ("remove_factor", "rename_passkey")
    },
    "web:confirm": {PEOPLE: "200 422 405 405", STRANGERS: "302 302 405 405"},
    "web:end_other_sessions": {(*PEOPLE, *STRANGERS): "405 302 405 405"},
    "web:end_session": {PEOPLE: "405 404 405 405", STRANGERS: "405 302 405 405"},
    "web:set_up": {(*PEOPLE, *STRANGERS): "302 405 405 405"},
    "web:language": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS, *STRANGERS): "405 302 405 405",
    },
    "account_login": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS): "302 302 302 302",
        STRANGERS: "200 200 200 405",
    },
    "mfa_authenticate": {(*PEOPLE, *STRANGERS): LOG_IN},
    "passkey_login": {PEOPLE: LOG_IN, STRANGERS: "200 422 422 405"},
    "account_logout": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS): "200 302 405 405",
        STRANGERS: "302 302 405 405",
    },
}
"""For each route and kind of person the status of each method, in the order above."""


class Route(NamedTuple):
    name: str
    parts: tuple[str, ...]


def routes(patterns=None, namespace=""):
    """Give every route that the router knows, with the names of the variable parts of its address."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, f"{pattern.namespace}:")
        else:
            yield Route(f"{namespace}{pattern.name}", tuple(pattern.pattern.converters))


def test_every_route_of_the_router_has_its_expected_results():
    assert {route.name for route in routes()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_everybody_gets_from_a_route_what_is_theirs(name, clients, answers):
    assert answers(name, clients()) == expected(name)


@pytest.mark.parametrize("name", EXPECTED)
def test_without_a_token_nobody_learns_more_of_a_route_than_a_look_at_it_tells(
    name, clients, answers
):
    assert answers(name, clients(enforce_csrf_checks=True)) == {
        person: " ".join([look, *("404" if look == "404" else "403" for _method in METHODS[1:])])
        for person, (look, *_rest) in map(split_cells, expected(name).items())
    }


def split_cells(item):
    person, cells = item
    return person, cells.split()


def expected(name):
    """Give the expected results of a route by person."""
    return {person: cells for people, cells in EXPECTED[name].items() for person in people}


@pytest.fixture
def answers(new_key, document_id):
    """Ask a route by every method as each person; gives the statuses."""

    def answers(name, clients):
        parts = {route.name: route.parts for route in routes()}[name]
        found = {}
        for person, method in itertools.product(clients, METHODS):
            values = {
                "username": "sinarabadi",
                "product": "disbursement",
                "environment": "live",
                "key_id": new_key() if "key_id" in parts else "",
                "token": "of-no-link",
                "user_id": User.objects.get(email="gita@sinarabadi.example").pk,
                "document_id": document_id,
                "section": "business",
                "factor_id": 0,
                "session_id": 0,
            }
            address = reverse(name, kwargs={part: values[part] for part in parts})
            response = getattr(clients[person](), method)(address)
            found.setdefault(person, []).append(str(response.status_code))
        return {person: " ".join(cells) for person, cells in found.items()}

    return answers


@pytest.fixture
def clients(browse, hire, sinar, dewi, eko, disbursement):
    """Give makers of logged-in clients for each kind of person."""

    def clients(**options):
        return hire_everybody(partial(browse, **options), hire, sinar, dewi=dewi, eko=eko)

    return clients


@pytest.fixture
def document_id(sinar, submitted):
    """A document of an application that was submitted, and decided on by the host operator since."""
    submitted(sinar)
    approved = AccountStatus.APPROVED
    set_account_status(HOST_OPERATOR, account_id=sinar.id, status=approved)
    return Document.objects.order_by("id").values_list("pk", flat=True).first()


@pytest.fixture
def new_key(sinar, disbursement):
    tokens = itertools.count()

    def new_key():
        return generate_key(
            HOST_OPERATOR,
            account_id=sinar.id,
            product="disbursement",
            environment="live",
            name="Key",
            grant=None,
            request_token=f"press-{next(tokens)}",
        ).id

    return new_key
