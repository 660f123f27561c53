"""Who acts: a member of an account, the internal team, one of the provider's services, or the host operator."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from keydesk.control.access.roles import (
    MEMBER_PERMISSIONS,
    SERVICE_PERMISSIONS,
    STAFF_PERMISSIONS,
    VIEWING_PERMISSIONS,
    Permission,
    Role,
    StaffRole,
)


class ActorKind(StrEnum):
    """On whose authority an action runs."""

    MEMBER = "member"
    SERVICE = "service"
    STAFF = "staff"
    HOST = "host"


class Actor(Struct, frozen=True, kw_only=True):
    """Everything that an action needs to know about whoever asks for it; made anew for each request."""

    kind: ActorKind
    label: str
    """What the audit trail calls them: the e-mail address, a credential's id, or `host`."""
    user_id: int | None = None
    account_id: str | None = None
    """The account a member acts in, or staff look at in a viewing; None for all others, who act in every one."""
    role: Role | None = None
    staff_role: StaffRole | None = None
    scopes: tuple[str, ...] = ()
    """What a service credential is for."""
    viewing: str | None = None
    """The viewing in which a staff person looks at the account as its people see it; they can do nothing in it."""
    session: str | None = None
    """The session's key, which is a digest; never the secret in the browser's cookie."""
    ip: str | None = None
    request_id: str | None = None

    def can(self, permission: Permission) -> bool:
        """Say whether this actor has the permission, a member in their own account alone."""
        if self.kind is ActorKind.HOST:
            return True
        if self.kind is ActorKind.STAFF:
            if self.staff_role is None:
                return False
            held = STAFF_PERMISSIONS[self.staff_role]
            if self.viewing is not None:
                return Permission.ACCOUNT_VIEW_AS in held and permission in VIEWING_PERMISSIONS
            return permission in held
        if self.kind is ActorKind.SERVICE:
            return any(permission in SERVICE_PERMISSIONS.get(scope, ()) for scope in self.scopes)
        return self.role is not None and permission in MEMBER_PERMISSIONS[self.role]


HOST_OPERATOR: Final = Actor(kind=ActorKind.HOST, label="host")
"""Whoever can run commands on the host may do everything; the audit trail says so."""
