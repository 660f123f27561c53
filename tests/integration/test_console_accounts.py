"""What the internal team sees of accounts and does with them: search, planned changes, four eyes, stops, viewings."""

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.fixtures.browsing import viewing
from tests.fixtures.generating import generated
from tests.fixtures.trail import execute

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.accounts.queries import accounts_by_age, accounts_found
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.actions import create_product
from keydesk.control.entitlements.actions import (
    cancel_change,
    carry_out_change,
    confirm_change,
    enable_product,
    plan_change,
    set_entitlement,
)
from keydesk.control.entitlements.models import Entitlement, PlannedChange
from keydesk.control.entitlements.planned import open_changes, waiting_requests
from keydesk.control.entitlements.schedule import carry_out_due_changes
from keydesk.control.keys.actions import (
    regenerate_key,
    release_key,
    revoke_key,
    stop_key,
)
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.queries import key_for, keys_found
from keydesk.control.people.models import User
from keydesk.control.people.queries import people_found
from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup import grants
from keydesk.control.stepup.rules import GuardedAction
from keydesk.control.viewings.models import Viewing
from keydesk.core.codes import Code
from keydesk.core.records import EntitlementState, Environment

pytestmark = pytest.mark.django_db

LIVE = Environment.LIVE
ENABLED, DISABLED = EntitlementState.ENABLED, EntitlementState.DISABLED


@pytest.fixture
def place(sinar, host):
    """A product that nobody has asked for yet."""
    create_product(host, slug="payment-link", name="Payment Link")
    return {"account_id": sinar.id, "product": "payment-link", "environment": LIVE}


@pytest.fixture
def four_eyes(host):
    change_policies(host, changes={"four_eyes_on_live": True})


@pytest.fixture
def putri(staff):
    return staff("Putri", StaffRole.OPERATIONS)


@pytest.fixture
def key(sinar, disbursement):
    return generated(sinar)


def refusal(function, *args, **kwargs):
    with pytest.raises(Refused) as refused:
        function(*args, **kwargs)
    return refused.value.code


def states():
    return list(Entitlement.objects.filter(product="payment-link").values_list("state", flat=True))


def let_it_be_due():
    PlannedChange.objects.update(due_at=timezone.now())


def in_an_hour():
    return timezone.now() + timedelta(hours=1)


def test_where_four_eyes_are_wanted_one_person_alone_enables_nothing_live(putri, place, four_eyes):
    assert refusal(enable_product, putri, **place) == Code.SECOND_PERSON_NEEDED
    change = plan_change(putri, **place, target=ENABLED)
    assert refusal(confirm_change, putri, change_id=change.id) == Code.SECOND_PERSON_NEEDED
    assert (carry_out_due_changes(), states()) == (0, [])


def test_the_second_person_enables_what_the_first_has_proposed(putri, eko, place, four_eyes):
    change = plan_change(putri, **place, target=ENABLED)
    confirm_change(eko, change_id=change.id)
    event = AuditEvent.objects.get(event="entitlement.enabled", object_id="payment-link/live")
    assert (event.actor_label, event.details["proposed_by"]) == (eko.label, putri.label)
    assert (states(), PlannedChange.objects.get().state) == (["ENABLED"], "DONE")


def test_a_proposal_of_somebody_who_lost_their_role_confirms_nothing(putri, eko, place, four_eyes):
    change = plan_change(putri, **place, target=ENABLED)
    User.objects.filter(pk=putri.user_id).update(staff_role=None)
    assert refusal(confirm_change, eko, change_id=change.id) == Code.STATE_CONFLICT
    assert (states(), PlannedChange.objects.get().state) == ([], "PROPOSED")


