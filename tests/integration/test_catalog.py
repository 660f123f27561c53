"""Products: their names are right, and stopping one is told to verifiers."""

import pytest
from tests.fixtures import rows
from tests.fixtures.offers import EDITED

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import StaffRole
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.actions import create_product, edit_product, set_product_state
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.rules import RevealPolicy
from keydesk.control.keys.actions import generate_key
from keydesk.control.keys.models import ApiKey
from keydesk.core.codes import Code
from keydesk.core.decide import LONGEST_IDENTITY, refuse_unfit
from keydesk.core.records import Envelope, ProductRecord, ProductState

pytestmark = pytest.mark.django_db


def test_a_product_is_published_with_its_lease_and_its_demands(host):
    product = create_product(
        host,
        slug="payment-link",
        name="Payment Link",
        requires_username=True,
        lease_seconds=None,
        reveal_policy=RevealPolicy.ONCE,
        scopes=("link:read", "link:create", "link:read"),
        envelope=Envelope.COMPAT,
        limits=("product:total=100/1s", "key:daily=9/day"),
    )
    found = Product.objects.get()
    assert found.record() == ProductRecord(
        "payment-link",
        "ACTIVE",
        True,
        None,
        "compat",
        ("product:total=100/1s", "key:daily=9/day"),
        product.revision,
    )
    assert (found.scopes, found.reveal_policy) == ("link:create link:read", "once")


@pytest.mark.parametrize(
    ("changed", "details"),
    [
        ({"slug": "Payment"}, {"field": "slug", "reason": "invalid"}),
        ({"slug": "disbursement"}, {"field": "slug", "reason": "taken"}),
        ({"name": "Disbursement"}, {"field": "name", "reason": "taken"}),
        ({"name": ""}, {"field": "name", "reason": "invalid"}),
        ({"description": "x" * 301}, {"field": "description", "reason": "invalid"}),
        ({"description": "two\nlines"}, {"field": "description", "reason": "invalid"}),
        ({"lease_seconds": 2_592_001}, {"field": "lease_seconds", "reason": "invalid"}),
        ({"icon": "\0"}, {"field": "icon", "reason": "invalid"}),
        ({"icon": ""}, {"field": "icon", "reason": "invalid"}),
        ({"lease_seconds": 0}, {"field": "lease_seconds", "reason": "invalid"}),
        ({"scopes": ("not a scope!",)}, {"field": "scopes", "reason": "invalid"}),
        ({"scopes": ("a" * 128, "b" * 128)}, {"field": "scopes", "reason": "invalid"}),
        ({"sample_path": "v1"}, {"field": "sample_path", "reason": "invalid"}),
        ({"limits": ["key:x"]}, {"field": "limits", "reason": "entry", "entry": "key:x"}),
    ],
)
def test_a_product_is_refused_for_one_named_reason(changed, details, host, disbursement):
    given = {"slug": "payment-link", "name": "Payment Link"} | changed
    with pytest.raises(Refused) as refused:
        create_product(host, **given)
    assert (refused.value.code, refused.value.details) == (Code.INVALID_INPUT, details)
    assert Product.objects.get().record() == disbursement.record()


def test_a_stopped_product_is_published_and_a_retired_one_stays_retired(eko, disbursement):
    slug = disbursement.slug
    revision = set_product_state(eko, slug=slug, state=ProductState.STOPPED, reason="Emergency")
    assert Product.objects.get().record() == ProductRecord(
        slug, "STOPPED", False, 300, "problem", (), revision
    )
    set_product_state(eko, slug=slug, state=ProductState.RETIRED, reason="Nobody uses it")
    with pytest.raises(Refused) as refused:
        set_product_state(eko, slug=slug, state=ProductState.ACTIVE)
    assert refused.value.details == {"state": "RETIRED"}


@pytest.mark.parametrize("state", [ProductState.STOPPED, ProductState.RETIRED])
@pytest.mark.parametrize(("reason", "fault"), [(" ", "empty"), ("x" * 2001, "too_long")])
def test_what_ends_a_product_for_everybody_needs_a_reason(state, reason, fault, host, disbursement):
    with pytest.raises(Refused) as refused:
        set_product_state(host, slug=disbursement.slug, state=state, reason=reason)
    assert refused.value.details == {"field": "reason", "reason": fault}
    assert Product.objects.get().record() == disbursement.record()


