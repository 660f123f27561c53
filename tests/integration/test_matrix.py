"""A1: every route of the desk, taken from the router, by every method, for every kind of person: what each one gets."""

import itertools
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import pytest
from django.core.cache import cache
from django.urls import get_resolver, reverse
from django.utils import timezone
from tests.fixtures.browsing import hire_everybody

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.roles import Role
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.entitlements.actions import cancel_change, plan_change
from keydesk.control.entitlements.planned import open_changes
from keydesk.control.invitations.actions import invite_member
from keydesk.control.keys.actions import generate_key
from keydesk.control.onboarding.models import Document
from keydesk.core.records import AccountStatus, EntitlementState, Environment

METHODS = ("get", "post", "put", "delete")

DEVELOPERS = ("ana", "budi")
COLLEAGUES = ("fajar", "citra", "gita")
OUTSIDERS = ("dewi", "eko", "left")
"""A Superadmin of another account, the internal team, and somebody who is no member any more."""
STRANGERS = ("anonymous", "expired")
PEOPLE = (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS)

EVERYBODY = (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS, *STRANGERS)

NOT_THERE, LOG_IN = "404 404 404 404", "302 302 302 302"
HIDDEN_FROM_OTHERS = {OUTSIDERS: NOT_THERE, STRANGERS: LOG_IN}
FOR_DEVELOPERS = {COLLEAGUES: NOT_THERE, **HIDDEN_FROM_OTHERS}
FOR_STAFF = {(*DEVELOPERS, *COLLEAGUES, "dewi", "left"): NOT_THERE, STRANGERS: LOG_IN}

FOR_REVIEWERS = {
    (*DEVELOPERS, *COLLEAGUES, "dewi", "left"): NOT_THERE,
    STRANGERS: LOG_IN,
}

EXPECTED = {
    "dashboard:home": {
        (*DEVELOPERS, *COLLEAGUES, "dewi", *STRANGERS): "302 405 405 405",
        ("eko",): "302 405 405 405",
        ("left",): "200 405 405 405",
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
    "dashboard:accounts": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS): "200 405 405 405",
        STRANGERS: "302 405 405 405",
    },
    # A link that nobody was sent is dead, which is a page for everybody.
    "dashboard:invitation": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS, *STRANGERS): "410 410 405 405",
    },
    "dashboard:team": {(*DEVELOPERS, *COLLEAGUES): "200 405 405 405", **HIDDEN_FROM_OTHERS},
    # The only Superadmin stays; whoever leaves finds nothing from then on.
    "dashboard:leave": {
        ("ana",): "200 409 405 405",
        ("budi", *COLLEAGUES): "200 302 404 404",
        **HIDDEN_FROM_OTHERS,
    },
    "dashboard:invite": {DEVELOPERS: "200 422 405 405", **FOR_DEVELOPERS},
    "dashboard:member_role": {DEVELOPERS: "200 422 405 405", **FOR_DEVELOPERS},
    "dashboard:member_deactivate": {DEVELOPERS: "200 302 405 405", **FOR_DEVELOPERS},
    # Nobody is shut out here, so there is nobody to let in.
    "dashboard:member_reactivate": {DEVELOPERS: "200 409 405 405", **FOR_DEVELOPERS},
    "dashboard:member_remove": {DEVELOPERS: "200 302 405 405", **FOR_DEVELOPERS},
    "dashboard:invitation_resend": {DEVELOPERS: "200 302 405 405", **FOR_DEVELOPERS},
    "dashboard:invitation_withdraw": {DEVELOPERS: "200 302 405 405", **FOR_DEVELOPERS},
    "dashboard:settings": {(*DEVELOPERS, *COLLEAGUES): "200 405 405 405", **HIDDEN_FROM_OTHERS},
    "dashboard:security": {(*DEVELOPERS, *COLLEAGUES): "200 405 405 405", **HIDDEN_FROM_OTHERS},
    "dashboard:pin": {DEVELOPERS: "200 422 405 405", **FOR_DEVELOPERS},
    # Who has no PIN has forgotten none, and is sent to set one.
    "dashboard:forgotten_pin": {DEVELOPERS: "302 302 405 405", **FOR_DEVELOPERS},
    "dashboard:mail_pin_link": {DEVELOPERS: "302 302 405 405", **FOR_DEVELOPERS},
    "dashboard:pin_link": {DEVELOPERS: "410 405 405 405", **FOR_DEVELOPERS},
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
    "dashboard:restrict": {DEVELOPERS: "200 409 405 405", **FOR_DEVELOPERS},
    "dashboard:allow_list": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    "dashboard:change_allow_list": {DEVELOPERS: "200 409 405 405", **FOR_DEVELOPERS},
    "dashboard:revoke": {DEVELOPERS: "200 200 405 405", **FOR_DEVELOPERS},
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
    "console:home": {("eko",): "200 405 405 405", **FOR_STAFF},
    "console:login": {PEOPLE: "302 302 302 302", STRANGERS: "200 200 200 405"},
    # No link is open here; who has one is whoever has it, logged in or not.
    "console:first_owner": {EVERYBODY: "410 410 405 405"},
    "console:welcome": {EVERYBODY: "410 410 405 405"},
    "console:team": {("eko",): "200 405 405 405", **FOR_STAFF},
    "console:team_add": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:person": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:products": {("eko",): "200 405 405 405", **FOR_STAFF},
    "console:product_add": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:product": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:product_stop": {("eko",): "200 422 405 405", **FOR_STAFF},
    # The product is on offer: there is nothing to resume.
    "console:product_resume": {("eko",): "200 409 405 405", **FOR_STAFF},
    "console:product_retire": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:settings": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:logo": {("eko",): "302 422 405 405", **FOR_STAFF},
    "console:system": {("eko",): "200 405 405 405", **FOR_STAFF},
    "web:brand_style": {EVERYBODY: "200 405 405 405"},
    # There is no logo of this version.
    "web:brand_logo": {EVERYBODY: "404 405 405 405"},
    "web:sign_up": {EVERYBODY: "200 422 405 405"},
    "web:look_into_mailbox": {EVERYBODY: "200 405 405 405"},
    "web:confirm_again": {EVERYBODY: "200 422 405 405"},
    # The link is not one that a mail held.
    "web:confirm_address": {EVERYBODY: "200 410 405 405"},
    "web:forgotten_password": {EVERYBODY: "200 422 405 405"},
    "web:new_password": {EVERYBODY: "410 410 405 405"},
    # Only a demo has a mailbox.
    "web:mailbox": {EVERYBODY: NOT_THERE},
    "web:one_letter": {EVERYBODY: NOT_THERE},
    "console:accounts": {("eko",): "200 405 405 405", **FOR_STAFF},
    "console:account": {("eko",): "200 405 405 405", **FOR_STAFF},
    "console:search": {("eko",): "200 405 405 405", **FOR_STAFF},
    "console:change": {("eko",): "200 302 405 405", **FOR_STAFF},
    "console:entitlement": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:entitlement_limits": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:key": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:status": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:view_as": {("eko",): "200 422 405 405", **FOR_STAFF},
    "console:end_viewing": {("eko",): "405 302 405 405", **FOR_STAFF},
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