def test_the_database_itself_refuses_a_proposer_who_confirms_whatever_their_role(
    putri, place, four_eyes
):
    change = plan_change(putri, **place, target=ENABLED)
    User.objects.filter(pk=putri.user_id).update(staff_role=None)
    for wrong in (
        {"confirmed_by": putri.user_id},
        {"confirmed_by": putri.user_id, "state": "SCHEDULED"},
        {"state": "SCHEDULED"},
        {"state": "DONE", "ended_at": timezone.now()},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            PlannedChange.objects.filter(pk=change.id).update(**wrong)


def test_the_test_environment_and_the_host_need_no_second_person(putri, host, place, four_eyes):
    enable_product(putri, **place | {"environment": Environment.TEST})
    enable_product(host, **place)
    assert states() == ["ENABLED", "ENABLED"]


def test_a_change_is_made_at_once_or_planned_as_its_moment_and_the_policies_say(
    putri, place, four_eyes
):
    in_test = place | {"environment": Environment.TEST}
    at_once = set_entitlement(putri, **in_test, target=ENABLED)
    proposed = set_entitlement(putri, **place, target=ENABLED)
    later = set_entitlement(putri, **in_test, target=DISABLED, reason="Unpaid", due_at=in_an_hour())
    assert (at_once.state, proposed.state, later.state) == ("ENABLED", "PROPOSED", "SCHEDULED")
    cancel_change(putri, change_id=later.id)
    assert set_entitlement(putri, **in_test, target=DISABLED, reason="Unpaid").state == "DISABLED"


def test_a_change_leads_to_enabled_or_disabled_alone(putri, place):
    enable_product(putri, **place)
    wrong = refusal(set_entitlement, putri, **place, target=EntitlementState.REQUESTED, reason="?")
    assert (wrong, states()) == (Code.INVALID_INPUT, ["ENABLED"])


def test_a_scheduled_change_is_carried_out_at_its_time_and_not_before(putri, place):
    change = plan_change(putri, **place, target=ENABLED, due_at=in_an_hour())
    assert (carry_out_due_changes(), states()) == (0, [])
    assert refusal(carry_out_change, putri, change_id=change.id) == Code.STATE_CONFLICT
    let_it_be_due()
    assert (carry_out_due_changes(), carry_out_due_changes(), states()) == (1, 0, ["ENABLED"])
    assert list(open_changes()) == []


def test_a_cancelled_change_is_never_carried_out(putri, eko, place):
    change = plan_change(putri, **place, target=ENABLED, due_at=in_an_hour())
    cancel_change(eko, change_id=change.id)
    let_it_be_due()
    assert (carry_out_due_changes(), states()) == (0, [])
    assert refusal(cancel_change, eko, change_id=change.id) == Code.STATE_CONFLICT
    assert carry_out_change(eko, change_id=change.id) is None


def test_what_somebody_scheduled_who_lost_their_role_fails_and_is_shown(putri, place):
    plan_change(putri, **place, target=ENABLED, due_at=in_an_hour())
    User.objects.filter(pk=putri.user_id).update(staff_role=None)
    let_it_be_due()
    assert (carry_out_due_changes(), states()) == (0, [])
    failed = PlannedChange.objects.get()
    assert (failed.state, failed.ended_code) == ("FAILED", "permission_denied")


def test_one_change_of_a_product_is_planned_at_a_time(putri, place):
    plan_change(putri, **place, target=ENABLED, due_at=in_an_hour())
    again = refusal(plan_change, putri, **place, target=ENABLED, due_at=in_an_hour())
    assert again == Code.STATE_CONFLICT


def test_a_plan_needs_a_moment_ahead_and_a_disabling_its_reason(putri, sinar, disbursement):
    place = {"account_id": sinar.id, "product": "disbursement", "environment": LIVE}
    for wrong in (
        {"target": DISABLED},
        {"target": DISABLED, "reason": "Unpaid", "due_at": timezone.now()},
        {"target": EntitlementState.REQUESTED},
    ):
        assert refusal(plan_change, putri, **place, **wrong) == Code.INVALID_INPUT


@pytest.mark.django_db(transaction=True)
def test_two_workers_carry_a_change_out_once(at_once, putri, place, collisions):
    for _ in range(3):
        Entitlement.objects.filter(product="payment-link").update(state="DISABLED")
        plan_change(putri, **place, target=ENABLED, due_at=in_an_hour())
        let_it_be_due()
        before = AuditEvent.objects.filter(event="entitlement.enabled").count()
        outcomes = at_once(*[carry_out_due_changes] * 2)
        after = AuditEvent.objects.filter(event="entitlement.enabled").count()
        assert (sorted(outcomes), after - before, states()) == ([0, 1], 1, ["ENABLED"])


def test_a_stopped_key_says_why_and_a_released_one_is_as_before(eko, ana, key):
    stop_key(eko, key_id=key.id, reason=" It was published ")
    row = key_for(ana, key_id=key.id)
    assert (row.state, row.stop_reason) == ("DISABLED", "It was published")
    assert ApiKey.objects.get().record().state == "DISABLED"
    again = refusal(stop_key, eko, key_id=key.id, reason="It was published")
    assert again == Code.STATE_CONFLICT
    release_key(eko, key_id=key.id)
    row = key_for(ana, key_id=key.id)
    assert (row.state, row.stop_reason) == ("ACTIVE", "")
    assert refusal(release_key, eko, key_id=key.id) == Code.STATE_CONFLICT


def test_a_revoked_key_is_neither_stopped_nor_released(eko, ana, key):
    revoke_key(ana, key_id=key.id)
    assert refusal(stop_key, eko, key_id=key.id, reason="Late") == Code.KEY_NOT_LIVE
    assert refusal(release_key, eko, key_id=key.id) == Code.KEY_NOT_LIVE


def test_a_stopped_key_is_not_replaced_and_its_menu_does_not_offer_it(eko, ana, browse, key):
    page = "/a/sinarabadi/settings/developer/api-keys/?environment=live"
    address = f"/api-keys/{key.id}/regenerate/"
    assert address in browse(ana).get(page).text
    stop_key(eko, key_id=key.id, reason="It was published")
    assert address not in browse(ana).get(page).text
    grant = grants.give(ana, action=GuardedAction.KEY_REGENERATE, object_id=key.id)
    again = {"key_id": key.id, "grant": grant, "request_token": "swap"}
    assert refusal(regenerate_key, ana, **again) == Code.KEY_STOPPED
    assert list(ApiKey.objects.values_list("id", "state")) == [(key.id, "DISABLED")]


def test_stopping_needs_a_reason(eko, key):
    assert refusal(stop_key, eko, key_id=key.id, reason=" ") == Code.INVALID_INPUT


def test_search_finds_by_the_beginning_whatever_the_legal_form(sinar, samudra, ana, key):
    def found(queries):
        return [row.pk for query in queries for row in query]

    assert found(accounts_found("SINARA")) == [sinar.id]
    assert found(accounts_found("dua s")) == [samudra.id]
    assert found(accounts_found("inar")) == []
    assert found(people_found("Ana@")) == [ana.user_id]
    assert found(people_found("an")) == [ana.user_id] * 2
    assert found([keys_found(key.shown_prefix[:10])]) == [key.id]


def test_every_search_is_served_by_an_index(sinar, ana, key, database):
    if database == "postgresql":
        execute("ANALYZE", "SET LOCAL enable_seqscan = off")
    by_status = accounts_by_age(status="APPROVED", after=sinar.id)
    # Of a few rows PostgreSQL may as well walk through the index by age.
    of_status = "account_by_status" if database == "sqlite" else "account_by_"
    queries = {
        "account_by_name": accounts_found("sinar")[1],
        "user_by_name": people_found("ana")[1],
        "key_by_prefix": keys_found("kd_live_"),
        "account_by_age": accounts_by_age(),
        of_status: by_status,
        "entitlement_waiting": waiting_requests(),
    }
    plans = {index: query.explain() for index, query in queries.items()}
    assert [index for index, plan in plans.items() if index not in plan] == []
    username, email = accounts_found("sinar")[0].explain(), people_found("ana")[0].explain()
    assert [plan for plan in (username, email) if "SCAN" in plan or "Seq Scan" in plan] == []


def test_accounts_are_listed_by_age_a_page_behind_the_last(sinar, samudra):
    assert list(accounts_by_age()) == [sinar, samudra]
    assert list(accounts_by_age(after=sinar.id)) == [samudra]
    assert list(accounts_by_age(is_newest_first=True, after=samudra.id)) == [sinar]
    assert list(accounts_by_age(status="APPROVED")) == [sinar]


def test_a_viewing_shows_the_customers_page_with_a_banner_and_leaves_its_mark(
    browse, eko, sinar, key
):
    page = viewing(browse, eko, sinar).get("/a/sinarabadi/settings/developer/api-keys/")
    text = page.content.decode()
    assert (page.status_code, "You view PT Sinar Abadi" in text, key.shown_prefix in text) == (
        200,
        True,
        True,
    )
    assert [word for word in ("/reveal/", "/revoke/", "/generate/") if word in text] == []
    (event,) = AuditEvent.objects.filter(event="viewing.started")
    assert (event.account_id, event.actor_label, event.details["reason"]) == (
        sinar.id,
        eko.label,
        "Ticket 12",
    )


def test_a_viewing_ends_by_itself_by_hand_with_the_role_and_with_the_session(browse, eko, sinar):
    address = "/a/sinarabadi/"

    def running_out(_client):
        Viewing.objects.update(started_at=0, ends_at=1800)

    def ending(client):
        client.post("/console/accounts/sinarabadi/view-as/end/")

    def losing_the_role(_client):
        User.objects.filter(pk=eko.user_id).update(staff_role="reviewer")

    for end in (running_out, ending, losing_the_role):
        client = viewing(browse, eko, sinar)
        assert (client.get(address).status_code, browse(eko).get(address).status_code) == (200, 404)
        end(client)
        assert client.get(address).status_code == 404


def test_the_database_itself_refuses_a_viewing_of_more_than_half_an_hour(browse, eko, sinar):
    viewing(browse, eko, sinar)
    with pytest.raises(IntegrityError), transaction.atomic():
        Viewing.objects.update(started_at=0, ends_at=1801)


def test_a_decision_that_hurts_is_typed_and_keeps_what_was_written(browse, eko, sinar):
    address = "/console/accounts/sinarabadi/status/suspend/"
    answer = browse(eko).post(address, {"reason": "Unpaid bills", "typed": "sinar"})
    assert (answer.status_code, "Unpaid bills" in answer.content.decode()) == (422, True)
    answer = browse(eko).post(address, {})
    noted = [f'id="{name}-note"' in answer.content.decode() for name in ("reason", "typed")]
    assert (answer.status_code, noted) == (422, [True, True])
    answer = browse(eko).post(address, {"reason": "Unpaid bills", "typed": "sinarabadi"})
    sinar.refresh_from_db()
    assert (answer.status_code, sinar.status, sinar.status_reason) == (
        302,
        "SUSPENDED",
        "Unpaid bills",
    )


@pytest.mark.parametrize(
    "typed", ["sinar", "PT SINAR", "Ana", "kd_live", "%", "\0", "'", "a" * 999]
)
def test_whatever_is_searched_for_the_page_answers(browse, eko, sinar, ana, key, typed):
    assert browse(eko).get("/console/search/", {"q": typed}).status_code == 200


def test_an_account_with_many_people_shows_them_a_page_at_a_time(browse, eko, hire, sinar):
    for number in range(11):
        hire(f"Member{number:02}", sinar, Role.VIEWER)
    client, address = browse(eko), "/console/accounts/sinarabadi/"
    pages = [client.get(address, {"members": number}) for number in (1, 2)]
    shown = [[each.user.full_name for each in page.context["members"]] for page in pages]
    everybody = [f"Member{number:02}" for number in range(11)]
    assert shown == [everybody[:10], everybody[10:]]
    links = ["?members=2#members" in pages[0].text, "?members=1#members" in pages[1].text]
    assert links == [True, True]


def trail_of(response):
    """Give the second column of the trail that a page shows, the tags of each cell as one blank."""
    content = response.content.decode().replace("\n", " ")
    rows = re.findall("<tr.*?</tr>", content.partition('id="trail"')[2])
    cells = [re.findall(r"<td.*?</td>", row)[1] for row in rows[1:]]
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells]