def test_the_longest_scopes_of_a_product_fit_into_a_header_of_an_answer(host):
    scopes = ("a" * 128, "b" * 127)
    product = create_product(host, slug="payment-link", name="Payment Link", scopes=scopes)
    assert len(product.scopes) == LONGEST_IDENTITY
    refuse_unfit(rows.key(bytes(32), scopes=scopes), rows.account())


def test_an_unknown_product_is_not_found(eko):
    with pytest.raises(Refused) as refused:
        set_product_state(eko, slug="none", state=ProductState.STOPPED, reason="Fraud")
    assert refused.value.code is Code.NOT_FOUND


def test_an_edited_product_is_published_and_the_trail_says_what_was_and_is(eko, disbursement):
    revision = edit_product(eko, slug="disbursement", **EDITED)
    assert Product.objects.get().record() == ProductRecord(
        "disbursement", "ACTIVE", True, 60, "compat", ("account:daily=1000/day",), revision
    )
    assert AuditEvent.objects.get(event="product.edited").details == {
        "name": {"from": "Disbursement", "to": "Payouts"},
        "description": {"from": "", "to": "Money out."},
        "icon": {"from": "box", "to": "send"},
        "requires_username": {"from": False, "to": True},
        "lease_seconds": {"from": 300, "to": 60},
        "reveal_policy": {"from": "with_pin", "to": "once"},
        "scopes": {"from": "disbursement:use", "to": "payout:create"},
        "sample_path": {"from": "/v1/disbursement", "to": "/v2/payouts"},
        "envelope": {"from": "problem", "to": "compat"},
        "limits": {"from": "", "to": "account:daily=1000/day"},
    }


def test_an_edit_leaves_the_scopes_of_the_keys_that_there_are(eko, host, sinar, disbursement):
    given = {"account_id": sinar.id, "product": "disbursement", "environment": "live"}
    before = generate_key(host, **given, name="Old", grant=None, request_token="before")
    edit_product(eko, slug="disbursement", **EDITED)
    after = generate_key(host, **given, name="New", grant=None, request_token="after")
    scopes = dict(ApiKey.objects.values_list("id", "scopes"))
    assert scopes == {before.id: "disbursement:use", after.id: "payout:create"}


@pytest.mark.parametrize(
    ("changed", "details"),
    [
        ({"name": "Account Inquiry"}, {"field": "name", "reason": "taken"}),
        ({"sample_path": "v1"}, {"field": "sample_path", "reason": "invalid"}),
    ],
)
def test_an_edit_that_cannot_stand_changes_nothing(changed, details, eko, disbursement, inquiry):
    with pytest.raises(Refused) as refused:
        edit_product(eko, slug="disbursement", **EDITED | changed)
    assert (refused.value.code, refused.value.details) == (Code.INVALID_INPUT, details)
    assert Product.objects.get(pk="disbursement").record() == disbursement.record()


def test_a_retired_product_is_edited_no_more(eko, disbursement):
    set_product_state(eko, slug="disbursement", state=ProductState.RETIRED, reason="Old")
    with pytest.raises(Refused) as refused:
        edit_product(eko, slug="disbursement", **EDITED)
    assert (refused.value.code, refused.value.details) == (
        Code.STATE_CONFLICT,
        {"state": "RETIRED"},
    )


def test_security_stops_and_resumes_a_product_and_only_who_edits_products_retires_one(
    staff, disbursement
):
    sari, reviewer = staff("Sari", StaffRole.SECURITY), staff("Putri", StaffRole.REVIEWER)
    for state in (ProductState.STOPPED, ProductState.ACTIVE):
        set_product_state(sari, slug="disbursement", state=state, reason="Fraud")
    for actor, state in ((sari, ProductState.RETIRED), (reviewer, ProductState.STOPPED)):
        with pytest.raises(Refused) as refused:
            set_product_state(actor, slug="disbursement", state=state, reason="Fraud")
        assert refused.value.code is Code.PERMISSION_DENIED
    assert Product.objects.get().state == ProductState.ACTIVE
