"""Addresses, scopes and limits as people write them: one to an entry, each once, and what is none is named."""

import pytest

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.rules import stored_networks
from keydesk.control.catalog.rules import stored_limits
from keydesk.control.keys.rules import common_scopes, stored_scopes
from keydesk.core.codes import Code
from keydesk.core.limits import Whose


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as refused:
        function(*arguments, **named)
    assert refused.value.code is Code.INVALID_INPUT
    return refused.value.details


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ([], ""),
        (["203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7/32", "203.0.113.0/24"], "203.0.113.7 203.0.113.0/24"),
        (["2001:DB8:0::/32", "::1"], "2001:db8::/32 ::1"),
        (["0.0.0.0/0"], "0.0.0.0/0"),
    ],
)
def test_networks_are_stored_in_one_form_and_in_the_order_written(written, stored):
    assert stored_networks(written) == stored


@pytest.mark.parametrize(
    "entry",
    ["office", "203.0.113.7/24", "203.0.113", "203.0.113.7/33", "fe80::1%eth0", "::ffff:203.0.113.7", "",
     "203.0.113.7 ", "\N{FULLWIDTH DIGIT ZERO}.0.0.0"],
)  # fmt: skip
def test_what_is_no_network_is_named(entry):
    assert refusal(stored_networks, ["203.0.113.1", entry]) == {
        "field": "networks",
        "reason": "entry",
        "entry": entry,
    }


def test_a_network_comes_once_however_it_is_written():
    assert refusal(stored_networks, ["2001:db8::1", "2001:DB8::1/128"]) == {
        "field": "networks",
        "reason": "twice",
        "entry": "2001:DB8::1/128",
    }


def test_an_allow_list_has_two_thousand_characters_at_most():
    fitting = [f"10.0.{number // 256}.{number % 256}/32" for number in range(190)]
    assert len(stored_networks(fitting)) <= 2000
    too_many = [f"10.0.{number // 256}.{number % 256}" for number in range(230)]
    assert refusal(stored_networks, too_many) == {
        "field": "networks",
        "reason": "length",
        "longest": 2000,
    }


def test_limits_are_stored_as_they_are_written():
    written = ["account:daily=10000/day", "key:burst=100/60s", "key:daily=9/day"]
    assert stored_limits(written) == " ".join(written)


@pytest.mark.parametrize(
    "entry",
    ["key:burst=100/60", "burst=100/60s", "key:burst=0/60s", "key:Burst=1/60s", "key:burst=1/90000s",
     "key:burst=100001/1s", "team:burst=1/1s", "key:burst=1/week", ""],
)  # fmt: skip
def test_what_is_no_limit_is_named(entry):
    assert refusal(stored_limits, [entry]) == {"field": "limits", "reason": "entry", "entry": entry}


def test_a_name_comes_once_for_each_owner():
    assert refusal(stored_limits, ["key:burst=1/1s", "key:burst=9/day"]) == {
        "field": "limits",
        "reason": "twice",
        "entry": "key:burst=9/day",
    }
    assert stored_limits(["key:burst=1/1s", "account:burst=1/1s"])


def test_limits_have_five_hundred_characters_at_most():
    def written(count):
        return [f"key:a-limit-{number:02}=1000/60s" for number in range(count)]

    assert len(stored_limits(written(18))) <= 500
    assert refusal(stored_limits, written(22)) == {
        "field": "limits",
        "reason": "length",
        "longest": 500,
    }


def test_a_limit_of_somebody_else_is_named():
    assert refusal(stored_limits, ["account:daily=9/day"], whose=(Whose.KEY,)) == {
        "field": "limits",
        "reason": "whose",
        "entry": "account:daily=9/day",
        "whose": ["key"],
    }


def test_a_long_entry_is_quoted_in_part():
    assert refusal(stored_limits, ["x" * 1000])["entry"] == "x" * 60


def test_scopes_are_those_that_the_product_offers():
    assert stored_scopes(["b", "a"], offered="a b c") == "a b"
    assert stored_scopes([], offered="a b c") == ""
    assert refusal(stored_scopes, ["a", "d"], offered="a b c") == {
        "field": "scopes",
        "reason": "entry",
        "entry": "d",
    }
    assert refusal(stored_scopes, ["a", "a"], offered="a b c")["reason"] == "twice"


def test_a_successor_has_what_its_product_still_offers():
    assert common_scopes("a b", "b c") == "b"
