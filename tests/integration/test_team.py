"""Who may do what to whom in an account: every role over every role, what ends with a membership, and who stays."""

import itertools
import re

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.fixtures.browsing import KEYS

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import MEMBER_PERMISSIONS, Role
from keydesk.control.accounts.actions import create_account
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.invitations.actions import (
    invite_member,
    resend_invitation,
    withdraw_invitation,
)
from keydesk.control.invitations.models import Invitation
from keydesk.control.keys.actions import generate_key
from keydesk.control.people.actions import (
    add_member,
    change_role,
    deactivate_member,
    leave_account,
    reactivate_member,
    remove_member,
)
from keydesk.control.people.models import Membership, User
from keydesk.control.people.queries import actor_for
from keydesk.control.stepup.models import Grant
from keydesk.control.stepup.rules import GuardedAction
from keydesk.core.codes import Code
from keydesk.dashboard.roles import PERMISSION_WORDS

TEAM = "/a/sinarabadi/team/"
PAIRS = list(itertools.product(Role, Role))
DONE, DENIED = "done", Code.PERMISSION_DENIED


def may(role, *over):
    """Say what the rules say in words: Superadmins may everything, Admins all that is not about a Superadmin."""
    if role is Role.SUPERADMIN or (role is Role.ADMIN and Role.SUPERADMIN not in over):
        return DONE
    return DENIED


def outcome(function, actor, **given):
    try:
        function(actor, **given)
    except Refused as refused:
        return refused.code
    return DONE


def refusal(function, actor, **given):
    with pytest.raises(Refused) as refused:
        function(actor, **given)
    return refused.value.code, refused.value.details


@pytest.fixture
def acting_as(hire, sinar, ana):
    """Give somebody of a role who acts; Ana is there as well."""
    return lambda role: hire("Acting", sinar, role)


@pytest.fixture
def done_to(hire, sinar):
    """Give somebody of a role to whom it is done, as an action is told of them."""
    return lambda role: {
        "account_id": sinar.id,
        "user_id": hire("Target", sinar, role).user_id,
    }


@pytest.mark.parametrize(("acting", "target"), PAIRS)
def test_a_role_is_changed_by_those_who_may_and_to_what_they_may_give(
    acting_as, done_to, acting, target
):
    actor, given = acting_as(acting), done_to(target)
    for role in set(Role) - {target}:
        assert outcome(change_role, actor, **given, role=role) == may(acting, target, role)
        Membership.objects.filter(user_id=given["user_id"]).update(role=target)


@pytest.mark.parametrize("action", [deactivate_member, remove_member])
@pytest.mark.parametrize(("acting", "target"), PAIRS)
def test_a_member_is_shut_out_and_removed_by_those_who_may(
    acting_as, done_to, acting, target, action
):
    actor, given = acting_as(acting), done_to(target)
    expected = may(acting, target)
    assert outcome(action, actor, **given) == expected
    still = Membership.objects.filter(user_id=given["user_id"], is_active=True)
    assert still.exists() is (expected is DENIED)


@pytest.mark.parametrize(("acting", "target"), PAIRS)
def test_a_member_is_let_in_again_by_those_who_may(acting_as, done_to, host, acting, target):
    actor, given = acting_as(acting), done_to(target)
    deactivate_member(host, **given)
    assert outcome(reactivate_member, actor, **given) == may(acting, target)


@pytest.mark.parametrize(("acting", "target"), PAIRS)
def test_an_invitation_is_sent_sent_again_and_withdrawn_by_those_who_may(
    acting_as, sinar, host, acting, target
):
    actor, expected = acting_as(acting), may(acting, target)
    new = {"account_id": sinar.id, "email": "new@example.com", "role": target}
    assert outcome(invite_member, actor, **new) == expected
    sent = invite_member(host, **new | {"email": "sent@example.com"})
    about = {"account_id": sinar.id, "invitation_id": sent.id}
    assert outcome(resend_invitation, actor, **about) == expected
    assert outcome(withdraw_invitation, actor, **about) == expected


def test_a_refusal_over_a_superadmin_is_in_the_trail_with_the_permission_it_takes(budi, ana, sinar):
    assert outcome(remove_member, budi, account_id=sinar.id, user_id=ana.user_id) is DENIED
    event = AuditEvent.objects.get(event=Event.PERMISSION_REFUSED)
    assert (event.actor_label, event.object_id, event.details["permission"]) == (
        budi.label,
        f"user:{ana.user_id}",
        "superadmin.edit",
    )


