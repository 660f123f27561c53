"""A1: every route of the desk, taken from the router, by every method, for every kind of person: what each one gets."""

import itertools
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import pytest
from django.urls import get_resolver, reverse
from django.utils import timezone
from tests.fixtures.browsing import hire_everybody

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.entitlements.actions import cancel_change, plan_change
from keydesk.control.entitlements.queries import open_changes
from keydesk.control.keys.actions import generate_key
from keydesk.core.records import EntitlementState, Environment

METHODS = ("get", "post", "put", "delete")

DEVELOPERS = ("ana", "budi")
COLLEAGUES = ("fajar", "citra", "gita")
OUTSIDERS = ("dewi", "eko", "left")
"""A Superadmin of another account, the internal team, and somebody who is no member any more."""
STRANGERS = ("anonymous", "expired")
VIEWER = ("viewer",)
"""The internal team with a viewing of the account: it looks, and comes in nowhere where something is done."""

NOT_THERE, LOG_IN = "404 404 404 404", "302 302 302 302"
HIDDEN_FROM_OTHERS = {OUTSIDERS: NOT_THERE, STRANGERS: LOG_IN}
LOOKS = {VIEWER: "200 405 405 405"}
DOES_NOTHING = {VIEWER: NOT_THERE}
FOR_DEVELOPERS = {COLLEAGUES: NOT_THERE, **HIDDEN_FROM_OTHERS}
FOR_STAFF = {
    (*DEVELOPERS, *COLLEAGUES, "dewi", "left"): NOT_THERE,
    STRANGERS: LOG_IN,
}
STAFF = ("eko", "viewer")
"""A viewing takes nothing away from the Console."""

EXPECTED = {
    "dashboard:home": {
        (*DEVELOPERS, *COLLEAGUES, "dewi", *STRANGERS): "302 405 405 405",
        ("eko", "viewer", "left"): "200 405 405 405",
    },
    "dashboard:overview": {
        (*DEVELOPERS, *COLLEAGUES): "200 405 405 405",
        **LOOKS,
        **HIDDEN_FROM_OTHERS,
    },
    "dashboard:settings": {
        (*DEVELOPERS, *COLLEAGUES): "200 405 405 405",
        **LOOKS,
        **HIDDEN_FROM_OTHERS,
    },
    "dashboard:pin": {DEVELOPERS: "200 422 405 405", **DOES_NOTHING, **FOR_DEVELOPERS},
    "dashboard:developer": {
        DEVELOPERS: "302 405 405 405",
        VIEWER: "302 405 405 405",
        **FOR_DEVELOPERS,
    },
    "dashboard:api_keys": {DEVELOPERS: "200 405 405 405", **LOOKS, **FOR_DEVELOPERS},
    "dashboard:generate": {DEVELOPERS: "200 422 405 405", **DOES_NOTHING, **FOR_DEVELOPERS},
    # Nobody here has a PIN: 409 leads to setting one, before the PIN and not before the confirmation.
    "dashboard:reveal": {DEVELOPERS: "409 409 405 405", **DOES_NOTHING, **FOR_DEVELOPERS},
    "dashboard:regenerate": {DEVELOPERS: "200 409 405 405", **DOES_NOTHING, **FOR_DEVELOPERS},
    "dashboard:revoke": {DEVELOPERS: "200 200 405 405", **DOES_NOTHING, **FOR_DEVELOPERS},
    "console:home": {STAFF: "200 405 405 405", **FOR_STAFF},
    "console:accounts": {STAFF: "200 405 405 405", **FOR_STAFF},
    "console:account": {STAFF: "200 405 405 405", **FOR_STAFF},
    "console:search": {STAFF: "200 405 405 405", **FOR_STAFF},
    "console:change": {STAFF: "200 302 405 405", **FOR_STAFF},
    "console:entitlement": {STAFF: "200 422 405 405", **FOR_STAFF},
    "console:key": {STAFF: "200 422 405 405", **FOR_STAFF},
    "console:status": {STAFF: "200 422 405 405", **FOR_STAFF},
    "console:view_as": {STAFF: "200 422 405 405", **FOR_STAFF},
    "console:end_viewing": {STAFF: "405 302 405 405", **FOR_STAFF},
    "web:language": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS, *VIEWER, *STRANGERS): "405 302 405 405",
    },
    "account_login": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS, *VIEWER): "302 302 302 302",
        STRANGERS: "200 200 200 405",
    },
    "account_logout": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS, *VIEWER): "200 302 405 405",
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
def answers(new_key, new_change):
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
                "change_id": new_change() if "change_id" in parts else "",
                "decision": "suspend",
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


@pytest.fixture
def new_change(sinar, inquiry):
    """Plan a change, in the place of the one that was planned before."""

    def new_change():
        ahead = open_changes().first()
        if ahead is not None:
            cancel_change(HOST_OPERATOR, change_id=ahead.id)
        return plan_change(
            HOST_OPERATOR,
            account_id=sinar.id,
            product=inquiry.slug,
            environment=Environment.LIVE,
            target=EntitlementState.DISABLED,
            reason="A complaint",
            due_at=timezone.now() + timedelta(days=1),
        ).id

    return new_change
