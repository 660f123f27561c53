"""B8, B9: what must hold when several people do things with one key, one button or one product at once."""

from collections import Counter

import pytest

from keydesk.control.access.roles import Role
from keydesk.control.accounts import actions as accounts
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog import actions as catalog
from keydesk.control.entitlements import actions as entitlements
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.rules import Overlap, confirmed_object
from keydesk.control.people.actions import change_role
from keydesk.control.stepup.rules import GuardedAction
from keydesk.core.records import AccountStatus, Environment, ProductState

PLACE = {"product": "disbursement", "environment": "live"}

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("room_for_keys"),
]


def codes(outcomes):
    return Counter(code for code, _ in outcomes)


@pytest.fixture
def replacing(call, give_grant):
    """Give a call that replaces a key, with a grant and a button of its own."""

    def replacing(actor, key_id, press, overlap=Overlap.NONE):
        confirmed = confirmed_object(key_id, overlap)
        grant = give_grant(actor, GuardedAction.KEY_REGENERATE, confirmed)
        named = {"key_id": key_id, "request_token": press, "overlap": str(overlap)}
        return call("regenerate", actor, grant=grant, **named)

    return replacing


@pytest.fixture
def generating(call, give_grant):
    """Give a call that generates a key, with a grant of its own."""

    def generating(actor, press):
        grant = give_grant(actor, GuardedAction.KEY_GENERATE, "disbursement/live")
        named = {**PLACE, "account_id": actor.account_id, "name": "Key", "request_token": press}
        return call("generate", actor, grant=grant, **named)

    return generating


def test_of_16_people_who_replace_one_key_exactly_one_wins_and_the_others_are_told(
    crew, ana, budi, generate, replacing, collisions
):
    key_id, choices = generate(ana).id, [Overlap.NONE, Overlap.HOUR, Overlap.DAY, Overlap.MONTH] * 4
    for number in range(collisions):
        calls = [
            replacing((ana, budi)[press % 2], key_id, f"{number}-{press}", overlap)
            for press, overlap in enumerate(choices)
        ]
        outcomes = crew.at_once(calls)
        assert codes(outcomes) == {"ok": 1, "key_already_replaced": 15}
        ((won, new),) = [(place, new) for place, (_, new) in enumerate(outcomes) if new]
        old, key_id = ApiKey.objects.get(pk=key_id), new
        told = AuditEvent.objects.get(event="key.regenerated", object_id=old.id).details
        assert told["overlap"] == choices[won]
        assert (old.state, ApiKey.objects.get(state="ACTIVE").id) == (
            "REVOKED" if choices[won] is Overlap.NONE else "RETIRING",
            key_id,
        )


def test_a_key_that_is_replaced_and_revoked_at_once_ends_once(
    crew, call, ana, generate, replacing, collisions
):
    for number in range(collisions):
        key_id = generate(ana).id
        calls = [replacing(ana, key_id, f"{number}-{press}") for press in range(8)]
        outcomes = crew.at_once([*calls, *[call("revoke", ana, key_id=key_id)] * 8])
        replaced = codes(outcomes[:8])["ok"]
        assert (codes(outcomes)["ok"], codes(outcomes)["key_not_live"] >= 8 - replaced) == (1, True)
        assert ApiKey.objects.get(pk=key_id).state == "REVOKED"
        assert ApiKey.objects.filter(replaces=key_id, state="ACTIVE").count() == replaced


def test_a_key_whose_revocation_was_acknowledged_lives_on_in_no_overlap(
    crew, call, ana, generate, replacing, collisions
):
    for number in range(collisions):
        key_id = generate(ana).id
        calls = [replacing(ana, key_id, f"{number}-{press}", Overlap.DAY) for press in range(8)]
        outcomes = crew.at_once([*calls, *[call("revoke", ana, key_id=key_id)] * 8])
        assert codes(outcomes[8:]) == {"ok": 1, "key_not_live": 7}
        replaced = codes(outcomes[:8])["ok"]
        assert set(codes(outcomes[:8])) <= {"ok", "key_already_replaced", "key_not_live"}
        assert ApiKey.objects.get(pk=key_id).state == "REVOKED"
        assert ApiKey.objects.filter(replaces=key_id, state="ACTIVE").count() == replaced


