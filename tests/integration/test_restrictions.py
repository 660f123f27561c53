"""Keys, accounts, entitlements and products are restricted by actions, and verifiers read just what was set."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures.generating import generated

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import StaffRole
from keydesk.control.accounts.models import Account
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.actions import create_product, edit_product
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.rules import RevealPolicy
from keydesk.control.entitlements.actions import limit_entitlement
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.feed.actions import row_mac_key
from keydesk.control.keys import actions
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.restrictions import Choices
from keydesk.control.stepup.rules import GuardedAction
from keydesk.core.codes import Code
from keydesk.core.digest import row_mac_matches
from keydesk.core.records import (
    AccountRecord,
    EntitlementRecord,
    Envelope,
    Environment,
    KeyRecord,
    ProductRecord,
)

pytestmark = pytest.mark.django_db

OFFICE = ("203.0.113.0/24", "2001:db8::1")
SCOPES = ("payout:create", "payout:read", "payout:cancel")
RESTRICTED = {"networks": OFFICE, "scopes": ("payout:read",), "limits": ("key:burst=9/1s",)}


def edited(**changed):
    given = {
        "name": "Disbursement",
        "description": "",
        "icon": "box",
        "requires_username": False,
        "lease_seconds": 300,
        "reveal_policy": RevealPolicy.WITH_PIN,
        "scopes": SCOPES,
        "sample_path": "/v1/disbursement",
        "envelope": Envelope.PROBLEM,
        "limits": (),
    }
    return edit_product(HOST_OPERATOR, slug="disbursement", **given | changed)


@pytest.fixture
def payouts(disbursement):
    """A product with three scopes."""
    edited()
    return Product.objects.get()


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as refused:
        function(*arguments, **named)
    return refused.value.code, refused.value.details


def last_event():
    row = AuditEvent.objects.latest("seq")
    return row.event, row.actor_label, row.object_id, row.details


def record_of(row):
    """Give what verifiers read of a row, and insist on its MAC."""
    row.refresh_from_db()
    assert row_mac_matches(row_mac_key(), row.record(), bytes(row.mac))
    return row.record()


def test_a_key_is_made_with_what_was_chosen_for_it(payouts, sinar):
    end = datetime(2099, 1, 1, 0, 0, 0, 900_000, tzinfo=UTC)
    made = generated(sinar, expires_at=end, **RESTRICTED)
    row = ApiKey.objects.get()
    assert record_of(row) == KeyRecord(
        id=made.id,
        digest=bytes(row.digest),
        account=sinar.id,
        product="disbursement",
        environment="live",
        state="ACTIVE",
        expires_at=int(end.timestamp()),
        retires_at=None,
        scopes=("payout:read",),
        networks=OFFICE,
        limits=("key:burst=9/1s",),
        revision=made.revision,
    )


def test_a_key_for_which_nothing_is_chosen_has_all_scopes_and_no_end(payouts, sinar):
    generated(sinar)
    row = ApiKey.objects.get()
    held = (row.scopes, row.networks, row.limits, row.expires_at)
    assert held == ("payout:cancel payout:create payout:read", "", "", None)


def test_a_restricted_key_is_published_and_the_trail_says_what_was_and_is(
    payouts, ana, generate, granted
):
    made = generate(ana)
    before = record_of(ApiKey.objects.get())
    grant = granted(ana, GuardedAction.KEY_RESTRICT, made.id)
    revision = actions.restrict_key(ana, key_id=made.id, **RESTRICTED, grant=grant)
    after = record_of(ApiKey.objects.get())
    assert {name: getattr(after, name) for name in after.__struct_fields__} == {
        **{name: getattr(before, name) for name in before.__struct_fields__},
        **RESTRICTED,
        "revision": revision,
    }
    assert revision > made.revision
    assert last_event() == (
        "key.restricted",
        ana.label,
        made.id,
        {
            "networks": {"from": "", "to": " ".join(OFFICE)},
            "scopes": {"from": " ".join(sorted(SCOPES)), "to": "payout:read"},
            "limits": {"from": "", "to": "key:burst=9/1s"},
        },
    )


def test_widening_takes_the_same_grant_and_leaves_what_was(payouts, ana, generate, granted):
    made = generate(ana)
    for wanted in (RESTRICTED, RESTRICTED | {"networks": (), "limits": ()}):
        grant = granted(ana, GuardedAction.KEY_RESTRICT, made.id)
        actions.restrict_key(ana, key_id=made.id, **wanted, grant=grant)
    assert last_event()[3] == {
        "networks": {"from": " ".join(OFFICE), "to": ""},
        "limits": {"from": "key:burst=9/1s", "to": ""},
    }


def test_a_key_is_restricted_with_a_grant_of_its_own_alone(payouts, ana, budi, generate, granted):
    made, other = generate(ana), generate(ana)
    before = record_of(ApiKey.objects.get(pk=made.id))
    for grant in (
        None,
        granted(ana, GuardedAction.KEY_REGENERATE, made.id),
        granted(ana, GuardedAction.KEY_RESTRICT, other.id),
        granted(budi, GuardedAction.KEY_RESTRICT, made.id),
    ):
        refused = refusal(actions.restrict_key, ana, key_id=made.id, **RESTRICTED, grant=grant)
        assert refused == (Code.GRANT_INVALID, {})
    assert record_of(ApiKey.objects.get(pk=made.id)) == before


def test_whoever_makes_no_keys_restricts_none(payouts, ana, citra, dewi, eko, generate):
    made = generate(ana)
    named = {"key_id": made.id, **RESTRICTED, "grant": None}
    for actor, code in (
        (citra, Code.PERMISSION_DENIED),
        (dewi, Code.NOT_FOUND),
        (eko, Code.PERMISSION_DENIED),
    ):
        assert refusal(actions.restrict_key, actor, **named)[0] is code
    named = {"account_id": ana.account_id, "networks": OFFICE, "grant": None}
    for actor, code in (
        (citra, Code.PERMISSION_DENIED),
        (dewi, Code.NOT_FOUND),
        (eko, Code.PERMISSION_DENIED),
    ):
        assert refusal(actions.set_networks, actor, **named)[0] is code


@pytest.mark.parametrize(
    ("changed", "details"),
    [
        ({"networks": ["office"]}, {"field": "networks", "reason": "entry", "entry": "office"}),
        ({"scopes": ["disbursement:use"]}, {"field": "scopes", "reason": "entry", "entry": "disbursement:use"}),
        ({"limits": ["key:x=1"]}, {"field": "limits", "reason": "entry", "entry": "key:x=1"}),
        (
            {"limits": ["account:x=1/1s"]},
            {"field": "limits", "reason": "whose", "entry": "account:x=1/1s", "whose": ["key"]},
        ),
    ],
)  # fmt: skip
def test_what_a_key_cannot_have_is_named_and_changes_nothing(changed, details, payouts, sinar):
    made = generated(sinar)
    before = record_of(ApiKey.objects.get())
    refused = refusal(
        actions.restrict_key, HOST_OPERATOR, key_id=made.id, **RESTRICTED | changed, grant=None
    )
    assert refused == (Code.INVALID_INPUT, details)
    assert refusal(generated, sinar, token="more", **RESTRICTED | changed) == refused
    assert record_of(ApiKey.objects.get()) == before


def test_a_key_cannot_be_made_for_a_time_that_is_over(payouts, sinar):
    assert refusal(generated, sinar, expires_at=timezone.now()) == (
        Code.INVALID_INPUT,
        {"field": "expires_at", "reason": "over"},
    )


def test_a_key_that_ended_is_restricted_no_more(payouts, sinar):
    ended = generated(sinar, token="ended", expires_at=timezone.now() + timedelta(days=1))
    revoked = generated(sinar, token="revoked")
    ApiKey.objects.filter(pk=ended.id).update(expires_at=timezone.now())
    actions.revoke_key(HOST_OPERATOR, key_id=revoked.id)
    for made in (ended, revoked):
        named = {"key_id": made.id, **RESTRICTED, "grant": None}
        assert refusal(actions.restrict_key, HOST_OPERATOR, **named) == (Code.KEY_NOT_LIVE, {})


def test_one_press_of_a_button_gives_one_key_with_one_choice(payouts, ana, granted, sinar):
    def press(**choices):
        return actions.generate_key(
            ana,
            account_id=sinar.id,
            product="disbursement",
            environment="live",
            name="Nightly",
            grant=granted(ana, GuardedAction.KEY_GENERATE, "disbursement/live"),
            request_token="press",
            choices=Choices(**choices),
        )

    end = timezone.now() + timedelta(days=30)
    made = press(expires_at=end, **RESTRICTED)
    assert press(expires_at=end, **RESTRICTED).plaintext == made.plaintext
    for changed in ({"networks": ()}, {"expires_at": None}, {"scopes": None}):
        refused = refusal(press, **{"expires_at": end, **RESTRICTED, **changed})
        assert refused == (Code.INVALID_INPUT, {"field": "request_token"})


def test_a_replaced_key_hands_its_restrictions_on(payouts, ana, sinar, regenerate):
    end = datetime(2099, 1, 1, tzinfo=UTC)
    old = generated(sinar, expires_at=end, **RESTRICTED)
    new = ApiKey.objects.get(pk=regenerate(ana, old.id).id)
    held = (new.scopes, new.networks, new.limits, new.expires_at)
    assert held == ("payout:read", " ".join(OFFICE), "key:burst=9/1s", end)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_key_ever_has_a_scope_that_its_product_had_not_when_it_was_made_or_changed(
    data, payouts, sinar
):
    """A6, over products that are edited between one deed and the next."""
    some = st.lists(st.sampled_from(SCOPES), unique=True).map(tuple)
    with transaction.atomic():
        offered, chosen = data.draw(some), data.draw(some)
        edited(scopes=offered)
        if set(chosen) - set(offered):
            assert refusal(generated, sinar, scopes=chosen)[1]["field"] == "scopes"
            chosen = offered
        key = ApiKey.objects.get(pk=generated(sinar, scopes=chosen).id)
        assert set(key.scopes.split()) == set(chosen)
        offered, wanted = data.draw(some), data.draw(some)
        edited(scopes=offered)
        named = {"key_id": key.id, "networks": (), "limits": (), "grant": None, "scopes": wanted}
        if set(wanted) <= set(offered):
            actions.restrict_key(HOST_OPERATOR, **named)
        else:
            assert refusal(actions.restrict_key, HOST_OPERATOR, **named)[1]["field"] == "scopes"
        key.refresh_from_db()
        held, offered = set(key.scopes.split()), data.draw(some)
        edited(scopes=offered)
        made = actions.regenerate_key(
            HOST_OPERATOR, key_id=key.id, grant=None, request_token="again"
        )
        assert set(ApiKey.objects.get(pk=made.id).scopes.split()) == held & set(offered)
        transaction.set_rollback(True)


def test_an_account_s_allow_list_is_published_and_the_trail_says_what_was_and_is(
    ana, sinar, granted
):
    grant = granted(ana, GuardedAction.ACCOUNT_SET_NETWORKS, sinar.id)
    revision = actions.set_networks(ana, account_id=sinar.id, networks=OFFICE, grant=grant)
    assert record_of(Account.objects.get()) == AccountRecord(
        sinar.id, "sinarabadi", "APPROVED", OFFICE, revision
    )
    assert last_event() == (
        "account.networks_set",
        ana.label,
        sinar.id,
        {"from": "", "to": " ".join(OFFICE)},
    )
    refused = refusal(actions.set_networks, ana, account_id=sinar.id, networks=(), grant=grant)
    assert refused == (Code.GRANT_INVALID, {})


def test_an_allow_list_that_cannot_stand_changes_nothing(host, sinar):
    named = {"account_id": sinar.id, "grant": None}
    assert refusal(actions.set_networks, host, networks=["10.0.0.1/8"], **named) == (
        Code.INVALID_INPUT,
        {"field": "networks", "reason": "entry", "entry": "10.0.0.1/8"},
    )
    assert record_of(Account.objects.get()) == sinar.record()


def test_an_entitlement_s_limits_are_published_and_the_trail_has_the_reason(
    rangga, sinar, disbursement
):
    place = {"account_id": sinar.id, "product": "disbursement", "environment": Environment.TEST}
    limits = ("account:daily=9/day", "key:burst=1/1s")
    revision = limit_entitlement(rangga, **place, limits=limits, reason=" A trial ")
    row = Entitlement.objects.get(environment="test")
    assert record_of(row) == EntitlementRecord(
        sinar.id, "disbursement", "test", "ENABLED", limits, revision
    )
    assert last_event() == (
        "entitlement.limited",
        rangga.label,
        "disbursement/test",
        {"from": "", "to": " ".join(limits), "reason": "A trial"},
    )
    assert Entitlement.objects.get(environment="live").limits == ""


@pytest.mark.parametrize(
    ("changed", "code", "details"),
    [
        ({"reason": " "}, Code.INVALID_INPUT, {"field": "reason", "reason": "empty"}),
        (
            {"limits": ["product:total=9/day"]},
            Code.INVALID_INPUT,
            {"field": "limits", "reason": "whose", "entry": "product:total=9/day", "whose": ["key", "account"]},
        ),
        ({"product": "none"}, Code.NOT_FOUND, {}),
        ({"product": "payment-link"}, Code.NOT_FOUND, {}),
    ],
)  # fmt: skip
def test_an_entitlement_s_limits_are_refused_for_one_named_reason(
    changed, code, details, host, eko, sinar, disbursement, unasked
):
    place = {"account_id": sinar.id, "product": "disbursement", "environment": Environment.LIVE}
    given = place | {"limits": ["key:burst=1/1s"], "reason": "A trial"} | changed
    assert refusal(limit_entitlement, eko, **given) == (code, details)


@pytest.fixture
def unasked(host):
    return create_product(host, slug="payment-link", name="Payment Link")


def test_only_who_enables_a_product_limits_it(sari, ana, sinar, disbursement):
    place = {"account_id": sinar.id, "product": "disbursement", "environment": Environment.LIVE}
    for actor in (sari, ana):
        refused = refusal(limit_entitlement, actor, **place, limits=[], reason="A trial")
        assert refused[0] is Code.PERMISSION_DENIED


@pytest.fixture
def sari(staff):
    return staff("Sari", StaffRole.SECURITY)


def test_a_product_s_envelope_and_limits_are_published(payouts):
    limits = ("account:daily=9/day", "product:total=100/1s")
    revision = edited(envelope=Envelope.COMPAT, limits=limits)
    assert record_of(Product.objects.get()) == ProductRecord(
        "disbursement", "ACTIVE", False, 300, "compat", limits, revision
    )
    assert last_event()[3] == {
        "envelope": {"from": "problem", "to": "compat"},
        "limits": {"from": "", "to": " ".join(limits)},
    }


@pytest.mark.parametrize(
    ("table", "column", "longest"),
    [
        ("api_keys", "networks", 2000),
        ("api_keys", "limits", 500),
        ("accounts", "networks", 2000),
        ("entitlements", "limits", 500),
        ("products", "limits", 500),
    ],
)
def test_the_database_takes_no_longer_list(table, column, longest, payouts, sinar):
    generated(sinar)
    with connection.cursor() as cursor:
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(f"UPDATE {table} SET {column} = %s", ["x" * (longest + 1)])
        cursor.execute(f"UPDATE {table} SET {column} = %s", ["x" * longest])
