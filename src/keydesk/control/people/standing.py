"""Asking for a permission where it counts: inside the transaction, under the lock under which roles change."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from msgspec.structs import replace

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role, StaffRole
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import lock_account
from keydesk.control.audit.actions import record_refusal
from keydesk.control.people.models import Membership, User
from keydesk.core.codes import Code


@contextmanager
def authorised_transaction(
    actor: Actor, permission: Permission, *, account_id: str, object_id: str
) -> Iterator[Account]:
    """Run an action's transaction under its account's lock, and give the account, if the actor may still act there.

    The actor was made when the request began, and whoever takes a role away takes this lock: so nothing happens in
    an account on the strength of a role that was lost before. Raises Refused `permission_denied`, which leaves its
    record although the transaction is rolled back, and `not_found` for an unknown account.
    """
    try:
        with transaction.atomic():
            account = lock_account(account_id)
            require_still(actor, permission)
            yield account
    except Refused as refused:
        if refused.code is Code.PERMISSION_DENIED:
            asked = refused.details.get("permission", permission)
            record_refusal(actor, refused, asked, account_id=account_id, object_id=object_id)
        raise


def require_still(actor: Actor, permission: Permission) -> None:
    """Raise Refused(`permission_denied`) unless the actor has the permission by what the database says now."""
    if not _still_holds(actor, permission):
        raise Refused(Code.PERMISSION_DENIED, permission=permission)


def _still_holds(actor: Actor, permission: Permission) -> bool:
    if actor.kind is ActorKind.HOST:
        return True
    if actor.user_id is None:
        return False
    if actor.kind is ActorKind.STAFF:
        staff = User.objects.filter(pk=actor.user_id, is_active=True)
        staff_role = staff.values_list("staff_role", flat=True).first()
        return staff_role is not None and replace(actor, staff_role=StaffRole(staff_role)).can(
            permission
        )
    role = (
        Membership.objects.filter(
            user_id=actor.user_id,
            account_id=actor.account_id,
            is_active=True,
            user__is_active=True,
        )
        .values_list("role", flat=True)
        .first()
    )
    return role is not None and replace(actor, role=Role(role)).can(permission)
