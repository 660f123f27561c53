"""Which way accounts, products and entitlements may go: all pairs, everything else is refused."""

import pytest

from keydesk.control.accounts import rules as accounts
from keydesk.control.catalog import rules as catalog
from keydesk.control.entitlements import rules as entitlements
from keydesk.core.records import AccountStatus, EntitlementState, ProductState


def possible(rules, sources, targets):
    return {
        (source, target)
        for source in sources
        for target in targets
        if rules.can_become(source, target)
    }


def test_an_accounts_status_goes_these_ways_and_no_other():
    assert possible(accounts, AccountStatus, AccountStatus) == {
        ("DRAFT", "WAITING_FOR_APPROVAL"),
        ("DRAFT", "CLOSED"),
        ("WAITING_FOR_APPROVAL", "APPROVED"),
        ("WAITING_FOR_APPROVAL", "NEED_REVISION"),
        ("WAITING_FOR_APPROVAL", "REJECTED"),
        ("NEED_REVISION", "WAITING_FOR_APPROVAL"),
        ("NEED_REVISION", "REJECTED"),
        ("NEED_REVISION", "CLOSED"),
        ("APPROVED", "SUSPENDED"),
        ("APPROVED", "CLOSED"),
        ("SUSPENDED", "APPROVED"),
        ("SUSPENDED", "CLOSED"),
        ("REJECTED", "CLOSED"),
    }


def test_a_products_state_goes_these_ways_and_no_other():
    assert possible(catalog, ProductState, ProductState) == {
        ("ACTIVE", "STOPPED"),
        ("ACTIVE", "RETIRED"),
        ("STOPPED", "ACTIVE"),
        ("STOPPED", "RETIRED"),
    }


def test_an_entitlements_state_goes_these_ways_and_no_other():
    assert possible(entitlements, [None, *EntitlementState], EntitlementState) == {
        (None, "REQUESTED"),
        (None, "ENABLED"),
        ("REQUESTED", "ENABLED"),
        ("ENABLED", "DISABLED"),
        ("DISABLED", "ENABLED"),
    }


@pytest.mark.parametrize("text", ["sinarabadi", "pt-1", "a1b", "a" * 40])
def test_a_username_is_taken(text):
    assert accounts.is_username(text)


@pytest.mark.parametrize(
    "text", ["", "ab", "Sinar", "1ab", "-ab", "ab-", "a b", "ab_c", "aé1", "a" * 41, "abc\n"]
)
def test_a_username_is_refused(text):
    assert not accounts.is_username(text)


@pytest.mark.parametrize("text", ["", "-a", "a-", "a--b", "A", "a_b", "1a", "a/b", "a" * 41])
def test_a_slug_is_refused(text):
    assert not catalog.is_slug(text)


@pytest.mark.parametrize("text", ["", "v1", "/a b", "/a?b", "/a'b", '/a"b', "/" + "a" * 200])
def test_a_sample_path_is_refused(text):
    assert not catalog.is_path(text)
