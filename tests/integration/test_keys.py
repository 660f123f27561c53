import hmac
from datetime import UTC, datetime

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.fixtures.generating import generated

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.accounts import actions as accounts
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog import actions as catalog
from keydesk.control.entitlements import actions as entitlements
from keydesk.control.feed.actions import row_mac_key
from keydesk.control.feed.digests import digester
from keydesk.control.keys import actions, queries
from keydesk.control.keys.models import ApiKey
from keydesk.control.people import actions as people
from keydesk.control.people.models import User
from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup.rules import GuardedAction
from keydesk.core.codes import Code
from keydesk.core.digest import row_mac_matches
from keydesk.core.records import AccountStatus, Environment, ProductState

pytestmark = pytest.mark.django_db


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as refused:
        function(*arguments, **named)
    return refused.value.code


def events_since(count):
    rows = AuditEvent.objects.order_by("seq")[count:]
    return [(row.event, row.object_id, row.details) for row in rows]


def test_a_generated_key_is_stored_as_digest_and_sealed_copy_and_nowhere_in_the_clear(
    ana, generate, everything_stored
):
    made = generate(ana, name="Payroll")
    row = ApiKey.objects.get()
    assert (row.name, row.state, row.scopes) == ("Payroll", "ACTIVE", "disbursement:use")
    assert hmac.compare_digest(bytes(row.digest), digester()(made.plaintext))
    assert row.shown_prefix == made.plaintext[: len("kd_live_") + 4]
    assert made.plaintext[len("kd_live_") + 4 :].encode() not in everything_stored()


def test_a_key_on_its_way_shows_its_text_in_no_representation(ana, generate):
    made = generate(ana)
    secret = made.plaintext[len("kd_live_") + 4 :]
    assert secret not in f"{made!r} {made} {made.__rich_repr__()}"


def test_every_published_key_carries_a_mac_over_its_record(ana, generate, regenerate):
    regenerate(ana, generate(ana).id)
    for row in ApiKey.objects.all():
        assert row_mac_matches(row_mac_key(), row.record(), bytes(row.mac))


def test_every_action_leaves_exactly_one_event_and_no_secret(
    ana, generate, reveal, regenerate, with_pin
):
    with_pin(ana)
    before = AuditEvent.objects.count()
    first = generate(ana)
    reveal(ana, first.id)
    second = regenerate(ana, first.id)
    actions.revoke_key(ana, key_id=second.id)
    assert events_since(before) == [
        ("pin.confirmed", "disbursement/live", {"action": "key.generate", "by": "pin"}),
        ("key.generated", first.id, {"name": "Key", "place": "disbursement/live"}),
        ("pin.confirmed", first.id, {"action": "key.reveal", "by": "pin"}),
        ("key.revealed", first.id, {}),
        ("pin.confirmed", first.id, {"action": "key.regenerate", "by": "pin"}),
        ("key.regenerated", first.id, {"replaced_by": second.id, "overlap": "none"}),
        ("key.revoked", second.id, {}),
    ]


def test_a_revealed_key_is_the_generated_one(ana, budi, generate, reveal):
    made = generate(ana)
    assert reveal(budi, made.id) == msgspec.structs.replace(made, created=False)


def test_regenerating_revokes_the_old_key_and_gives_a_new_one_in_its_place(
    ana, generate, regenerate, reveal
):
    old = generate(ana, name="Payroll", environment="test")
    new = regenerate(ana, old.id)
    rows = {row.id: row for row in ApiKey.objects.all()}
    assert (rows[old.id].state, rows[new.id].state) == ("REVOKED", "ACTIVE")
    assert (new.name, new.product, new.environment) == ("Payroll", "disbursement", "test")
    assert rows[new.id].replaces_id == old.id
    assert [rows[old.id].revision, rows[new.id].revision] == [old.revision + 1, old.revision + 2]
    assert reveal(ana, new.id).plaintext == new.plaintext != old.plaintext


