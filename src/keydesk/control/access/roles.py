"""Roles and permissions in one table: what a member of each role, and the internal team, may do."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a member is in an account."""

    SUPERADMIN = "superadmin"
    ADMIN = "admin"
    APPROVER = "approver"
    MAKER = "maker"
    VIEWER = "viewer"


class Permission(StrEnum):
    """The right to one kind of action."""

    ACCOUNT_CREATE = "account.create"
    ACCOUNT_SET_STATUS = "account.set_status"
    CREDENTIAL_EDIT = "credential.edit"
    ENTITLEMENT_REQUEST = "entitlement.request"
    ENTITLEMENT_SET = "entitlement.set"
    KEY_GENERATE = "key.generate"
    KEY_REGENERATE = "key.regenerate"
    KEY_REVEAL = "key.reveal"
    KEY_REVOKE = "key.revoke"
    KEY_VIEW = "key.view"
    MEMBER_EDIT = "member.edit"
    PEOPLE_EDIT = "people.edit"
    PRODUCT_EDIT = "product.edit"
    STAFF_EDIT = "staff.edit"


DEVELOPER: Final = frozenset(
    {
        Permission.ENTITLEMENT_REQUEST,
        Permission.KEY_GENERATE,
        Permission.KEY_REGENERATE,
        Permission.KEY_REVEAL,
        Permission.KEY_REVOKE,
        Permission.KEY_VIEW,
    }
)

MEMBER_PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.SUPERADMIN: DEVELOPER | {Permission.MEMBER_EDIT},
    Role.ADMIN: DEVELOPER,
    Role.APPROVER: frozenset(),
    Role.MAKER: frozenset(),
    Role.VIEWER: frozenset(),
}
"""What a member may do in their own account."""

STAFF_PERMISSIONS: Final = frozenset(
    {
        Permission.ACCOUNT_CREATE,
        Permission.ACCOUNT_SET_STATUS,
        Permission.CREDENTIAL_EDIT,
        Permission.ENTITLEMENT_REQUEST,
        Permission.ENTITLEMENT_SET,
        Permission.MEMBER_EDIT,
        Permission.PEOPLE_EDIT,
        Permission.PRODUCT_EDIT,
    }
)
"""What the internal team may do, in every account; it neither sees nor makes a customer's keys."""
