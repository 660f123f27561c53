"""Who is of the internal team and who decides it: the first Owner, the last Owner, and everybody between."""

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from tests.integration.test_actions import LINK_TO

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import StaffRole
from keydesk.control.audit.models import AuditEvent
from keydesk.control.outbox.models import Mail
from keydesk.control.people.models import User
from keydesk.control.people.queries import actor_for
from keydesk.control.staff.actions import (
    add_staff,
    change_staff_role,
    choose_first_password,
    deactivate_staff,
    end_staff_sessions,
    invite_staff_again,
    make_first_owner,
    make_first_owner_link,
    reactivate_staff,
)
from keydesk.control.staff.models import FirstOwnerLink, StaffInvitation
from keydesk.control.staff.queries import colleagues, invited_person, makes_first_owner
from keydesk.core.codes import Code

pytestmark = pytest.mark.django_db

LINA = {
    "email": "lina@provider.example",
    "full_name": "Lina",
    "role": StaffRole.REVIEWER,
    "link_to": LINK_TO,
}


def refusal(function, *arguments, **given):
    with pytest.raises(Refused) as refused:
        function(*arguments, **given)
    return refused.value.code, refused.value.details


LINK_INVALID = (Code.STAFF_LINK_INVALID, {})


@pytest.fixture
def owner(stranger, password):
    """Use a first Owner's link."""

    def owner(token, name="Eko"):
        email = f"{name.lower()}@provider.example"
        return make_first_owner(
            stranger, token=token, email=email, full_name=name, password=password
        )

    return owner


def test_a_first_owners_link_makes_one_owner_and_works_once(host, owner, password):
    token = make_first_owner_link(host)
    assert makes_first_owner(token)
    made = owner(token)
    assert (made.staff_role, made.check_password(password)) == ("owner", True)
    assert (makes_first_owner(token), refusal(owner, token, "Sari")) == (False, LINK_INVALID)
    assert User.objects.get() == made


def test_of_a_link_only_the_digest_is_stored_and_nothing_in_the_trail(
    host, owner, everything_stored
):
    token = make_first_owner_link(host)
    assert token.encode() not in everything_stored()
    owner(token)
    assert token.encode() not in everything_stored()


def test_a_new_link_ends_the_one_before_and_none_outlives_a_quarter_of_an_hour(host, owner):
    old, new = make_first_owner_link(host), make_first_owner_link(host)
    assert (makes_first_owner(old), refusal(owner, old)) == (False, LINK_INVALID)
    row = FirstOwnerLink.objects.get()
    assert timedelta(minutes=14) < row.expires_at - timezone.now() <= timedelta(minutes=15)
    FirstOwnerLink.objects.update(expires_at=timezone.now())
    assert (makes_first_owner(new), refusal(owner, new)) == (False, LINK_INVALID)


def test_a_link_is_of_no_use_as_soon_as_there_is_an_owner(host, owner, staff):
    token = make_first_owner_link(host)
    staff("Sari", StaffRole.SECURITY)
    assert makes_first_owner(token)
    staff("Eko", StaffRole.OWNER)
    assert (makes_first_owner(token), refusal(owner, token, "Tono")) == (False, LINK_INVALID)
    exists = (Code.STATE_CONFLICT, {"reason": "owner_exists"})
    assert refusal(make_first_owner_link, host) == exists


def test_bad_particulars_do_not_use_the_link_up(host, stranger, owner, password):
    token = make_first_owner_link(host)
    given = {"email": "eko@provider.example", "full_name": "Eko", "password": password}
    make = partial(make_first_owner, stranger, token=token)
    for field in given:
        assert refusal(make, **given | {field: "x"} if field != "full_name" else given | {field: " "})[
            1
        ]["field"] == field  # fmt: skip
    assert owner(token).full_name == "Eko"