def test_the_trail_names_what_each_event_is_about_beside_its_id(browse, eko, sinar, hire, key):
    raka = hire("Raka", sinar, Role.VIEWER)
    stop_key(eko, key_id=key.id, reason="Found in a public repository")
    gone = {"account_id": sinar.id, "at": timezone.now(), "actor_kind": "host"}
    AuditEvent.objects.create(
        event="invitation.sent", object_id="inv_1", details={"email": "raka@x.example"}, **gone
    )
    AuditEvent.objects.create(event="member.removed", object_id="user:987654321", **gone)
    AuditEvent.objects.create(event="key.revoked", object_id="key_none", **gone)
    shown = trail_of(browse(eko).get("/console/accounts/sinarabadi/"))
    named = f"Payroll, {key.shown_prefix}•••• {key.id}"
    assert shown[:5] == [
        "key_none",
        "user:987654321",
        "raka@x.example inv_1",
        named,
        f"Raka user:{raka.user_id}",
    ]
    others = {named, "Disbursement · Live disbursement/live", f"PT Sinar Abadi {sinar.id}"}
    assert others <= set(shown[5:])


def test_the_trail_of_many_things_is_named_in_the_queries_of_one(browse, eko, sinar, hire, key):
    client, page = browse(eko), "/console/accounts/sinarabadi/"
    client.get(page)  # the first page of a session is also the one that begins it
    costs = []
    for name in ("Raka", "Sri", "Tono"):
        hire(name, sinar, Role.VIEWER)
        with CaptureQueriesContext(connection) as captured:
            client.get(page)
        costs.append(len(captured))
    assert costs == costs[:1] * 3