def test_a_key_is_replaced_once(ana, budi, generate, regenerate):
    old = generate(ana)
    regenerate(ana, old.id)
    assert refusal(regenerate, budi, old.id) == Code.KEY_ALREADY_REPLACED


def test_a_revoked_key_can_be_neither_shown_nor_replaced_nor_revoked_again(
    ana, generate, regenerate, reveal
):
    made = generate(ana)
    revision = actions.revoke_key(ana, key_id=made.id)
    assert revision == made.revision + 1
    assert refusal(reveal, ana, made.id) == Code.KEY_NOT_LIVE
    assert refusal(regenerate, ana, made.id) == Code.KEY_NOT_LIVE
    assert refusal(actions.revoke_key, ana, key_id=made.id) == Code.KEY_NOT_LIVE
    assert ApiKey.objects.get().sealed is None


def test_a_repeated_request_token_gives_the_same_key_and_never_a_second(
    ana, budi, generate, regenerate
):
    made, again = generate(ana, token="press"), generate(ana, token="press")
    assert again == msgspec.structs.replace(made, created=False)
    assert generate(budi, token="press").id != made.id
    new, once_more = regenerate(ana, made.id, token="swap"), regenerate(ana, made.id, token="swap")
    assert once_more == msgspec.structs.replace(new, created=False)
    assert ApiKey.objects.count() == 3


def test_a_request_token_stands_for_one_thing_only(ana, generate, regenerate):
    made = generate(ana, token="press")
    assert refusal(generate, ana, token="press", environment="test") == Code.INVALID_INPUT
    assert refusal(generate, ana, token="press", name="Another") == Code.INVALID_INPUT
    assert refusal(regenerate, ana, made.id, token="press") == Code.INVALID_INPUT


@pytest.mark.parametrize(
    "named",
    [
        {"name": "  "},
        {"name": "x" * 61},
        {"name": "a\u202eb"},
        {"name": "a\nb"},
        {"environment": "prod"},
        {"token": "x" * 65},
        {"token": "a\nb"},
    ],
    ids=str,
)
def test_bad_input_is_refused_with_its_field(sinar, disbursement, named):
    request = {"name": "Key", "environment": "live", "token": "press", **named}
    with pytest.raises(Refused) as refused:
        actions.generate_key(
            HOST_OPERATOR,
            account_id=sinar.id,
            product="disbursement",
            environment=request["environment"],
            name=request["name"],
            grant=None,
            request_token=request["token"],
        )
    field = {"token": "request_token"}.get(*named, *named)
    assert (refused.value.code, refused.value.details) == (Code.INVALID_INPUT, {"field": field})


def test_a_name_is_kept_trimmed_and_composed(sinar, disbursement):
    made = generated(sinar, name="  Cafe\u0301 payroll ", token="once")
    assert made.name == "Caf\u00e9 payroll"


def test_the_host_operator_generates_without_a_pin(sinar, disbursement):
    made = generated(sinar)
    assert generated(sinar) == msgspec.structs.replace(made, created=False)
    assert ApiKey.objects.get().created_by is None


@pytest.mark.parametrize("member", ["citra", "fajar", "gita"])
def test_other_roles_can_do_nothing_with_keys(member, ana, generate, request):
    made, actor = generate(ana), request.getfixturevalue(member)
    attempts = [
        lambda: actions.reveal_key(actor, key_id=made.id, grant="x"),
        lambda: actions.regenerate_key(actor, key_id=made.id, grant="x", request_token="x"),
        lambda: actions.revoke_key(actor, key_id=made.id),
        lambda: queries.key_for(actor, key_id=made.id),
        lambda: queries.product_cards(actor, account_id=actor.account_id, environment="live"),
    ]
    assert {refusal(attempt) for attempt in attempts} == {Code.PERMISSION_DENIED}
    assert ApiKey.objects.get().state == "ACTIVE"