@pytest.mark.django_db(transaction=True)
def test_two_people_with_the_link_at_once_make_one_owner(at_once, host, owner, collisions):
    for number in range(collisions):
        token = make_first_owner_link(host)
        outcomes = at_once(
            lambda token=token, number=number: owner(token, f"One{number}"),
            lambda token=token, number=number: owner(token, f"Two{number}"),
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refused", "User"]
        made = User.objects.get()
        User.objects.all().delete()
        assert made.staff_role == StaffRole.OWNER


def test_somebody_new_chooses_their_password_with_a_link_that_came_by_mail(eko, stranger, password):
    added = add_staff(eko, **LINA)
    assert (added.has_usable_password(), added.staff_role) == (False, "reviewer")
    mail = Mail.objects.get()
    page, _, token = mail.context.pop("url").partition("?token=")
    assert (mail.kind, mail.to, page) == ("invitation", "lina@provider.example", LINK_TO)
    assert mail.context == {"company": "Keydesk", "role": "reviewer", "invited_by": eko.label}
    assert invited_person(token) == added
    weak = refusal(choose_first_password, stranger, token=token, password="short")
    assert weak == (
        Code.INVALID_INPUT,
        {"field": "password", "problems": ["password_too_short"]},
    )
    choose_first_password(stranger, token=token, password=password)
    added.refresh_from_db()
    assert (added.check_password(password), invited_person(token)) == (True, None)
    again = refusal(choose_first_password, stranger, token=token, password=password)
    assert again == LINK_INVALID


def test_an_invitation_is_over_after_its_time_or_by_a_new_one(eko, stranger, password):
    user = add_staff(eko, **LINA)
    invite_staff_again(eko, user_id=user.pk, link_to=LINK_TO)
    first, second = (
        mail.context["url"].partition("?token=")[2] for mail in Mail.objects.order_by("id")
    )
    assert (invited_person(first), invited_person(second)) == (None, user)
    StaffInvitation.objects.update(expires_at=timezone.now())
    given = {"token": second, "password": password}
    assert (invited_person(second), refusal(choose_first_password, stranger, **given)) == (
        None,
        LINK_INVALID,
    )


def test_an_invitation_of_somebody_deactivated_lets_nobody_in(eko, stranger, password):
    user = add_staff(eko, **LINA)
    deactivate_staff(eko, user_id=user.pk)
    token = Mail.objects.get().context["url"].partition("?token=")[2]
    given = {"token": token, "password": password}
    assert refusal(choose_first_password, stranger, **given) == LINK_INVALID


def test_who_has_a_password_is_not_invited_again(eko, rangga):
    again = refusal(invite_staff_again, eko, user_id=rangga.user_id, link_to=LINK_TO)
    assert again == (Code.STATE_CONFLICT, {})


def test_an_address_that_somebody_has_is_refused_at_its_field(eko, rangga):
    taken = refusal(add_staff, eko, **LINA | {"email": rangga.label.upper()})
    assert taken == (Code.INVALID_INPUT, {"field": "email", "reason": "taken"})


def test_a_new_role_counts_from_the_next_request_on_and_is_told_by_mail(eko, rangga, user_of):
    change_staff_role(eko, user_id=rangga.user_id, role=StaffRole.SECURITY)
    assert actor_for(user_of(rangga), None).staff_role is StaffRole.SECURITY
    context = {"company": "Keydesk", "role": "security", "changed_by": eko.label}
    assert [(mail.kind, mail.to, mail.context) for mail in Mail.objects.all()] == [
        ("role_changed", rangga.label, context)
    ]
    details = {"from": "operations", "to": "security"}
    assert AuditEvent.objects.get(event="staff.role_changed").details == details


def test_nobody_changes_their_own_role_or_keeps_themselves_out(eko, staff):
    staff("Sari", StaffRole.OWNER)
    own = (Code.STATE_CONFLICT, {"reason": "own_role"})
    role = StaffRole.REVIEWER
    assert refusal(change_staff_role, eko, user_id=eko.user_id, role=role) == own
    assert refusal(deactivate_staff, eko, user_id=eko.user_id) == own


def test_the_last_owner_who_can_log_in_stays(eko, host, staff):
    add_staff(eko, **LINA | {"role": StaffRole.OWNER})  # has not come yet
    left = staff("Sari", StaffRole.OWNER)
    deactivate_staff(eko, user_id=left.user_id)
    last = (Code.STATE_CONFLICT, {"reason": "last_owner"})
    given = {"user_id": eko.user_id}
    assert refusal(change_staff_role, host, **given, role=StaffRole.REVIEWER) == last
    assert refusal(deactivate_staff, host, **given) == last


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", [deactivate_staff, partial(change_staff_role, role="reviewer")])
def test_two_owners_who_remove_each_other_at_once_leave_one(act, at_once, staff, collisions):
    for number in range(collisions):
        one, two = (staff(f"{name}{number}", StaffRole.OWNER) for name in ("One", "Two"))
        outcomes = at_once(
            lambda one=one, two=two: act(one, user_id=two.user_id),
            lambda one=one, two=two: act(two, user_id=one.user_id),
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Refused"]
        left = User.objects.get(staff_role=StaffRole.OWNER, is_active=True)
        User.objects.filter(pk=left.pk).update(is_active=False)


def test_deactivation_ends_every_session_and_nobody_elses(browse, eko, rangga, user_of):
    for actor in (eko, rangga, rangga):
        assert browse(actor).get("/console/").status_code == 200
    deactivate_staff(eko, user_id=rangga.user_id)
    (left,) = (session.get_decoded()["_auth_user_id"] for session in Session.objects.all())
    assert (left, actor_for(user_of(rangga), None)) == (str(eko.user_id), None)
    reactivate_staff(eko, user_id=rangga.user_id)
    assert actor_for(user_of(rangga), None).staff_role is StaffRole.OPERATIONS


def test_ending_sessions_logs_a_person_out_everywhere(browse, eko, rangga):
    client = browse(rangga)
    assert client.get("/console/").status_code == 200
    end_staff_sessions(eko, user_id=rangga.user_id)
    assert client.get("/console/").status_code == 302


def test_an_owner_who_has_just_lost_the_role_changes_nothing_more(eko, rangga, staff):
    sari = staff("Sari", StaffRole.OWNER)
    change_staff_role(sari, user_id=eko.user_id, role=StaffRole.REVIEWER)
    given = {"user_id": rangga.user_id}
    assert refusal(deactivate_staff, eko, **given)[0] is Code.PERMISSION_DENIED
    assert AuditEvent.objects.filter(event="permission.refused").count() == 1


def test_everybody_of_the_team_sees_it_and_customers_do_not(eko, rangga, ana):
    added = add_staff(eko, **LINA)
    assert [(each.email, each.role) for each in colleagues(rangga)] == [
        ("eko@provider.example", StaffRole.OWNER),
        ("lina@provider.example", StaffRole.REVIEWER),
        ("rangga@provider.example", StaffRole.OPERATIONS),
    ]
    waiting = [each.id for each in colleagues(rangga) if each.invited_until is not None]
    assert waiting == [added.pk]


def test_a_customer_is_no_colleague_to_be_changed(eko, ana):
    assert refusal(deactivate_staff, eko, user_id=ana.user_id) == (Code.NOT_FOUND, {})
