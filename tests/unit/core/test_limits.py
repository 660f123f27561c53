"""How limits are written, and which of them a call is counted against."""

import msgspec
import pytest
from tests.fixtures.rows import entitlement, key, product

from keydesk.core.limits import Limit, buckets_for, parse_limit

KEY = key(bytes(32))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("key:burst=100/60s", Limit("key", "burst", 100, 60, None)),
        ("account:daily=10000/day", Limit("account", "daily", 10_000, None, "day")),
        ("product:all=1/month", Limit("product", "all", 1, None, "month")),
    ],
)
def test_a_limit_is_read_and_written_in_one_form(text, limit):
    assert parse_limit(text) == limit
    assert limit.text == text


@pytest.mark.parametrize(
    "text",
    [
        "", "burst=100/60s", "team:burst=1/1s", "key:Burst=1/1s", "key:burst=0/1s", "key:burst=1/0s",
        "key:burst=1/s", "key:burst=1/60", "key:burst=1/week", "key:burst=-1/1s", "key:burst=1/86401s",
        "key:burst=100001/1s", "key:burst=01/1s", "key:burst=1/1s ", "key:=1/1s", "key:burst=1/1s\n",
        "key:burst=\uff11/1s", "key:" + "a" * 21 + "=1/1s",
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_no_limit(text):
    with pytest.raises(ValueError, match=r"key:burst=100/60s|at most"):
        parse_limit(text)


def test_an_entitlements_limit_stands_in_for_the_products_of_its_name_and_a_keys_own_comes_on_top():
    found = buckets_for(
        msgspec.structs.replace(KEY, limits=("key:burst=3/1s",)),
        product(limits=("account:daily=10/day", "key:burst=5/1s", "product:all=100/1s")),
        entitlement(limits=("account:daily=1000/day", "account:hourly=50/3600s")),
    )
    assert [bucket.limit.text for bucket in found] == [
        "key:burst=5/1s",
        "product:all=100/1s",
        "account:hourly=50/3600s",
        "key:burst=3/1s",
        "account:daily=1000/day",
    ]
    assert len({bucket.place for bucket in found}) == 5


def places(key_id="key_a", account="acc_a", environment="live"):
    limits = ("key:one=1/1s", "account:two=1/1s", "product:three=1/1s")
    caller = msgspec.structs.replace(KEY, id=key_id, account=account, environment=environment)
    return [bucket.place for bucket in buckets_for(caller, product(limits=limits), entitlement())]


def test_keys_of_an_account_share_its_budget_and_accounts_share_the_products():
    first = places()
    assert [a == b for a, b in zip(first, places(key_id="key_b"), strict=True)] == [
        False,
        True,
        True,
    ]
    other = places(key_id="key_c", account="acc_b")
    assert [a == b for a, b in zip(first, other, strict=True)] == [False, False, True]


def test_test_calls_spend_nothing_of_the_live_budget_of_an_account_or_product():
    live, test = places(), places(key_id="key_t", environment="test")
    assert set(live) & set(test) == set()


def test_a_row_with_a_limit_that_is_none_lets_nothing_through():
    with pytest.raises(ValueError, match="is not like"):
        buckets_for(KEY, product(limits=("anything",)), entitlement())