def lose_role(host, actor):
    place = {"account_id": actor.account_id, "user_id": actor.user_id}
    people.change_role(host, **place, role=Role.VIEWER)


def lose_membership(host, actor):
    people.remove_member(host, account_id=actor.account_id, user_id=actor.user_id)


def lose_login(host, actor):
    User.objects.filter(pk=actor.user_id).update(is_active=False)


@pytest.mark.parametrize("lose", [lose_role, lose_membership, lose_login])
def test_whoever_lost_their_role_after_confirming_does_nothing_with_the_grant(
    lose, host, ana, budi, sinar, generate, granted
):
    made = generate(ana)
    grants = {action: granted(budi, action, made.id) for action in GuardedAction}
    reveal, regenerate = grants[GuardedAction.KEY_REVEAL], grants[GuardedAction.KEY_REGENERATE]
    new = granted(budi, GuardedAction.KEY_GENERATE, "disbursement/live")
    place = {"account_id": sinar.id, "product": "disbursement", "environment": "live"}
    lose(host, budi)
    before = AuditEvent.objects.count()
    attempts = [
        lambda: actions.reveal_key(budi, key_id=made.id, grant=reveal),
        lambda: actions.regenerate_key(budi, key_id=made.id, grant=regenerate, request_token="x"),
        lambda: actions.generate_key(budi, **place, name="Key", grant=new, request_token="x"),
        lambda: actions.revoke_key(budi, key_id=made.id),
        lambda: entitlements.request_product(budi, **place),
    ]
    assert [refusal(attempt) for attempt in attempts] == [Code.PERMISSION_DENIED] * 5
    assert [event for event, _, _ in events_since(before)] == ["permission.refused"] * 5
    assert [row.state for row in ApiKey.objects.all()] == ["ACTIVE"]


@pytest.mark.parametrize("key_id", ["of sinar", "key_aaaaaaaaaaaaaaaaaaaa"])
def test_to_another_account_a_key_does_not_exist(key_id, ana, dewi, generate):
    made = generate(ana)
    key_id = made.id if key_id == "of sinar" else key_id
    attempts = [
        lambda: actions.reveal_key(dewi, key_id=key_id, grant="x"),
        lambda: actions.regenerate_key(dewi, key_id=key_id, grant="x", request_token="x"),
        lambda: actions.revoke_key(dewi, key_id=key_id),
        lambda: queries.key_for(dewi, key_id=key_id),
        lambda: queries.product_cards(dewi, account_id=ana.account_id, environment="live"),
    ]
    assert {refusal(attempt) for attempt in attempts} == {Code.NOT_FOUND}


def test_a_key_that_is_not_there_is_not_found_by_the_host_either(host, db):
    for function in (actions.revoke_key, queries.key_for):
        assert refusal(function, host, key_id="key_aaaaaaaaaaaaaaaaaaaa") == Code.NOT_FOUND


def test_the_internal_team_neither_makes_nor_sees_a_customers_keys(eko, ana, generate):
    made = generate(ana)
    assert refusal(actions.reveal_key, eko, key_id=made.id, grant=None) == Code.PERMISSION_DENIED
    assert refusal(actions.revoke_key, eko, key_id=made.id) == Code.PERMISSION_DENIED


def test_an_account_that_is_not_approved_gets_no_keys(ana, sinar, host, generate, regenerate):
    made = generate(ana)
    accounts.set_account_status(
        host, account_id=sinar.id, status=AccountStatus.SUSPENDED, reason="Late"
    )
    assert refusal(generate, ana) == Code.ACCOUNT_NOT_APPROVED
    assert refusal(regenerate, ana, made.id) == Code.ACCOUNT_NOT_APPROVED
    assert actions.revoke_key(ana, key_id=made.id) > made.revision