LOOKED_AT = {
    "dashboard:overview": "200 405 405 405",
    "dashboard:settings": "200 405 405 405",
    "dashboard:team": "200 405 405 405",
    "dashboard:developer": "302 405 405 405",
    "dashboard:allow_list": "200 405 405 405",
    "dashboard:api_keys": "200 405 405 405",
}
"""What somebody of the internal team finds who views the account as its people see it; all else they find as before."""


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
    found = {person: cells for people, cells in EXPECTED[name].items() for person in people}
    return found | {"viewer": LOOKED_AT.get(name, found["eko"])}


@pytest.fixture
def answers(new_key, new_member, new_invitation, document_id, rangga, new_change):
    """Ask a route by every method as each person; gives the statuses."""

    def answers(name, clients):
        parts = {route.name: route.parts for route in routes()}[name]
        found = {}
        for person, method in itertools.product(clients, METHODS):
            values = {
                "username": "sinarabadi",
                "product": "disbursement",
                "environment": "live",
                "colour": "2750c7",
                "version": "0" * 16,
                "number": 1,
                "key_id": new_key() if "key_id" in parts else "",
                "token": "of-no-link",
                "user_id": rangga.user_id
                if name == "console:person"
                else new_member()
                if "user_id" in parts
                else 0,
                "invitation_id": new_invitation().id if "invitation_id" in parts else "",
                "document_id": document_id,
                "factor_id": 0,
                "session_id": 0,
                "section": "business",
                "change_id": new_change() if "change_id" in parts else "",
                "decision": "suspend",
            }
            address = reverse(name, kwargs={part: values[part] for part in parts})
            cache.clear()  # what was tried before is not what this is about
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


@pytest.fixture
def new_member(hire, sinar):
    numbers = itertools.count()

    def new_member():
        return hire(f"Member{next(numbers)}", sinar, Role.MAKER).user_id

    return new_member


@pytest.fixture
def new_invitation(sinar):
    numbers = itertools.count()

    def new_invitation():
        email = f"guest{next(numbers)}@example.com"
        return invite_member(HOST_OPERATOR, account_id=sinar.id, email=email, role=Role.MAKER)

    return new_invitation


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