def test_a_superadmin_who_was_demoted_meanwhile_decides_nothing_over_superadmins(
    ana, hire, sinar, host
):
    stale = hire("Hana", sinar, Role.SUPERADMIN)
    change_role(host, account_id=sinar.id, user_id=stale.user_id, role=Role.ADMIN)
    about_ana = {"account_id": sinar.id, "user_id": ana.user_id}
    assert [
        outcome(remove_member, stale, **about_ana),
        outcome(change_role, stale, **about_ana, role=Role.VIEWER),
        outcome(
            invite_member, stale, account_id=sinar.id, email="a@b.example", role=Role.SUPERADMIN
        ),
        outcome(
            change_role,
            stale,
            account_id=sinar.id,
            user_id=stale.user_id,
            role=Role.SUPERADMIN,
        ),
    ] == [DENIED] * 4


@pytest.mark.parametrize("role", set(Role) - {Role.SUPERADMIN})
def test_nobody_gives_themselves_a_higher_role(acting_as, sinar, role):
    actor = acting_as(role)
    given = {"account_id": sinar.id, "user_id": actor.user_id, "role": Role.SUPERADMIN}
    assert outcome(change_role, actor, **given) is DENIED


def test_the_last_superadmin_stays_whoever_tries(ana, host, sinar):
    given = {"account_id": sinar.id, "user_id": ana.user_id}
    last = (Code.STATE_CONFLICT, {"reason": "last_superadmin"})
    for actor in (ana, host):
        assert refusal(change_role, actor, **given, role=Role.ADMIN) == last
        assert refusal(deactivate_member, actor, **given) == last
        assert refusal(remove_member, actor, **given) == last
    assert refusal(leave_account, ana, account_id=sinar.id) == last


def test_a_superadmin_who_is_shut_out_does_not_count_as_another(ana, hire, host, sinar):
    hana = hire("Hana", sinar, Role.SUPERADMIN)
    deactivate_member(ana, account_id=sinar.id, user_id=hana.user_id)
    last = (Code.STATE_CONFLICT, {"reason": "last_superadmin"})
    assert refusal(leave_account, ana, account_id=sinar.id) == last
    remove_member(ana, account_id=sinar.id, user_id=hana.user_id)
    assert Membership.objects.get().user_id == ana.user_id


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.delete(),
        lambda rows: rows.update(role=Role.ADMIN),
        lambda rows: rows.update(is_active=False),
    ],
)
def test_the_database_itself_keeps_a_last_superadmin(ana, budi, sinar, change):
    with pytest.raises(IntegrityError), transaction.atomic():
        change(Membership.objects.filter(account=sinar))
    assert Membership.objects.get(user_id=ana.user_id).role == Role.SUPERADMIN


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "action",
    [
        remove_member,
        deactivate_member,
        lambda actor, **given: change_role(actor, **given, role=Role.ADMIN),
        lambda actor, **given: leave_account(actor, account_id=given["account_id"]),
    ],
    ids=["remove", "deactivate", "demote", "leave"],
)
def test_of_two_superadmins_who_act_on_each_other_at_once_one_stays(
    at_once, hire, host, collisions, action
):
    for number in range(collisions):
        account = create_account(host, username=f"round-{number}", name="PT Putaran")
        one = hire("One", account, Role.SUPERADMIN)
        two = hire("Two", account, Role.SUPERADMIN)
        outcomes = at_once(
            lambda one=one, two=two, account=account: action(
                one, account_id=account.id, user_id=two.user_id
            ),
            lambda one=one, two=two, account=account: action(
                two, account_id=account.id, user_id=one.user_id
            ),
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "Refused"]
        left = Membership.objects.filter(account=account, role=Role.SUPERADMIN, is_active=True)
        assert left.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_superadmins_whose_rows_go_at_once_the_database_keeps_one(
    at_once, hire, host, collisions
):
    for number in range(collisions):
        account = create_account(host, username=f"round-{number}", name="PT Putaran")
        people = [hire(name, account, Role.SUPERADMIN) for name in ("One", "Two")]
        at_once(
            *(
                lambda user_id=person.user_id, account=account: Membership.objects.filter(
                    user_id=user_id, account=account
                ).delete()
                for person in people
            )
        )
        assert Membership.objects.filter(account=account).count() >= 1


