"""Who becomes what in an account, and who decides it."""

import pytest

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.people.actions import add_member, change_role, create_user, remove_member
from keydesk.control.people.models import Membership, User
from keydesk.control.people.passwords import PasswordHasher
from keydesk.control.people.queries import actor_for, memberships_of
from keydesk.core.codes import Code


def refusal(function, *args, **kwargs):
    with pytest.raises(Refused) as refused:
        function(*args, **kwargs)
    return refused.value.code, refused.value.details


def test_an_email_address_belongs_to_one_person_however_it_is_written(db, host, password):
    user = create_user(host, email=" Ana@Example.COM ", full_name=" Ana ", password=password)
    assert (user.email, user.full_name) == ("ana@example.com", "Ana")
    again = refusal(create_user, host, email="ANA@example.com", full_name="A", password=password)
    assert again == (Code.INVALID_INPUT, {"field": "email", "reason": "taken"})
    assert User.objects.get().check_password(password)


@pytest.mark.parametrize(
    ("changed", "details"),
    [
        ({"email": "nobody"}, {"field": "email", "reason": "invalid"}),
        ({"email": "a" * 250 + "@b.example"}, {"field": "email", "reason": "invalid"}),
        ({"full_name": "  "}, {"field": "full_name", "reason": "invalid"}),
        ({"full_name": "A\x00b"}, {"field": "full_name", "reason": "invalid"}),
        ({"language": "fr"}, {"field": "language", "reason": "invalid"}),
        ({"password": "too short"}, {"field": "password", "problems": ["password_too_short"]}),
    ],
)
def test_a_person_is_refused_for_one_named_reason(changed, details, db, host, password):
    given = {"email": "a@b.example", "full_name": "Ana", "password": password} | changed
    assert refusal(create_user, host, **given) == (Code.INVALID_INPUT, details)
    assert not User.objects.exists()


def test_only_an_owner_makes_somebody_of_the_internal_team(eko, staff, password):
    given = {"email": "new@b.example", "full_name": "New", "password": password}
    rangga, reviewer = staff("Rangga", StaffRole.OPERATIONS), {"staff_role": StaffRole.REVIEWER}
    assert refusal(create_user, rangga, **given, **reviewer)[0] is Code.PERMISSION_DENIED
    assert create_user(rangga, **given).is_internal is False
    assert create_user(eko, **given | {"email": "two@b.example"}, **reviewer).is_internal is True


def test_a_member_acts_in_their_account_alone_and_a_stranger_not_at_all(
    ana, sinar, samudra, user_of
):
    user = user_of(ana)
    assert actor_for(user, sinar) == Actor(
        kind=ActorKind.MEMBER,
        label="ana@sinarabadi.example",
        user_id=user.pk,
        account_id=sinar.id,
        role=Role.SUPERADMIN,
    )
    assert [actor_for(user, samudra), actor_for(user, None)] == [None, None]
    assert [membership.account for membership in memberships_of(user)] == [sinar]


def test_an_inactive_user_is_nobody(ana, eko, sinar, user_of):
    User.objects.update(is_active=False)
    assert [actor_for(user_of(ana), sinar), actor_for(user_of(eko), None)] == [None, None]


def test_a_new_role_counts_from_the_next_request_on(ana, budi, sinar, user_of):
    change_role(ana, account_id=sinar.id, user_id=budi.user_id, role=Role.VIEWER)
    assert actor_for(user_of(budi), sinar).role is Role.VIEWER
    remove_member(ana, account_id=sinar.id, user_id=budi.user_id)
    assert actor_for(user_of(budi), sinar) is None


def test_the_last_superadmin_stays(ana, sinar):
    details = {"reason": "last_superadmin"}
    given = {"account_id": sinar.id, "user_id": ana.user_id}
    assert refusal(change_role, ana, **given, role=Role.ADMIN) == (Code.STATE_CONFLICT, details)
    assert refusal(remove_member, ana, **given) == (Code.STATE_CONFLICT, details)
    assert Membership.objects.get().role == Role.SUPERADMIN


def test_a_person_is_a_member_once(ana, host, sinar, samudra):
    given = {"user_id": ana.user_id, "role": Role.VIEWER}
    assert refusal(add_member, host, account_id=sinar.id, **given)[0] is Code.STATE_CONFLICT
    add_member(host, account_id=samudra.id, **given)
    assert Membership.objects.filter(user_id=ana.user_id).count() == 2


def test_a_role_that_is_theirs_already_is_a_conflict(ana, budi, sinar):
    given = {"account_id": sinar.id, "user_id": budi.user_id, "role": Role.ADMIN}
    assert refusal(change_role, ana, **given) == (Code.STATE_CONFLICT, {"state": "admin"})


def test_an_unknown_person_or_account_is_not_found(ana, host, sinar):
    unknown = {"user_id": 999_999, "role": Role.VIEWER}
    assert refusal(add_member, host, account_id=sinar.id, **unknown)[0] is Code.NOT_FOUND
    assert refusal(add_member, host, account_id="acc_none", **unknown)[0] is Code.NOT_FOUND
    gone = {"account_id": sinar.id, "user_id": 999_999}
    assert refusal(remove_member, host, **gone)[0] is Code.NOT_FOUND


def test_a_password_is_stored_under_argon2id_at_the_cost_that_was_decided(db, password):
    stored = PasswordHasher().encode(password, "saltsaltsaltsalt")
    assert stored.startswith("argon2$argon2id$v=19$m=65536,t=3,p=1$")
    assert PasswordHasher().verify(password, stored)
    assert not PasswordHasher().verify(password + " ", stored)
