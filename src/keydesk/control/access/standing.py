"""Asking for a permission where it counts: in the action's transaction, after its lock, by what the database says."""

from django.contrib.auth import get_user_model
from msgspec.structs import replace

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role, StaffRole
from keydesk.core.codes import Code


def require_still(actor: Actor, permission: Permission) -> None:
    """Raise Refused(`permission_denied`) unless the actor has the permission by what the database says now.

    The actor was made when the request began, and may have lost the role since. Every action that needs a permission
    asks twice: `audit.actions.authorise` before its transaction, this in it.
    """
    if not still_holds(actor, permission):
        raise Refused(Code.PERMISSION_DENIED, permission=permission)


def still_holds(actor: Actor, permission: Permission) -> bool:
    """Say whether the actor has the permission by what the database says now, whatever role the actor brings along.

    The tables of people belong to a domain above this one.
    """
    if actor.kind is ActorKind.HOST:
        return True
    if actor.user_id is None:
        return False
    people = get_user_model().objects.filter(pk=actor.user_id, is_active=True)
    if actor.kind is ActorKind.STAFF:
        staff_role = people.values_list("staff_role", flat=True).first()
        return staff_role is not None and replace(actor, staff_role=StaffRole(staff_role)).can(
            permission
        )
    here = people.filter(memberships__account=actor.account_id, memberships__is_active=True)
    role = here.values_list("memberships__role", flat=True).first()
    return role is not None and replace(actor, role=Role(role)).can(permission)
