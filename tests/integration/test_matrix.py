"""A1: every route of the desk, taken from the router, by every method, for every kind of person: what each one gets.

PUT and DELETE are no page's own, whoever asks: of those who get the same of a route, one asks it by PUT and one by
DELETE, another pair for each route. Everybody asks every route by GET and POST.
"""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone
from tests.fixtures.browsing import clients_of, hire_everybody
from tests.fixtures.generating import generated
from tests.fixtures.routes import parts_of, routes
from tests.fixtures.sending import undone
from tests.integration.test_pages import comparable

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.roles import Role
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.accounts.models import Account
from keydesk.control.catalog.models import Product
from keydesk.control.credentials.actions import create_credential
from keydesk.control.entitlements.actions import plan_change
from keydesk.control.entitlements.models import Entitlement, PlannedChange
from keydesk.control.invitations.actions import invite_member
from keydesk.control.keys.models import ApiKey
from keydesk.control.onboarding.models import Document
from keydesk.control.people.models import User
from keydesk.control.policies.models import Policies
from keydesk.control.security.queries import factors_of
from keydesk.control.sessions.held import sessions_of
from keydesk.core.records import AccountStatus, EntitlementState, Environment, ServiceScope
from keydesk.dashboard import keys

METHODS = ("get", "post", "put", "delete")
IN_TURN = ("put", "delete")
CHANGING = ("post", *IN_TURN)

DEVELOPERS = ("ana", "budi")
COLLEAGUES = ("fajar", "citra", "gita")
STAFF = ("eko", "rangga", "siti", "vera")
"""An Owner, somebody of Operations, somebody of Security and a Reviewer."""
OUTSIDERS = ("dewi", *STAFF, "left")
"""A Superadmin of another account, the internal team, and somebody who is no member any more."""
STRANGERS = ("anonymous", "expired")
PEOPLE = (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS)
EVERYBODY = (*PEOPLE, *STRANGERS)
ASKERS = (*EVERYBODY, "viewer")
ON_BOTH = ("ana", "eko")
"""Who is let into every page: what others are refused, no database sees."""
ONE_OF_EACH = ("ana", "fajar", "eko", "dewi", "anonymous", "viewer")
"""One of all who are told apart before a form's token is."""
STYLES = ("x-api-key", "bearer", "session", "service")

OWNER, REVIEWERS, OPERATORS = ("eko",), ("eko", "vera"), ("eko", "rangga")
GUARDS = ("eko", "rangga", "siti")
"""Whoever of the internal team may stop and look."""

NOT_THERE, LOG_IN = "404 404 404 404", "302 302 302 302"
HIDDEN_FROM_OTHERS = {OUTSIDERS: NOT_THERE, STRANGERS: LOG_IN}
FOR_DEVELOPERS = {COLLEAGUES: NOT_THERE, **HIDDEN_FROM_OTHERS}


def of_console(cells, people=STAFF):
    """Give the results of a page that these people of the internal team have, and nobody else."""
    others = tuple(person for person in PEOPLE if person not in people)
    return {people: cells, others: NOT_THERE, STRANGERS: LOG_IN}