def test_a_product_that_is_not_enabled_gives_no_keys(ana, sinar, host, generate, regenerate):
    made = generate(ana)
    entitlements.disable_product(
        host,
        account_id=sinar.id,
        product="disbursement",
        environment=Environment.LIVE,
        reason="Unpaid",
    )
    assert refusal(generate, ana) == Code.PRODUCT_NOT_ENABLED
    assert refusal(regenerate, ana, made.id) == Code.PRODUCT_NOT_ENABLED
    assert refusal(generate, ana, product="unheard-of") == Code.PRODUCT_NOT_ENABLED
    assert generate(ana, environment="test").created


def test_a_stopped_product_gives_no_keys(ana, host, generate, disbursement):
    catalog.set_product_state(host, slug="disbursement", state=ProductState.STOPPED, reason="Fraud")
    assert refusal(generate, ana) == Code.PRODUCT_NOT_ENABLED


def test_a_product_that_shows_keys_once_keeps_no_sealed_copy(
    ana, generate, reveal, disbursement, everything_stored
):
    type(disbursement).objects.update(reveal_policy="once")
    made = generate(ana, token="press")
    assert (made.is_revealable, ApiKey.objects.get().sealed) == (False, None)
    assert refusal(reveal, ana, made.id) == Code.KEY_NOT_REVEALABLE
    assert refusal(generate, ana, token="press") == Code.KEY_NOT_REVEALABLE


def test_the_page_lists_every_product_ever_asked_for_with_all_keys_newest_first(
    ana, sinar, host, generate, regenerate, inquiry
):
    first, second = generate(ana, name="One"), generate(ana, name="Two")
    third = regenerate(ana, first.id)
    entitlements.disable_product(
        host, account_id=sinar.id, product="disbursement", environment=Environment.LIVE, reason="No"
    )
    cards = queries.product_cards(ana, account_id=sinar.id, environment="live")
    assert [(card.product.slug, card.entitlement, card.reason) for card in cards] == [
        ("account-inquiry", "ENABLED", ""),
        ("disbursement", "DISABLED", "No"),
    ]
    listed = [(key.id, key.state, key.replaces, key.replaced_by) for key in cards[1].keys]
    assert listed == [
        (third.id, "ACTIVE", first.id, None),
        (second.id, "ACTIVE", None, None),
        (first.id, "REVOKED", None, third.id),
    ]


def test_a_product_asked_for_in_one_environment_is_listed_in_the_other(ana, sinar, host):
    catalog.create_product(host, slug="qris", name="QRIS")
    entitlements.request_product(
        host, account_id=sinar.id, product="qris", environment=Environment.LIVE
    )
    states = [
        [
            card.entitlement
            for card in queries.product_cards(ana, account_id=sinar.id, environment=e)
        ]
        for e in ("live", "test")
    ]
    assert states == [["REQUESTED"], [None]]


def test_listing_takes_the_same_few_queries_for_one_key_and_for_many(ana, sinar, disbursement):
    counts = []
    for number in range(12):
        generated(sinar, token=f"press {number}")
        with CaptureQueriesContext(connection) as captured:
            (card,) = queries.product_cards(ana, account_id=sinar.id, environment="live")
            assert len(card.keys[:5]) == min(number + 1, 5)
        counts.append(len(captured))
    assert set(counts) == {3}


def test_an_expired_key_says_so_and_cannot_be_replaced(ana, generate, regenerate):
    made = generate(ana)
    ApiKey.objects.update(expires_at=timezone.now().replace(microsecond=0))
    row = queries.key_for(ana, key_id=made.id)
    assert (row.state, row.name, row.created_by) == ("EXPIRED", "Key", "Ana")
    assert refusal(regenerate, ana, made.id) == Code.KEY_NOT_LIVE