def test_nobody_shuts_themselves_out_by_mistake(ana, hire, sinar):
    hire("Hana", sinar, Role.SUPERADMIN)
    given = {"account_id": sinar.id, "user_id": ana.user_id}
    yourself = (Code.STATE_CONFLICT, {"reason": "yourself"})
    assert refusal(deactivate_member, ana, **given) == yourself


def test_a_member_is_shut_out_and_let_in_once(ana, budi, sinar):
    given = {"account_id": sinar.id, "user_id": budi.user_id}
    assert refusal(reactivate_member, ana, **given) == (Code.STATE_CONFLICT, {"state": "active"})
    deactivate_member(ana, **given)
    assert refusal(deactivate_member, ana, **given) == (Code.STATE_CONFLICT, {"state": "inactive"})


ENDINGS = {
    "removed": lambda ana, given: remove_member(ana, **given),
    "deactivated": lambda ana, given: deactivate_member(ana, **given),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_very_next_click_finds_nothing_and_the_session_is_over(
    browse, ana, budi, sinar, disbursement, ending
):
    client, stranger = browse(budi), browse()
    assert client.get(KEYS).status_code == 200
    ENDINGS[ending](ana, {"account_id": sinar.id, "user_id": budi.user_id})
    assert client.get(KEYS).headers["Location"] == stranger.get(KEYS).headers["Location"]
    assert SESSION_KEY not in client.session


@pytest.mark.parametrize("ending", ENDINGS)
def test_whoever_has_another_account_stays_logged_in_there_and_finds_nothing_here(
    browse, ana, budi, sinar, samudra, host, ending
):
    add_member(host, account_id=samudra.id, user_id=budi.user_id, role=Role.VIEWER)
    client = browse(budi)
    assert client.get(KEYS).status_code == 200
    ENDINGS[ending](ana, {"account_id": sinar.id, "user_id": budi.user_id})
    answers = [client.get(KEYS), client.get("/a/no-such-account/"), client.get("/a/duasamudra/")]
    assert [answer.status_code for answer in answers] == [404, 404, 200]
    assert answers[0].content == answers[1].content
    assert client.get("/").headers["Location"] == "/a/duasamudra/"


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_confirmed_with_the_pin_is_taken_back_in_this_account_alone(
    ana, budi, sinar, samudra, host, granted, user_of, ending
):
    add_member(host, account_id=samudra.id, user_id=budi.user_id, role=Role.ADMIN)
    elsewhere = actor_for(user_of(budi), samudra, session="another")
    for actor in (budi, elsewhere):
        granted(actor, GuardedAction.KEY_GENERATE, "disbursement/live")
    ENDINGS[ending](ana, {"account_id": sinar.id, "user_id": budi.user_id})
    assert list(Grant.objects.values_list("account_id", flat=True)) == [samudra.id]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_step_that_was_confirmed_before_makes_no_key_afterwards(
    ana, budi, sinar, disbursement, granted, ending
):
    grant = granted(budi, GuardedAction.KEY_GENERATE, "disbursement/live")
    ENDINGS[ending](ana, {"account_id": sinar.id, "user_id": budi.user_id})
    given = {"account_id": sinar.id, "product": "disbursement", "environment": "live"}
    more = {"name": "Late", "request_token": "pressed-late", "grant": grant}
    assert outcome(generate_key, budi, **given, **more) is DENIED


def test_whoever_may_change_members_sees_when_each_came_in_last(
    browse, ana, gita, user_of, password
):
    client = browse(ana)
    assert "Last log-in:" not in client.get(TEAM).content.decode()
    browse().post("/account/login/", {"login": user_of(gita).email, "password": password})
    assert client.get(TEAM).content.decode().count("Last log-in:") == 1


def test_a_long_team_page_asks_no_more_of_the_database_than_a_short_one(browse, ana, sinar, hire):
    client = browse(ana)
    client.get(TEAM)
    with CaptureQueriesContext(connection) as short:
        client.get(TEAM)
    for number in range(20):
        hire(f"Person{number}", sinar, Role.MAKER)
        email = f"guest{number}@example.com"
        invite_member(ana, account_id=sinar.id, email=email, role=Role.MAKER)
    with CaptureQueriesContext(connection) as long:
        client.get(TEAM)
    # Without an open invitation, neither a page of them nor their senders' roles are asked for.
    assert len(long) <= len(short) + 2


def test_a_new_role_takes_back_what_was_confirmed(ana, budi, sinar, granted):
    granted(budi, GuardedAction.KEY_GENERATE, "disbursement/live")
    change_role(ana, account_id=sinar.id, user_id=budi.user_id, role=Role.VIEWER)
    assert not Grant.objects.exists()


def test_a_member_who_is_let_in_again_is_what_they_were(ana, budi, sinar, browse, disbursement):
    given = {"account_id": sinar.id, "user_id": budi.user_id}
    deactivate_member(ana, **given)
    reactivate_member(ana, **given)
    assert browse(budi).get(KEYS).status_code == 200


def test_sessions_of_the_internal_team_do_not_hang_on_an_account(ana, eko, sinar, host, browse):
    add_member(host, account_id=sinar.id, user_id=eko.user_id, role=Role.VIEWER)
    client = browse(eko)
    remove_member(ana, account_id=sinar.id, user_id=eko.user_id)
    assert client.get("/console/").status_code == 200


def test_whoever_leaves_is_a_member_no_more_and_says_so_in_the_trail(browse, gita, ana):
    client = browse(gita)
    assert client.get(f"{TEAM}leave/").status_code == 200
    assert client.post(f"{TEAM}leave/").headers["Location"] == "/"
    assert client.get("/a/sinarabadi/").status_code == 404
    event = AuditEvent.objects.get(event=Event.MEMBER_LEFT)
    assert (event.actor_label, event.details) == (gita.label, {"role": "viewer"})


MEMBER_STEPS = ("role", "deactivate", "reactivate", "remove")


@pytest.mark.parametrize("method", ["get", "post"])
def test_members_elsewhere_and_nobody_at_all_look_the_same(browse, ana, dewi, method):
    client = browse(ana)
    answers = {
        getattr(client, method)(f"{TEAM}{user_id}/{step}/").content
        for step in MEMBER_STEPS
        for user_id in (dewi.user_id, 999_999)
    }
    assert answers == {client.get("/nothing/").content}


@pytest.mark.parametrize("method", ["get", "post"])
def test_invitations_elsewhere_and_no_invitation_look_the_same(browse, ana, host, samudra, method):
    foreign = invite_member(
        host, account_id=samudra.id, email="new@example.com", role=Role.MAKER
    ).id
    client = browse(ana)
    answers = {
        getattr(client, method)(f"{TEAM}invitations/{invitation_id}/{step}/").content
        for step in ("resend", "withdraw")
        for invitation_id in (foreign, "inv_" + "a" * 20, "-")
    }
    assert answers == {client.get("/nothing/").content}
    assert Invitation.objects.get().state == "OPEN"


def test_to_an_admin_what_is_done_about_a_superadmin_is_not_there(browse, ana, budi):
    client = browse(budi)
    nothing = client.get("/nothing/").content
    for step in MEMBER_STEPS:
        address = f"{TEAM}{ana.user_id}/{step}/"
        answers = [client.get(address), client.post(address, {"role": "viewer"})]
        assert [(each.status_code, each.content) for each in answers] == [(404, nothing)] * 2
    assert client.post(f"{TEAM}{budi.user_id}/role/", {"role": "superadmin"}).status_code == 404
    assert f"/team/{ana.user_id}/" not in client.get(TEAM).content.decode()


def test_a_colleague_sees_the_team_and_nothing_to_do_about_it(browse, ana, gita, host, sinar):
    invite_member(host, account_id=sinar.id, email="new@example.com", role=Role.MAKER)
    page = browse(gita).get(TEAM).content.decode()
    assert ana.label in page
    assert [
        word
        for word in ("invite/", "new@example.com", f"{ana.user_id}/", "sign-in")
        if word in page
    ] == []


def test_a_role_is_changed_on_its_page(browse, ana, budi):
    client, address = browse(ana), f"{TEAM}{budi.user_id}/role/"
    assert client.get(address).status_code == 200
    wrong = client.post(address, {"role": "emperor"})
    assert (wrong.status_code, "Choose a role." in wrong.content.decode()) == (422, True)
    assert client.post(address, {"role": "viewer"}).headers["Location"] == f"{TEAM}?done=role"
    assert Membership.objects.get(user_id=budi.user_id).role == "viewer"


def test_the_page_says_why_the_last_superadmin_stays(browse, ana):
    answer = browse(ana).post(f"{TEAM}{ana.user_id}/role/", {"role": "admin"})
    assert (answer.status_code, "only Superadmin" in answer.content.decode()) == (409, True)


def test_from_ten_members_on_there_are_a_search_and_pages(browse, ana, hire, sinar):
    client = browse(ana)
    assert 'id="search"' not in client.get(TEAM).content.decode()
    for number in range(11):
        hire(f"Person{number}", sinar, Role.MAKER)
    first, second = client.get(TEAM).content.decode(), client.get(f"{TEAM}?page=2").content.decode()
    assert ('id="search"' in first, "1 to 10 of 12" in first) == (True, True)
    assert "11 to 12 of 12" in second
    found = client.get(f"{TEAM}?search=PERSON7").content.decode()
    assert ("Person7" in found, "Person6" in found) == (True, False)


def test_from_eleven_open_invitations_on_there_are_pages_beside_those_of_the_members(
    browse, ana, sinar
):
    client = browse(ana)

    def shown(query=""):
        page = client.get(f"{TEAM}{query}").content.decode()
        guests = re.findall(r'<td role="cell">(guest\d+)@example.com</td>', page)
        return guests, re.findall(r'href="([^"]*#invitations)" rel="(\w+)"', page)

    guests = [f"guest{number}" for number in range(10, 23)]
    for guest in guests:
        given = {"email": f"{guest}@example.com", "role": Role.MAKER}
        invite_member(ana, account_id=sinar.id, **given)
        if guest == "guest19":
            assert shown() == (guests[:10], [])
    assert shown() == (guests[:10], [("?invitations=2#invitations", "next")])
    back = [("?page=1&amp;invitations=1#invitations", "prev")]
    assert shown("?page=1&invitations=2") == (guests[10:], back)
    assert shown("?invitations=99")[0] == guests[10:]
    assert shown("?invitations=x")[0] == guests[:10]


def test_the_page_tells_every_permission_that_a_member_can_have():
    assert set(PERMISSION_WORDS) == set().union(*MEMBER_PERMISSIONS.values())


def test_home_leads_to_the_account_that_was_used_last(browse, ana, sinar, samudra, host):
    add_member(host, account_id=samudra.id, user_id=ana.user_id, role=Role.VIEWER)
    client = browse(ana)
    for username in ("duasamudra", "sinarabadi", "duasamudra"):
        client.get(f"/a/{username}/")
        assert client.get("/").headers["Location"] == f"/a/{username}/"
        assert browse(ana).get("/").headers["Location"] == f"/a/{username}/"


def test_the_menu_offers_up_to_nine_accounts_with_roles_and_then_a_page_with_a_search(
    browse, ana, host
):
    client = browse(ana)
    for number in range(9):
        account = create_account(host, username=f"branch-{number}", name=f"Branch {number}")
        add_member(host, account_id=account.id, user_id=ana.user_id, role=Role.MAKER)
        page = client.get("/a/sinarabadi/").content.decode()
        assert (f"/a/branch-{number}/" in page) is (number < 8)
    assert 'href="/accounts/"' in page
    found = client.get("/accounts/?search=branch-7").content.decode()
    assert ("/a/branch-7/" in found, "Maker" in found, "/a/branch-6/" in found) == (
        True,
        True,
        False,
    )


def test_no_column_of_people_is_written_by_a_form_that_does_not_ask_for_it(browse, ana, budi):
    """A5: whatever else a form sends along changes nothing."""
    before = list(User.objects.order_by("pk").values("pk", "staff_role", "is_active", "email"))
    smuggled = {"staff_role": "owner", "is_active": "0", "user_id": str(ana.user_id), "email": "x"}
    browse(ana).post(f"{TEAM}{budi.user_id}/role/", smuggled | {"role": "viewer"})
    assert before == list(
        User.objects.order_by("pk").values("pk", "staff_role", "is_active", "email")
    )
    assert Membership.objects.get(user_id=ana.user_id).role == "superadmin"