EXPECTED = {
    "dashboard:home": {
        (*DEVELOPERS, *COLLEAGUES, "dewi", *STAFF, *STRANGERS): "302 405 405 405",
        ("left",): "200 405 405 405",
    },
    "dashboard:overview": {(*DEVELOPERS, *COLLEAGUES): "200 405 405 405", **HIDDEN_FROM_OTHERS},
    "dashboard:activity": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    "dashboard:activity_csv": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
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
    # The only Superadmin stays.
    "dashboard:leave": {
        ("ana",): "200 409 405 405",
        ("budi", *COLLEAGUES): "200 302 405 405",
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
    "dashboard:key": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    "dashboard:logs": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    "dashboard:generate": {DEVELOPERS: "200 422 405 405", **FOR_DEVELOPERS},
    # Nobody here has a PIN: 409 leads to setting one, before the PIN and not before the confirmation.
    "dashboard:reveal": {DEVELOPERS: "409 409 405 405", **FOR_DEVELOPERS},
    "dashboard:regenerate": {DEVELOPERS: "200 409 405 405", **FOR_DEVELOPERS},
    "dashboard:restrict": {DEVELOPERS: "200 409 405 405", **FOR_DEVELOPERS},
    "dashboard:allow_list": {DEVELOPERS: "200 405 405 405", **FOR_DEVELOPERS},
    "dashboard:change_allow_list": {DEVELOPERS: "200 409 405 405", **FOR_DEVELOPERS},
    "dashboard:revoke": {DEVELOPERS: "200 200 405 405", **FOR_DEVELOPERS},
    "console:applications": of_console("200 405 405 405", REVIEWERS),
    "console:application": of_console("200 405 405 405", REVIEWERS),
    # The forms name no submission: 409 says that this one has moved on.
    "console:claim": of_console("405 409 405 405", REVIEWERS),
    "console:release": of_console("405 409 405 405", REVIEWERS),
    "console:approve": of_console("405 409 405 405", REVIEWERS),
    "console:revision": of_console("409 409 405 405", REVIEWERS),
    "console:rejection": of_console("409 409 405 405", REVIEWERS),
    "console:document": of_console("200 405 405 405", REVIEWERS),
    "console:security": of_console("200 405 405 405"),
    # Nobody here has confirmed who they are: all are sent to do that, strangers to log in.
    **{
        f"web:{name}": {(*PEOPLE, *STRANGERS): "302 302 405 405"}
        for name in ("add_passkey", "authenticator", "change_address", "password", "recovery_codes")
    },
    **{
        f"web:{name}": {(*PEOPLE, *STRANGERS): "302 302 405 405"}
        for name in ("remove_factor", "rename_passkey")
    },
    "web:address_asked": {PEOPLE: "200 405 405 405", STRANGERS: "302 405 405 405"},
    # The link is not one that a mail held; whoever is not logged in learns nothing of it.
    "web:new_address": {PEOPLE: "410 410 405 405", STRANGERS: "302 302 405 405"},
    "web:confirm": {PEOPLE: "200 422 405 405", STRANGERS: "302 302 405 405"},
    "web:end_other_sessions": {(*PEOPLE, *STRANGERS): "405 302 405 405"},
    "web:end_session": {PEOPLE: "405 404 405 405", STRANGERS: "405 302 405 405"},
    "web:set_up": {(*PEOPLE, *STRANGERS): "302 405 405 405"},
    "console:home": of_console("200 405 405 405"),
    "console:login": {PEOPLE: "302 302 302 302", STRANGERS: "200 200 200 405"},
    # No link is open here; who has one is whoever has it, logged in or not.
    "console:first_owner": {EVERYBODY: "410 410 405 405"},
    "console:welcome": {EVERYBODY: "410 410 405 405"},
    "console:team": of_console("200 405 405 405"),
    "console:team_add": of_console("200 422 405 405", OWNER),
    "console:person": of_console("200 422 405 405", OWNER),
    "console:products": of_console("200 405 405 405"),
    "console:product_add": of_console("200 422 405 405", OPERATORS),
    "console:product": of_console("200 422 405 405", OPERATORS),
    "console:product_stop": of_console("200 422 405 405", GUARDS),
    # The product is on offer: there is nothing to resume.
    "console:product_resume": of_console("200 409 405 405", GUARDS),
    "console:product_retire": of_console("200 422 405 405", OPERATORS),
    "console:settings": of_console("200 422 405 405", OWNER),
    "console:logo": of_console("302 422 405 405", OWNER),
    "console:strangers": of_console("200 405 405 405"),
    "console:system": of_console("200 405 405 405"),
    "web:brand_style": {EVERYBODY: "200 405 405 405"},
    # There is no logo of this version.
    "web:brand_logo": {EVERYBODY: "404 405 405 405"},
    "web:sign_up": {EVERYBODY: "200 422 405 405"},
    "web:look_into_mailbox": {EVERYBODY: "200 405 405 405"},
    "web:confirm_again": {EVERYBODY: "200 422 405 405"},
    # The link is not one that a mail held.
    "web:confirm_address": {EVERYBODY: "410 410 405 405"},
    "web:forgotten_password": {EVERYBODY: "200 422 405 405"},
    "web:new_password": {EVERYBODY: "410 410 405 405"},
    # Only a demo has a mailbox.
    "web:mailbox": {EVERYBODY: NOT_THERE},
    "web:one_letter": {EVERYBODY: NOT_THERE},
    "console:accounts": of_console("200 405 405 405"),
    "console:account": of_console("200 405 405 405"),
    "console:search": of_console("200 405 405 405"),
    "console:change": of_console("200 302 405 405", OPERATORS),
    "console:entitlement": of_console("200 422 405 405", OPERATORS),
    "console:entitlement_limits": of_console("200 422 405 405", OPERATORS),
    "console:key": of_console("200 422 405 405", GUARDS),
    "console:status": of_console("200 422 405 405", GUARDS),
    "console:view_as": of_console("200 422 405 405", GUARDS),
    "console:end_viewing": of_console("405 302 405 405", GUARDS),
    "web:language": {
        (*DEVELOPERS, *COLLEAGUES, *OUTSIDERS, *STRANGERS): "405 302 405 405",
    },
    # Machines alone, with a credential and without a cookie.
    "api:usage": {EVERYBODY: "405 401 405 405"},
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

FOR_MACHINES = {"api:usage"}
"""Routes that take no form, so no token protects them."""

LOOKED_AT = {
    "dashboard:activity": "200 405 405 405",
    "dashboard:activity_csv": "200 405 405 405",
    "dashboard:overview": "200 405 405 405",
    "dashboard:settings": "200 405 405 405",
    "dashboard:team": "200 405 405 405",
    "dashboard:developer": "302 405 405 405",
    "dashboard:allow_list": "200 405 405 405",
    "dashboard:api_keys": "200 405 405 405",
    "dashboard:key": "200 405 405 405",
    "dashboard:logs": "200 405 405 405",
}
"""What somebody of the internal team finds who views the account as its people see it; all else they find as before."""


def test_every_route_of_the_router_has_its_expected_results():
    assert {route.name for route in routes()} == set(EXPECTED)


@pytest.mark.parametrize(
    "person",
    [
        person if person in ON_BOTH else pytest.param(person, marks=pytest.mark.any_database)
        for person in ASKERS
    ],
)
def test_somebody_gets_from_every_route_what_is_theirs(person, client_of, answers):
    asking = asked_by(person)
    assert answers(client_of(person), asking) == chosen_of(expected(person), asking)


@pytest.mark.any_database
@pytest.mark.parametrize("person", ONE_OF_EACH)
def test_without_a_token_nobody_learns_more_of_a_route_than_a_look_at_it_tells(
    person, client_of, answers
):
    """What a look itself gives is the test's above: no token belongs to it."""
    refused = {
        name: " ".join([look, *("404" if look == "404" else "403" for _method in CHANGING)])
        for name, (look, *_rest) in map(split_cells, expected(person).items())
    }
    of_machines = {name: expected(person)[name] for name in FOR_MACHINES}
    client, asking = client_of(person, enforce_csrf_checks=True), asked_by(person, CHANGING)
    assert answers(client, asking) == chosen_of(refused | of_machines, asking)


@pytest.mark.any_database
@pytest.mark.parametrize("style", STYLES)
def test_what_a_machine_presents_opens_no_page(style, client_of, answers, key, service_credential):
    presented = {
        "x-api-key": {"headers": {"x-api-key": key.plaintext}},
        "bearer": {"headers": {"authorization": f"Bearer {key.plaintext}"}},
        "service": {"headers": {"authorization": f"Bearer {service_credential}"}},
    }
    client, asking = client_of("anonymous", **presented.get(style, {})), asked_by(style)
    if style == "session":
        client.cookies[settings.SESSION_COOKIE_NAME] = key.plaintext
    known = {"api:usage": "405 403 405 405"} if style == "service" else {}
    assert answers(client, asking) == chosen_of(expected("anonymous") | known, asking)


@pytest.mark.parametrize("person", ["ana", "eko"])
def test_whoever_is_shut_out_while_logged_in_is_a_stranger_from_then_on(
    person, people, client_of, answers
):
    client, asking = client_of(person), asked_by(person)
    User.objects.filter(pk=people[person].user_id).update(is_active=False)
    assert answers(client, asking) == chosen_of(expected("anonymous"), asking)


OBJECTS = {
    *("document_id", "factor_id", "invitation_id", "key_id"),
    *("session_id", "user_id", "username"),
}
"""The variable parts of addresses that name what is somebody's."""


def test_what_is_anothers_and_what_never_was_are_byte_for_byte_the_same(
    client_of, theirs, password
):
    """A2: to a Superadmin of another account, on every route outside the Console that names an object."""
    client = client_of("dewi")
    client.post("/account/confirm/", {"password": password})
    found = {}
    for name, part in objects_named():
        here = theirs if part == "username" else theirs | {"username": "duasamudra"}
        never = 999_999 if isinstance(theirs[part], int) else "never-was"
        for method in ("get", "post"):
            there = answer_of(client, method, name, here)
            absent = answer_of(client, method, name, here | {part: never})
            found[name, part, method] = there[0] if there == absent else (there, absent)
    assert set(found.values()) == {404, 405}
    assert {part for _name, part, _method in found} == OBJECTS


def objects_named():
    """Give the routes with each part of their addresses that names an object; the Console is hidden from them."""
    for name, parts in routes():
        if not name.startswith("console:"):
            yield from ((name, part) for part in parts if part in OBJECTS)


def answer_of(client, method, name, given):
    address = reverse(name, kwargs={part: given[part] for part in parts_of(name)})
    with undone(client):
        return comparable(getattr(client, method)(address))


CALLED = (
    (Account, "name"),
    (Account, "status_reason"),
    (ApiKey, "name"),
    (ApiKey, "stop_reason"),
    (Document, "name"),
    (Entitlement, "reason"),
    (PlannedChange, "reason"),
    (Policies, "brand_name"),
    (Product, "description"),
    (User, "full_name"),
)
"""What people call things, and why they say that they do something."""


@pytest.mark.any_database
def test_what_people_call_things_is_text_on_every_page(client_of, addresses):
    """W4, of what is stored: whatever the forms let in."""
    clients = [client_of("ana"), client_of("eko")]
    for number, (model, column) in enumerate(CALLED):
        model.objects.update(**{column: f'"><xss-{number} onfocus=1>'})
    pages = {
        (name, number): answer.content.decode()
        for name, address in addresses.items()
        for number, client in enumerate(clients)
        if (answer := looked_at(client, address))["Content-Type"].startswith("text/html")
    }
    assert [name for name, page in pages.items() if re.search('<xss|"&gt;&lt;xss', page)] == []
    shown = "".join(pages.values())
    assert [at for at in range(len(CALLED)) if f"&quot;&gt;&lt;xss-{at} " not in shown] == []


def looked_at(client, address):
    with undone(client):
        return client.get(address)


def split_cells(item):
    name, cells = item
    return name, cells.split()


def expected(person):
    """Give the expected results of a person by route."""
    return {
        name: LOOKED_AT.get(name, results_of("eko", name))
        if person == "viewer"
        else results_of(person, name)
        for name in EXPECTED
    }


def results_of(person, name):
    (cells,) = (cells for people, cells in EXPECTED[name].items() if person in people)
    return cells


def asked_by(person, methods=METHODS):
    """Give every route, and those of the methods by which this person asks it."""
    asking = []
    for place, route in enumerate(routes()):
        groups = (*EXPECTED[route.name], STYLES, (person,))
        alike = next(group for group in groups if person in group)
        turn = (alike.index(person) + place) % len(alike)
        left_out = {method for at, method in enumerate(IN_TURN) if turn != at % len(alike)}
        asking.append((route, [method for method in methods if method not in left_out]))
    return asking


def chosen_of(results, asking):
    """Give of the results by route those that are asked for, by method."""
    found = {}
    for (name, _parts), chosen in asking:
        cells = dict(zip(METHODS, results[name].split(), strict=True))
        found[name] = {method: cells[method] for method in chosen}
    return found


@pytest.fixture
def answers(addresses):
    """Ask every route, each time as if nothing had been asked before; gives the statuses by route and method."""

    def answers(client, asking):
        cache.clear()
        return {
            route.name: {
                method: status_of(client, method, addresses[route.name]) for method in chosen
            }
            for route, chosen in asking
        }

    return answers


@pytest.fixture
def addresses(places):
    """Give the address of every route, about something of Sinar Abadi's or somebody of the internal team."""
    found = {}
    for name, parts in routes():
        user_id = places["staff_id" if name == "console:person" else "user_id"]
        given = places | {"user_id": user_id}
        found[name] = reverse(name, kwargs={part: given[part] for part in parts})
    return found


def status_of(client, method, address):
    with undone(client):
        return str(getattr(client, method)(address).status_code)


@pytest.fixture
def theirs(places, client_of, people, codes_of):
    """Give something of Sinar Abadi's or its people's for each variable part of an address that names an object."""
    client_of("ana")
    codes_of(people["ana"])
    ana = people["ana"].user_id
    return places | {
        "factor_id": factors_of(ana).first().pk,
        "session_id": sessions_of(ana).get().pk,
    }


@pytest.fixture
def people(hire, staff, sinar, dewi, eko):
    return hire_everybody(hire, staff, sinar, dewi=dewi, eko=eko)


@pytest.fixture
def client_of(browse, people, sinar, monkeypatch):
    """Give the client of a kind of person."""
    monkeypatch.setattr(keys, "WAIT_SECONDS", 0)  # there is no replica here

    def client_of(person, **options):
        client = clients_of(partial(browse, **options), people, sinar)[person]()
        if person in people:
            client.get("/")  # so that the session is not a new one each time
        return client

    return client_of


@pytest.fixture
def places(sinar, hire, people, disbursement, document_id, key_id, change_id):
    """Give something for each variable part of an address."""
    invited = {"email": "guest@example.com", "role": Role.MAKER}
    return {
        "username": "sinarabadi",
        "product": "disbursement",
        "environment": "live",
        "colour": "2750c7",
        "version": "0" * 16,
        "number": 1,
        "key_id": key_id,
        "token": "of-no-link",
        "user_id": hire("Member", sinar, Role.MAKER).user_id,
        "staff_id": people["rangga"].user_id,
        "invitation_id": invite_member(HOST_OPERATOR, account_id=sinar.id, **invited).id,
        "document_id": document_id,
        "factor_id": 0,
        "session_id": 0,
        "section": "business",
        "change_id": change_id,
        "decision": "suspend",
    }


@pytest.fixture
def document_id(sinar, submitted):
    """A document of an application that was submitted, and decided on by the host operator since."""
    submitted(sinar)
    approved = AccountStatus.APPROVED
    set_account_status(HOST_OPERATOR, account_id=sinar.id, status=approved)
    return Document.objects.order_by("id").values_list("pk", flat=True).first()


@pytest.fixture
def key_id(key):
    return key.id


@pytest.fixture
def service_credential():
    soon = timezone.now() + timedelta(days=1)
    scopes = {ServiceScope.VERIFY, ServiceScope.REPLICATE}
    return create_credential(
        HOST_OPERATOR, name="Gateway", scopes=scopes, expires_at=soon
    ).plaintext


@pytest.fixture
def key(sinar, disbursement, document_id):
    return generated(sinar)


@pytest.fixture
def change_id(sinar, inquiry):
    return plan_change(
        HOST_OPERATOR,
        account_id=sinar.id,
        product=inquiry.slug,
        environment=Environment.LIVE,
        target=EntitlementState.DISABLED,
        reason="A complaint",
        due_at=timezone.now() + timedelta(days=1),
    ).id
