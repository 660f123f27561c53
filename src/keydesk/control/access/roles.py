"""Roles and permissions in one table: what a member of each role, and the internal team, may do."""

from enum import StrEnum
from typing import Final

from keydesk.core.records import ServiceScope


class Role(StrEnum):
    """What a member is in an account."""

    SUPERADMIN = "superadmin"
    ADMIN = "admin"
    APPROVER = "approver"
    MAKER = "maker"
    VIEWER = "viewer"


class StaffRole(StrEnum):
    """What a person is in the provider's internal team."""

    REVIEWER = "reviewer"
    OPERATIONS = "operations"
    SECURITY = "security"
    OWNER = "owner"


class Permission(StrEnum):
    """The right to one kind of action."""

    ACCOUNT_CREATE = "account.create"
    ACCOUNT_SET_NETWORKS = "account.set_networks"
    ACCOUNT_SET_STATUS = "account.set_status"
    ACCOUNT_VIEW = "account.view"
    ACCOUNT_VIEW_AS = "account.view_as"
    ACTIVITY_VIEW = "activity.view"
    APPLICATION_DECIDE = "application.decide"
    APPLICATION_EDIT = "application.edit"
    CREDENTIAL_EDIT = "credential.edit"
    ENTITLEMENT_REQUEST = "entitlement.request"
    ENTITLEMENT_SET = "entitlement.set"
    INSTALLATION_EDIT = "installation.edit"
    """The host's operator has it alone."""
    KEY_GENERATE = "key.generate"
    KEY_REGENERATE = "key.regenerate"
    KEY_RESTRICT = "key.restrict"
    KEY_REVEAL = "key.reveal"
    KEY_REVOKE = "key.revoke"
    KEY_STOP = "key.stop"
    KEY_VIEW = "key.view"
    MEMBER_EDIT = "member.edit"
    PEOPLE_EDIT = "people.edit"
    PIN_RESET = "pin.reset"
    POLICY_EDIT = "policy.edit"
    PRODUCT_EDIT = "product.edit"
    PRODUCT_STOP = "product.stop"
    STAFF_EDIT = "staff.edit"
    SUPERADMIN_EDIT = "superadmin.edit"
    TEAM_VIEW = "team.view"
    USAGE_RECORD = "usage.record"


DEVELOPER: Final = frozenset(
    {
        Permission.ACCOUNT_SET_NETWORKS,
        Permission.ENTITLEMENT_REQUEST,
        Permission.KEY_GENERATE,
        Permission.KEY_REGENERATE,
        Permission.KEY_RESTRICT,
        Permission.KEY_REVEAL,
        Permission.KEY_REVOKE,
        Permission.KEY_VIEW,
    }
)

COLLEAGUE: Final = frozenset({Permission.TEAM_VIEW})

MANAGER: Final = (
    COLLEAGUE
    | DEVELOPER
    | {Permission.ACTIVITY_VIEW, Permission.APPLICATION_EDIT, Permission.MEMBER_EDIT}
)
"""What a Superadmin and an Admin share; over Superadmins `MEMBER_EDIT` is not enough."""

MEMBER_PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.SUPERADMIN: MANAGER | {Permission.PIN_RESET, Permission.SUPERADMIN_EDIT},
    Role.ADMIN: MANAGER,
    Role.APPROVER: COLLEAGUE,
    Role.MAKER: COLLEAGUE,
    Role.VIEWER: COLLEAGUE,
}
"""What a member may do in their own account."""

VIEWING_PERMISSIONS: Final = frozenset(
    {Permission.ACTIVITY_VIEW, Permission.KEY_VIEW, Permission.TEAM_VIEW}
)
"""What the internal team may do while it looks at an account as its people see it: look."""

COLLEAGUE_AT_PROVIDER: Final = frozenset({Permission.ACCOUNT_VIEW, Permission.TEAM_VIEW})

STAFF_PERMISSIONS: Final[dict[StaffRole, frozenset[Permission]]] = {
    StaffRole.REVIEWER: COLLEAGUE_AT_PROVIDER
    | {Permission.APPLICATION_DECIDE, Permission.ENTITLEMENT_REQUEST},
    StaffRole.OPERATIONS: COLLEAGUE_AT_PROVIDER
    | {
        Permission.ACCOUNT_CREATE,
        Permission.ACCOUNT_SET_STATUS,
        Permission.ACCOUNT_VIEW_AS,
        Permission.ENTITLEMENT_REQUEST,
        Permission.ENTITLEMENT_SET,
        Permission.KEY_STOP,
        Permission.PEOPLE_EDIT,
        Permission.PIN_RESET,
        Permission.PRODUCT_EDIT,
        Permission.PRODUCT_STOP,
    },
    StaffRole.SECURITY: COLLEAGUE_AT_PROVIDER
    | {
        Permission.ACCOUNT_SET_STATUS,
        Permission.ACCOUNT_VIEW_AS,
        Permission.CREDENTIAL_EDIT,
        Permission.KEY_STOP,
        Permission.PIN_RESET,
        Permission.PRODUCT_STOP,
    },
    StaffRole.OWNER: COLLEAGUE_AT_PROVIDER
    | {
        Permission.ACCOUNT_CREATE,
        Permission.ACCOUNT_SET_STATUS,
        Permission.ACCOUNT_VIEW_AS,
        Permission.APPLICATION_DECIDE,
        Permission.CREDENTIAL_EDIT,
        Permission.ENTITLEMENT_REQUEST,
        Permission.ENTITLEMENT_SET,
        Permission.KEY_STOP,
        Permission.MEMBER_EDIT,
        Permission.PEOPLE_EDIT,
        Permission.PIN_RESET,
        Permission.POLICY_EDIT,
        Permission.PRODUCT_EDIT,
        Permission.PRODUCT_STOP,
        Permission.STAFF_EDIT,
        Permission.SUPERADMIN_EDIT,
    },
}
"""What each role of the internal team may do, in every account; none of them sees or makes a customer's keys."""

SERVICE_PERMISSIONS: Final[dict[str, frozenset[Permission]]] = {
    ServiceScope.USAGE: frozenset({Permission.USAGE_RECORD}),
}
"""What a service credential may do here, by its scope; what a verifier lets it do is not the desk's."""


def permission_over(*roles: str) -> Permission:
    """Give the permission that it takes to invite, change or remove somebody who is, or becomes, one of these."""
    return Permission.SUPERADMIN_EDIT if Role.SUPERADMIN in roles else Permission.MEMBER_EDIT