@pytest.mark.parametrize(
    "change",
    [
        {"state": "LOST"},
        {"environment": "prod"},
        {"state": "REVOKED", "sealed": None, "data_key": None},
        {"revoked_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"state": "RETIRING"},
        {"name": ""},
        {"name": " Key"},
        {"scopes": "x" * 257},
        {"sealed": None},
        {"digest": b"short"},
        {"revision": 0},
    ],
    ids=str,
)
def test_the_database_itself_refuses_a_row_that_cannot_be(change, ana, generate):
    generate(ana)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.update(**change)


def test_the_database_itself_lets_no_revoked_key_live_again(ana, generate):
    actions.revoke_key(ana, key_id=generate(ana).id)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.update(state="ACTIVE", revoked_at=None)
    assert ApiKey.objects.get().state == "REVOKED"


def test_the_database_itself_keeps_what_is_unique_and_what_was(ana, generate):
    first, second = generate(ana, token="a"), generate(ana, token="b")
    third = generate(ana)
    ApiKey.objects.filter(pk=second.id).update(replaces=first.id)
    digest = ApiKey.objects.get(pk=first.id).digest
    for change in ({"replaces": first.id}, {"request_token": "a"}, {"digest": digest}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.filter(pk=third.id).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.filter(pk=third.id).delete()


def test_a_grant_for_one_thing_opens_no_other(ana, budi, generate, granted):
    made, other = generate(ana), generate(ana)
    elsewhere = msgspec.structs.replace(ana, session="another session")
    grant = granted(ana, GuardedAction.KEY_REVEAL, made.id)
    attempts = [
        lambda: actions.reveal_key(ana, key_id=other.id, grant=grant),
        lambda: actions.reveal_key(budi, key_id=made.id, grant=grant),
        lambda: actions.reveal_key(elsewhere, key_id=made.id, grant=grant),
        lambda: actions.reveal_key(ana, key_id=made.id, grant=None),
        lambda: actions.reveal_key(ana, key_id=made.id, grant=grant.swapcase()),
        lambda: actions.regenerate_key(ana, key_id=made.id, grant=grant, request_token="x"),
    ]
    assert {refusal(attempt) for attempt in attempts} == {Code.GRANT_INVALID}
    assert AuditEvent.objects.filter(event="grant.refused").count() == len(attempts)
    assert actions.reveal_key(ana, key_id=made.id, grant=grant).plaintext == made.plaintext
    assert refusal(actions.reveal_key, ana, key_id=made.id, grant=grant) == Code.GRANT_INVALID


def test_an_account_gets_no_more_working_keys_than_the_provider_allows(eko, sinar, disbursement):
    change_policies(eko, changes={"keys_a_product": 2})
    first = generated(sinar, token="one")
    generated(sinar, token="two")
    with pytest.raises(Refused) as refused:
        generated(sinar, token="three")
    assert (refused.value.code, refused.value.details) == (Code.KEY_LIMIT_REACHED, {"most": 2})
    assert generated(sinar, token="two").created is False
    actions.revoke_key(HOST_OPERATOR, key_id=first.id)
    assert generated(sinar, token="three").created is True


def test_a_key_that_is_over_leaves_room_for_another(eko, sinar, disbursement):
    change_policies(eko, changes={"keys_a_product": 1})
    key = generated(sinar, token="one")
    ApiKey.objects.filter(pk=key.id).update(expires_at=timezone.now())
    assert generated(sinar, token="two").created is True


@pytest.mark.django_db(transaction=True)
def test_two_who_want_the_last_key_at_once_get_one(
    at_once, eko, host, sinar, disbursement, collisions
):
    change_policies(eko, changes={"keys_a_product": 1})
    for number in range(collisions):
        outcomes = at_once(
            lambda number=number: generated(sinar, token=f"one-{number}"),
            lambda number=number: generated(sinar, token=f"two-{number}"),
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DeliveredKey", "Refused"]
        (made,) = (outcome for outcome in outcomes if not isinstance(outcome, Refused))
        actions.revoke_key(host, key_id=made.id)
