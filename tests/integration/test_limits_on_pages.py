"""What people read of limits: those that bear on a key stand where the key is, in words of their language."""

import html
import re

import pytest
from django.utils import translation
from tests.fixtures.browsing import KEYS

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.catalog.models import Product
from keydesk.control.entitlements.actions import enable_product
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.keys.models import ApiKey
from keydesk.core.limits import parse_limit
from keydesk.core.records import Environment
from keydesk.web.budgets import limit_words

pytestmark = pytest.mark.django_db

OF_PRODUCT = "account:daily=10000/day key:burst=100/60s"
MANY = " ".join(f"key:a{number}=9/1s" for number in range(30))


def shown(response):
    """Give the text of a page, each run of white space one blank."""
    text = re.sub(
        r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL
    )
    return re.sub(r"\s+", " ", html.unescape(text))


@pytest.mark.parametrize(
    ("limit", "english", "indonesian"),
    [
        ("key:a=100/60s", "100 calls a minute per key", "100 panggilan per menit untuk tiap kunci"),
        (
            "account:a=10000/day",
            "10,000 calls a day, shared by the account's keys",
            "10.000 panggilan per hari, dipakai bersama oleh semua kunci akun",
        ),
        (
            "product:a=1/1s",
            "1 call a second, shared by all customers",
            "1 panggilan per detik, dipakai bersama oleh semua pelanggan",
        ),
        ("key:a=1/3600s", "1 call an hour per key", "1 panggilan per jam untuk tiap kunci"),
        (
            "key:a=1500000/month",
            "1,500,000 calls a month per key",
            "1.500.000 panggilan per bulan untuk tiap kunci",
        ),
        (
            "key:a=5/86400s",
            "5 calls in 24 hours per key",
            "5 panggilan dalam 24 jam untuk tiap kunci",
        ),
        (
            "key:a=5/5400s",
            "5 calls in 90 minutes per key",
            "5 panggilan dalam 90 menit untuk tiap kunci",
        ),
        (
            "key:a=1/1001s",
            "1 call in 1,001 seconds per key",
            "1 panggilan dalam 1.001 detik untuk tiap kunci",
        ),
    ],
)
def test_a_limit_is_told_in_words_and_figures_of_the_language(limit, english, indonesian):
    told = []
    for language in ("en", "id"):
        with translation.override(language):
            told.append(limit_words(parse_limit(limit)))
    assert told == [english, indonesian]


@pytest.fixture
def client(browse, ana, disbursement):
    return browse(ana)


@pytest.fixture
def key(ana, generate):
    return generate(ana)


def test_a_product_without_limits_says_nothing_of_any(client):
    assert "Limits" not in shown(client.get(KEYS))


def test_the_limits_of_a_product_stand_in_its_card(client):
    Product.objects.update(limits=OF_PRODUCT)
    assert (
        "Limits: 100 calls a minute per key · 10,000 calls a day, shared by the account's keys "
        in shown(client.get(KEYS))
    )
    assert (
        "Batas: 100 panggilan per menit untuk tiap kunci · "
        "10.000 panggilan per hari, dipakai bersama oleh semua kunci akun "
        in shown(client.get(KEYS, headers={"accept-language": "id"}))
    )


def test_an_accounts_own_limit_stands_in_for_the_products_in_its_environment_alone(client):
    Product.objects.update(limits=OF_PRODUCT)
    Entitlement.objects.filter(environment="live").update(limits="account:daily=25000/day")
    live, test = (shown(client.get(f"{KEYS}?environment={name}")) for name in ("live", "test"))
    assert ("25,000 calls a day" in live, "10,000 calls a day" in live) == (True, False)
    assert ("25,000 calls a day" in test, "10,000 calls a day" in test) == (False, True)


def test_more_than_two_limits_of_a_product_stand_behind_their_number(client):
    Product.objects.update(limits=f"{OF_PRODUCT} product:all=1000/1s")
    page = client.get(KEYS)
    (closed,) = re.findall(r"<summary[^>]*>(Limits[^<]*)</summary>", page.content.decode())
    assert closed == "Limits (3)"
    assert "1,000 calls a second, shared by all customers" in shown(page)


def test_what_a_key_is_limited_to_stands_in_its_row(client, key):
    ApiKey.objects.update(limits="key:burst=9/1s key:daily=2000/day")
    assert "at most 9 calls a second · at most 2,000 calls a day" in shown(client.get(KEYS))
    ApiKey.objects.update(limits=MANY)
    page = shown(client.get(KEYS))
    assert ("30 limits of its own" in page, "at most" in page) == (True, False)


def test_whoever_limits_a_key_sees_the_products_limits_and_reads_their_own_before_the_pin(
    client, key, with_pin, ana
):
    Product.objects.update(limits=OF_PRODUCT)
    with_pin(ana)
    restrict = f"{KEYS}{key.id}/restrict/"
    told = "Limits of the product: 100 calls a minute per key · 10,000 calls a day, shared"
    wrong = client.post(restrict, {"chosen": "1", "limits": "key:b=9"})
    assert [told in shown(page) for page in (client.get(restrict), wrong)] == [True, True]
    sent = {"step": "confirm", "chosen": "1", "limits": "key:b=9000/day"}
    assert "at most 9,000 calls a day" in shown(client.post(restrict, sent))


def test_the_limits_of_one_account_are_not_told_to_another(client, browse, dewi, samudra):
    enable_product(
        HOST_OPERATOR,
        account_id=samudra.id,
        product="disbursement",
        environment=Environment.LIVE,
    )
    Product.objects.update(limits="key:b=9/1s")
    Entitlement.objects.filter(account__username="sinarabadi").update(limits="key:b=777/1s")
    others = KEYS.replace("sinarabadi", "duasamudra")
    assert "Limits: 777 calls a second per key" in shown(client.get(KEYS))
    assert "Limits: 9 calls a second per key" in shown(browse(dewi).get(others))
