"""The Products page: the whole catalogue, where the account stands, and asking for what it does not have."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.fixtures.browsing import KEYS

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.catalog.actions import create_product, set_product_state
from keydesk.control.entitlements.actions import disable_product, enable_product, request_product
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.entitlements.queries import never_requested, offers_to
from keydesk.core.records import AccountStatus, Environment, ProductState

PRODUCTS = "/a/sinarabadi/products/"
REQUEST = f"{PRODUCTS}payment-link/live/request/"


@pytest.fixture
def payment_link(db):
    """A product that nobody has asked for."""
    return create_product(
        HOST_OPERATOR, slug="payment-link", name="Payment Link", description="Be paid by a link."
    )


@pytest.fixture
def asked(sinar, payment_link):
    return {"account_id": sinar.id, "product": "payment-link", "environment": Environment.LIVE}


def states_on(page):
    """Give what the page says of each product and environment."""
    return {
        name: re.findall(r"kd-pill[^>]*>([^<]+)<", part)
        for part in page.split("<section")[1:]
        for name in re.findall(r'id="product-([^"]+)"', part)
    }


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_the_page_lists_the_whole_catalogue_with_the_state_in_each_environment(
    browse, ana, disbursement, payment_link, asked
):
    create_product(HOST_OPERATOR, slug="never-had", name="Never had")
    set_product_state(HOST_OPERATOR, slug="never-had", state=ProductState.RETIRED, reason="Old")
    request_product(ana, **asked)
    disable_product(
        HOST_OPERATOR,
        account_id=ana.account_id,
        product="disbursement",
        environment=Environment.TEST,
        reason="Too many complaints",
    )
    response = browse(ana).get(PRODUCTS)
    assert states_on(response.content.decode()) == {
        "disbursement": ["Enabled", "Disabled"],
        "payment-link": ["Requested", "Not enabled"],
    }
    assert "Reason: Too many complaints" in text_of(response)


def test_a_retired_product_that_the_account_had_stays_listed_and_cannot_be_asked_for(
    browse, ana, payment_link, asked
):
    enable_product(HOST_OPERATOR, **asked)
    set_product_state(HOST_OPERATOR, slug="payment-link", state=ProductState.RETIRED, reason="Old")
    response = browse(ana).get(PRODUCTS)
    assert states_on(response.content.decode()) == {"payment-link": ["Enabled", "Not enabled"]}
    assert ("has ended this product" in text_of(response), "request/" in text_of(response)) == (
        True,
        False,
    )


def test_asking_waits_for_a_confirmation_and_leads_back(browse, ana, asked):
    client = browse(ana)
    assert REQUEST in client.get(PRODUCTS).content.decode()
    assert (client.get(REQUEST).status_code, Entitlement.objects.count()) == (200, 0)
    response = client.post(REQUEST)
    assert (response.status_code, response["Location"]) == (302, PRODUCTS)
    assert list(Entitlement.objects.values_list("product", "environment", "state")) == [
        ("payment-link", "live", "REQUESTED")
    ]


@pytest.mark.parametrize("back", [KEYS, f"{KEYS}?environment=test"])
def test_asking_from_the_keys_leads_back_to_them(browse, ana, asked, back):
    client = browse(ana)
    assert f"{REQUEST}?next=" in client.get(KEYS).content.decode()
    assert client.post(REQUEST, {"next": back})["Location"] == back


def test_asking_does_not_lead_elsewhere(browse, ana, asked):
    response = browse(ana).post(REQUEST, {"next": "https://elsewhere.example/"})
    assert response["Location"] == PRODUCTS


def test_the_keys_name_only_products_that_were_never_asked_for_apart_from_the_cards(
    browse, ana, disbursement, asked
):
    def parts():
        page = browse(ana).get(KEYS).content.decode()
        return re.findall(r'aria-labelledby="((?:product|more)[^"]+)"><', page.replace("\n  ", ""))

    before = parts()
    request_product(ana, **asked)
    assert (before, parts()) == (
        ["product-disbursement", "more-products"],
        ["product-disbursement", "product-payment-link"],
    )


def test_a_product_that_was_asked_for_in_one_environment_can_be_asked_for_in_the_other(
    browse, ana, asked
):
    request_product(ana, **asked)
    page = browse(ana).get(f"{KEYS}?environment=test").content.decode()
    assert f"{PRODUCTS}payment-link/test/request/" in page


def becomes(state):
    """Give a change of the product that is asked for."""
    return lambda asked: set_product_state(
        HOST_OPERATOR, slug=asked["product"], state=state, reason="Old"
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda asked: set_account_status(
                HOST_OPERATOR,
                account_id=asked["account_id"],
                status=AccountStatus.SUSPENDED,
                reason="Late",
            ),
            "Your company is not approved at the moment",
        ),
        (becomes(ProductState.STOPPED), "The provider has stopped this product."),
        (becomes(ProductState.RETIRED), None),
        (lambda asked: request_product(HOST_OPERATOR, **asked), "has been requested already"),
        (lambda asked: enable_product(HOST_OPERATOR, **asked), "This product is enabled already."),
    ],
    ids=["not approved", "stopped", "retired", "requested", "enabled"],
)
def test_what_cannot_be_asked_for_says_why_and_stays_as_it_is(browse, ana, asked, change, sentence):
    change(asked)
    before = list(Entitlement.objects.values())
    answers = [browse(ana).get(REQUEST), browse(ana).post(REQUEST)]
    if sentence is None:
        assert [answer.status_code for answer in answers] == [404, 404]
    else:
        assert [(each.status_code, sentence in text_of(each)) for each in answers] == [
            (409, True),
            (409, True),
        ]
    assert list(Entitlement.objects.values()) == before


def test_a_product_that_is_asked_for_meanwhile_says_so(browse, ana, asked):
    client = browse(ana)
    assert client.get(REQUEST).status_code == 200
    request_product(HOST_OPERATOR, **asked)
    response = client.post(REQUEST)
    assert (response.status_code, "requested already" in text_of(response)) == (409, True)


@pytest.mark.parametrize("address", ["none/live/request/", "payment-link/moon/request/"])
def test_what_the_catalogue_does_not_have_is_not_there(browse, ana, asked, address):
    assert browse(ana).post(PRODUCTS + address).status_code == 404


@pytest.mark.parametrize("role", ["fajar", "citra", "gita"])
def test_other_roles_find_neither_the_menu_nor_the_page(browse, request, payment_link, role):
    client = browse(request.getfixturevalue(role))
    assert (client.get(PRODUCTS).status_code, client.post(REQUEST).status_code) == (404, 404)
    assert b"/products/" not in client.get("/a/sinarabadi/").content


@pytest.mark.parametrize("count", [1, 20])
def test_the_queries_do_not_grow_with_the_catalogue(ana, sinar, count):
    for number in range(count):
        create_product(HOST_OPERATOR, slug=f"product-{number}", name=f"Product {number}")
        request_product(
            ana, account_id=sinar.id, product=f"product-{number}", environment=Environment.LIVE
        )
    with CaptureQueriesContext(connection) as captured:
        offers_to(ana, account_id=sinar.id)
    assert len(captured) == 2
    with CaptureQueriesContext(connection) as captured:
        never_requested(ana, account_id=sinar.id)
    assert len(captured) == 1


def test_what_the_provider_writes_is_text_and_nothing_else(browse, ana, asked):
    enable_product(HOST_OPERATOR, **asked)
    disable_product(HOST_OPERATOR, **asked, reason='"><img src=x onerror=alert(1)>')
    page = browse(ana).get(PRODUCTS).content.decode()
    assert ("<img" in page, "&lt;img src=x" in page) == (False, True)
