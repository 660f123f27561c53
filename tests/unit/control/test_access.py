"""Who may do what, as one table."""

import pytest

from keydesk.control.access.actor import HOST_OPERATOR, Actor, ActorKind
from keydesk.control.access.names import is_name
from keydesk.control.access.refused import Refused, require
from keydesk.control.access.roles import Permission, Role, StaffRole
from keydesk.control.audit.events import Event
from keydesk.core.codes import Code

KEYS = {
    "account.set_networks",
    "key.generate",
    "key.regenerate",
    "key.restrict",
    "key.reveal",
    "key.revoke",
    "key.view",
}
MANAGER = KEYS | {
    "activity.view",
    "application.edit",
    "entitlement.request",
    "member.edit",
    "team.view",
}
EVERY_STAFF = {"account.view", "team.view"}
REVIEWER = EVERY_STAFF | {"application.decide", "entitlement.request"}
SECURITY = EVERY_STAFF | {
    "account.set_status",
    "account.view_as",
    "credential.edit",
    "key.stop",
    "pin.reset",
    "product.stop",
}
OPERATIONS = EVERY_STAFF | {
    "account.create",
    "account.set_status",
    "account.view_as",
    "entitlement.request",
    "entitlement.set",
    "key.stop",
    "people.edit",
    "pin.reset",
    "product.edit",
    "product.stop",
}
OWNER = (
    REVIEWER
    | SECURITY
    | OPERATIONS
    | {"member.edit", "policy.edit", "staff.edit", "superadmin.edit"}
)


def member(role):
    return Actor(kind=ActorKind.MEMBER, label="m", user_id=1, account_id="acc_own", role=role)


def staff(role):
    return Actor(kind=ActorKind.STAFF, label="s", user_id=2, staff_role=role)


def service(*scopes):
    return Actor(kind=ActorKind.SERVICE, label="crd_a", scopes=scopes)


STAFF_MEMBER = staff(StaffRole.OPERATIONS)


@pytest.mark.parametrize(
    ("actor", "permitted"),
    [
        (member(Role.SUPERADMIN), MANAGER | {"pin.reset", "superadmin.edit"}),
        (member(Role.ADMIN), MANAGER),
        (member(Role.APPROVER), {"team.view"}),
        (member(Role.MAKER), {"team.view"}),
        (member(Role.VIEWER), {"team.view"}),
        (member(None), set()),
        (staff(StaffRole.REVIEWER), REVIEWER),
        (staff(StaffRole.SECURITY), SECURITY),
        (staff(StaffRole.OPERATIONS), OPERATIONS),
        (staff(StaffRole.OWNER), OWNER),
        (staff(None), set()),
        (service("usage"), {"usage.record"}),
        (service("replicate", "verify"), set()),
        (service(), set()),
        (HOST_OPERATOR, set(Permission)),
    ],
    ids=lambda value: (
        f"{value.kind}-{value.role or value.staff_role or value.scopes}"
        if isinstance(value, Actor)
        else ""
    ),
)
def test_each_kind_of_actor_may_do_exactly_this(actor, permitted):
    assert {permission for permission in Permission if actor.can(permission)} == permitted


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_to_a_member_of_any_role_another_account_does_not_exist(role, permission):
    with pytest.raises(Refused) as refused:
        require(member(role), permission, "acc_other")
    assert (refused.value.code, refused.value.details) == (Code.NOT_FOUND, {})


@pytest.mark.parametrize("actor", [STAFF_MEMBER, HOST_OPERATOR], ids=["staff", "host"])
def test_staff_and_host_act_in_every_account(actor):
    require(actor, Permission.ENTITLEMENT_SET, "acc_other")


@pytest.mark.parametrize("names", [Permission, Event])
def test_permissions_and_events_are_listed_in_order(names):
    assert list(names.__members__) == sorted(names.__members__)


@pytest.mark.parametrize("text", ["", " a", "a ", "a\x00b", "a\nb", "a\u202eb", "x" * 11])
def test_a_name_is_refused(text):
    assert not is_name(text, longest=10)


@pytest.mark.parametrize("text", ["a", "PT Sinar", "Übermaß", "会社", "x" * 10])
def test_a_name_is_taken(text):
    assert is_name(text, longest=10)
