"""Products: their names are right, and stopping one is told to verifiers."""

import pytest

from keydesk.control.access.refused import Refused
from keydesk.control.catalog.actions import create_product, set_product_state
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.rules import RevealPolicy
from keydesk.core.codes import Code
from keydesk.core.records import ProductRecord, ProductState
from keydesk.verifier.answers import MAX_IDENTITY_LENGTH, refuse_unfit

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
    )
    found = Product.objects.get()
    assert found.record() == ProductRecord("payment-link", "ACTIVE", True, None, product.revision)
    assert (found.scopes, found.reveal_policy) == ("link:create link:read", "once")


@pytest.mark.parametrize(
    ("changed", "details"),
    [
        ({"slug": "Payment"}, {"field": "slug", "reason": "invalid"}),
        ({"slug": "disbursement"}, {"field": "slug", "reason": "taken"}),
        ({"name": "Disbursement"}, {"field": "name", "reason": "taken"}),
        ({"name": ""}, {"field": "name", "reason": "invalid"}),
        ({"description": "x" * 301}, {"field": "description", "reason": "invalid"}),
        ({"icon": ""}, {"field": "icon", "reason": "invalid"}),
        ({"lease_seconds": 0}, {"field": "lease_seconds", "reason": "invalid"}),
        ({"scopes": ("not a scope!",)}, {"field": "scopes", "reason": "invalid"}),
        ({"scopes": ("a" * 128, "b" * 128)}, {"field": "scopes", "reason": "invalid"}),
        ({"sample_path": "v1"}, {"field": "sample_path", "reason": "invalid"}),
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
    assert Product.objects.get().record() == ProductRecord(slug, "STOPPED", False, 300, revision)
    set_product_state(eko, slug=slug, state=ProductState.RETIRED)
    with pytest.raises(Refused) as refused:
        set_product_state(eko, slug=slug, state=ProductState.ACTIVE)
    assert refused.value.details == {"state": "RETIRED"}


def test_the_longest_scopes_of_a_product_fit_into_a_header_of_an_answer(host):
    scopes = ("a" * 128, "b" * 127)
    product = create_product(host, slug="payment-link", name="Payment Link", scopes=scopes)
    assert len(product.scopes) == MAX_IDENTITY_LENGTH
    refuse_unfit((product.scopes,))


def test_an_unknown_product_is_not_found(eko):
    with pytest.raises(Refused) as refused:
        set_product_state(eko, slug="none", state=ProductState.STOPPED)
    assert refused.value.code is Code.NOT_FOUND
