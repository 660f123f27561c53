"""A Superadmin has a member's PIN reset, and neither chooses nor sees one; nobody reaches into another account."""

import pytest
from tests.fixtures.pins import PIN

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.audit.models import AuditEvent
from keydesk.control.outbox.models import Mail
from keydesk.control.people.actions import add_member
from keydesk.control.people.models import User
from keydesk.control.stepup import actions
from keydesk.control.stepup.queries import pin_status
from keydesk.core.codes import Code

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(hire, sinar, with_pin):
    """Another Superadmin of PT Sinar Abadi, with a PIN."""
    return with_pin(hire("Hana", sinar, Role.SUPERADMIN))


def outcome(actor, user_id, account_id=None):
    try:
        actions.reset_pin(actor, user_id=user_id, account_id=account_id)
    except Refused as refused:
        return (str(refused.code), *refused.details.values())
    return "done"


def address(actor):
    return f"/a/sinarabadi/team/{actor.user_id}/reset-pin/"


def test_who_may_have_a_pin_reset_follows_from_the_role(
    ana, budi, citra, fajar, gita, dewi, staff, other, sinar, password
):
    teams = {role: staff(role, role) for role in StaffRole}
    people = [ana, budi, citra, fajar, gita, dewi, *teams.values()]
    found = []
    for actor in people:
        found.append(outcome(actor, other.user_id, sinar.id))
        if not pin_status(other.user_id).is_set:
            actions.set_pin(other, pin=f"7391{len(found):02}", password=password)
    denied = ("permission_denied", "pin.reset")
    assert dict(zip([actor.label for actor in people], found, strict=True)) == {
        ana.label: "done",
        budi.label: denied,
        citra.label: denied,
        fajar.label: denied,
        gita.label: denied,
        dewi.label: ("not_found",),
        teams[StaffRole.REVIEWER].label: denied,
        teams[StaffRole.OPERATIONS].label: "done",
        teams[StaffRole.SECURITY].label: "done",
        teams[StaffRole.OWNER].label: "done",
    }


def test_a_superadmin_resets_in_their_own_account_alone_whatever_account_they_name(
    dewi, samudra, sinar, other, budi, with_pin
):
    with_pin(budi)
    reached = [outcome(dewi, budi.user_id, place) for place in (None, samudra.id, sinar.id)]
    assert (reached, pin_status(budi.user_id).is_set) == ([("not_found",)] * 3, True)


def test_a_pin_that_counts_in_another_account_is_not_a_superadmins_to_reset(
    ana, budi, eko, host, samudra, with_pin
):
    with_pin(budi)
    add_member(host, account_id=samudra.id, user_id=budi.user_id, role=Role.VIEWER)
    elsewhere = ("state_conflict", "elsewhere")
    assert (outcome(ana, budi.user_id), pin_status(budi.user_id).is_set) == (elsewhere, True)
    assert outcome(eko, budi.user_id) == "done"


def test_a_pin_of_somebody_of_the_internal_team_is_not_a_superadmins_to_reset(ana, budi, with_pin):
    with_pin(budi)
    User.objects.filter(pk=budi.user_id).update(staff_role=StaffRole.REVIEWER)
    assert outcome(ana, budi.user_id) == ("state_conflict", "elsewhere")


def test_a_superadmin_cannot_get_around_their_own_pin(ana, with_pin):
    with_pin(ana)
    assert outcome(ana, ana.user_id) == ("state_conflict", "own_pin")


def test_the_person_is_told_who_did_it_and_sets_a_new_pin_with_their_password(
    ana, other, user_of, password
):
    assert outcome(ana, other.user_id) == "done"
    event = AuditEvent.objects.latest("seq")
    assert (event.event, event.account_id, event.actor_label, event.object_id) == (
        "pin.reset",
        ana.account_id,
        ana.label,
        f"user:{other.user_id}",
    )
    mail = Mail.objects.get()
    told = {"name": "Hana", "by": ana.label}
    assert (mail.kind, mail.to, mail.context) == ("pin_taken_away", user_of(other).email, told)
    with pytest.raises(Refused) as refused:
        actions.set_pin(other, pin=PIN, password=password)
    assert refused.value.code == Code.PIN_WEAK
    actions.set_pin(other, pin="739104", password=password)


def test_the_page_says_what_it_means_and_does_it(browse, ana, budi, with_pin):
    client = browse(ana)
    shown = client.get(address(with_pin(budi)))
    assert (shown.status_code, b"You never see or choose it" in shown.content) == (200, True)
    assert pin_status(budi.user_id).is_set
    assert client.post(address(budi)).status_code == 302
    assert not pin_status(budi.user_id).is_set


def test_the_page_says_why_not(browse, ana, budi, with_pin):
    client = browse(with_pin(ana))
    answers = [client.post(address(actor)) for actor in (ana, budi)]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert b"This is your own PIN" in answers[0].content
    assert b"This person has no PIN" in answers[1].content


def test_a_stranger_to_the_account_is_not_there(browse, ana, dewi, with_pin):
    answers = [browse(ana).get(address(with_pin(dewi))), browse(ana).post(address(dewi))]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert pin_status(dewi.user_id).is_set