def test_a_button_pressed_16_times_at_once_gives_one_key(
    crew, ana, disbursement, generating, collisions
):
    for number in range(collisions):
        outcomes = crew.at_once([generating(ana, f"button {number}") for _ in range(16)])
        made = [result for _, result in outcomes]
        assert codes(outcomes) == {"ok": 16}
        assert len({result["id"] for result in made}) == 1
        assert sum(result["created"] for result in made) == 1


def test_no_key_is_generated_after_its_product_was_disabled(
    crew, call, host, ana, sinar, disbursement, generating, collisions
):
    place = {**PLACE, "account_id": sinar.id}
    disabling = call("disable", None, **place, reason="Unpaid")
    for number in range(collisions):
        calls = [generating(ana, f"{number}-{press}") for press in range(15)]
        *outcomes, (done, disabled) = crew.at_once([*calls, disabling])
        assert (done, set(codes(outcomes)) <= {"ok", "product_not_enabled"}) == ("ok", True)
        made = [result["revision"] for code, result in outcomes if code == "ok"]
        assert [revision for revision in made if revision > disabled] == []
        entitlements.enable_product(host, **{**place, "environment": Environment.LIVE})


def test_no_key_is_generated_after_its_account_was_suspended(
    crew, call, host, ana, sinar, disbursement, generating, collisions
):
    suspending = call("suspend", None, account_id=sinar.id)
    for number in range(collisions):
        calls = [generating(ana, f"{number}-{press}") for press in range(15)]
        *outcomes, (done, suspended) = crew.at_once([*calls, suspending])
        assert (done, set(codes(outcomes)) <= {"ok", "account_not_approved"}) == ("ok", True)
        made = [result["revision"] for code, result in outcomes if code == "ok"]
        assert [revision for revision in made if revision > suspended] == []
        accounts.set_account_status(host, account_id=sinar.id, status=AccountStatus.APPROVED)


def test_whatever_changes_around_a_key_nobody_waits_for_each_other_in_a_circle(
    crew, call, host, ana, sinar, disbursement, generating, collisions
):
    place = {**PLACE, "account_id": sinar.id}
    changes = [
        call("disable", None, **place, reason="Unpaid"),
        call("stop", None, slug="disbursement"),
        call("suspend", None, account_id=sinar.id),
    ]
    for number in range(collisions):
        calls = [generating(ana, f"{number}-{press}") for press in range(5)]
        outcomes = crew.at_once([*calls, *changes, *changes])
        made = [result["revision"] for code, result in outcomes[:5] if code == "ok"]
        assert codes(outcomes[5:]) == {"ok": 3, "state_conflict": 3}
        ended = min(revision for code, revision in outcomes[5:] if code == "ok")
        assert [revision for revision in made if revision > ended] == []
        entitlements.enable_product(host, **{**place, "environment": Environment.LIVE})
        catalog.set_product_state(host, slug="disbursement", state=ProductState.ACTIVE)
        accounts.set_account_status(host, account_id=sinar.id, status=AccountStatus.APPROVED)


def test_nobody_is_shown_a_key_after_their_role_was_taken_away(
    crew, call, host, ana, budi, generate, give_grant, collisions
):
    key_id, place = generate(ana).id, {"account_id": ana.account_id, "user_id": budi.user_id}
    for _ in range(collisions):
        calls = [
            call("reveal", budi, key_id=key_id, grant=give_grant(budi, action, key_id))
            for action in [GuardedAction.KEY_REVEAL] * 15
        ]
        outcomes = crew.at_once([*calls[:8], call("demote", None, **place), *calls[8:]])
        assert set(codes(outcomes)) <= {"ok", "permission_denied"}
        demoted = AuditEvent.objects.filter(event="member.role_changed").latest("seq")
        assert not AuditEvent.objects.filter(event="key.revealed", seq__gt=demoted.seq).exists()
        change_role(host, **place, role=Role.ADMIN)
