"""Carrying out planned changes by the clock: each through its action, on the authority of whoever decided it."""

from django.db import transaction
from django.utils import timezone
from msgspec.structs import replace

from keydesk.control.access.actor import HOST_OPERATOR, Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import StaffRole
from keydesk.control.audit.actions import record
from keydesk.control.audit.events import Event
from keydesk.control.entitlements.actions import carry_out_change
from keydesk.control.entitlements.models import PlannedChange
from keydesk.control.entitlements.rules import ChangeState
from keydesk.control.people.models import User
from keydesk.core.codes import Code

AT_A_TIME = 100
WORKER = replace(HOST_OPERATOR, label="worker")


def carry_out_due_changes() -> int:
    """Carry out what is due, oldest first, and give how many changes that were.

    Any number of workers may do so at once: each change is settled by the database, once. One that is refused when
    its moment has come is noted as failed, so that a person looks at it.
    """
    due = PlannedChange.objects.select_related("proposed_by", "confirmed_by").filter(
        state=ChangeState.SCHEDULED, due_at__lte=timezone.now()
    )
    done = 0
    for change in due.order_by("due_at", "id")[:AT_A_TIME]:
        try:
            done += carry_out_change(decider(change), change_id=change.id) is not None
        except Refused as refused:
            note_failure(change.id, refused.code)
    return done


def decider(change: PlannedChange) -> Actor:
    """Give on whose authority a change is carried out: the second person's, or the only one's."""
    user: User | None = change.confirmed_by or change.proposed_by
    if user is None:
        return HOST_OPERATOR
    role = None if user.staff_role is None else StaffRole(user.staff_role)
    return Actor(kind=ActorKind.STAFF, label=user.email, user_id=user.pk, staff_role=role)


def note_failure(change_id: str, code: Code) -> None:
    """Note that a change could not be carried out, unless another worker has settled it meanwhile."""
    with transaction.atomic():
        is_ours = PlannedChange.objects.filter(pk=change_id, state=ChangeState.SCHEDULED).update(
            state=ChangeState.FAILED, ended_at=timezone.now(), ended_code=str(code)
        )
        if is_ours:
            change = PlannedChange.objects.get(pk=change_id)
            record(
                WORKER,
                Event.ENTITLEMENT_CHANGE_FAILED,
                account_id=change.account_id,
                object_id=f"{change.product_id}/{change.environment}",
                details={"change": change_id, "code": str(code)},
            )
