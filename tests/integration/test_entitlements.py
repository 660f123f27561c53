"""What an account may use is asked for by the account and decided by the internal team."""

import pytest

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.catalog.actions import create_product, set_product_state
from keydesk.control.entitlements.actions import (
    disable_product,
    enable_product,
    request_product,
)
from keydesk.control.entitlements.models import Entitlement
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, EntitlementRecord, Environment, ProductState

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(sinar, host):
    """A product that nobody has asked for yet."""
    create_product(host, slug="payment-link", name="Payment Link")
    return {"account_id": sinar.id, "product": "payment-link", "environment": Environment.LIVE}


def refusal(function, *args, **kwargs):
    with pytest.raises(Refused) as refused:
        function(*args, **kwargs)
    return refused.value.code, refused.value.details


def test_asked_for_then_enabled_then_disabled_each_is_published(ana, eko, place, sinar):
    states = []
    for change in (
        lambda: request_product(ana, **place),
        lambda: enable_product(eko, **place),
        lambda: disable_product(eko, **place, reason=" A complaint "),
        lambda: enable_product(eko, **place),
    ):
        record = change().record()
        assert Entitlement.objects.get().record() == record
        states.append((record.state, Entitlement.objects.get().reason))
    assert states == [
        ("REQUESTED", ""),
        ("ENABLED", ""),
        ("DISABLED", "A complaint"),
        ("ENABLED", ""),
    ]
    assert record == EntitlementRecord(
        sinar.id, "payment-link", "live", "ENABLED", (), record.revision
    )


def test_the_moment_of_the_request_stays_when_it_is_granted(ana, eko, place):
    asked = request_product(ana, **place).requested_at
    enabled = enable_product(eko, **place)
    assert (enabled.requested_at, enabled.changed_at > asked) == (asked, True)
    assert Entitlement.objects.get(account=ana.account_id) == enabled


def test_what_is_so_already_is_a_conflict(ana, eko, place):
    request_product(ana, **place)
    conflict = refusal(request_product, ana, **place)
    assert conflict == (Code.STATE_CONFLICT, {"state": "REQUESTED"})
    enable_product(eko, **place)
    assert refusal(enable_product, eko, **place) == (Code.STATE_CONFLICT, {"state": "ENABLED"})
    disable_product(eko, **place, reason="A complaint")
    again = refusal(disable_product, eko, **place, reason="A complaint")
    assert again == (Code.STATE_CONFLICT, {"state": "DISABLED"})


def test_disabling_needs_a_reason(eko, inquiry, sinar):
    place = {"account_id": sinar.id, "product": inquiry.slug, "environment": Environment.LIVE}
    refused = refusal(disable_product, eko, **place, reason=" ")
    assert refused == (Code.INVALID_INPUT, {"field": "reason", "reason": "empty"})


def test_a_suspended_account_asks_for_nothing(ana, eko, place, sinar):
    suspended = AccountStatus.SUSPENDED
    set_account_status(eko, account_id=sinar.id, status=suspended, reason="Overdue")
    refused = refusal(request_product, ana, **place)
    assert refused == (Code.STATE_CONFLICT, {"state": "SUSPENDED"})


def test_nobody_asks_for_a_product_that_is_not_on_offer(ana, eko, place):
    set_product_state(eko, slug="payment-link", state=ProductState.RETIRED, reason="Old")
    refused = refusal(request_product, ana, **place)
    assert refused == (Code.STATE_CONFLICT, {"state": "RETIRED"})


def test_an_unknown_account_or_product_is_not_found(eko, place):
    for unknown in ({"account_id": "acc_none"}, {"product": "none"}):
        assert refusal(enable_product, eko, **place | unknown)[0] is Code.NOT_FOUND


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_make_one_request(at_once, ana, budi, place, collisions):
    outcomes = at_once(*(lambda who=who: request_product(who, **place) for who in [ana, budi] * 2))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "Entitlement",
        "Refused",
        "Refused",
        "Refused",
    ]
    assert Entitlement.objects.count() == 1
