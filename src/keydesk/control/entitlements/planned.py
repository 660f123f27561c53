"""What the internal team looks at: what was asked for, what is planned and who must confirm it, an account's matrix."""

from django.db.models import QuerySet

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.entitlements.models import Entitlement, PlannedChange
from keydesk.control.entitlements.rules import OPEN, ChangeState
from keydesk.control.policies.queries import current_policies
from keydesk.core.records import EntitlementState, Environment


def waiting_requests() -> QuerySet[Entitlement]:
    """Give what accounts asked for and nobody has decided, oldest first, with account and product."""
    waiting = Entitlement.objects.filter(state=EntitlementState.REQUESTED)
    return waiting.select_related("account", "product").order_by("requested_at", "id")


def open_changes() -> QuerySet[PlannedChange]:
    """Give the changes that lie ahead, the next one first, with account, product and people."""
    ahead = PlannedChange.objects.filter(state__in=sorted(OPEN))
    return _with_names(ahead).order_by("due_at", "id")


def failed_changes() -> QuerySet[PlannedChange]:
    """Give the changes that could not be carried out, the latest first."""
    failed = PlannedChange.objects.filter(state=ChangeState.FAILED)
    return _with_names(failed).order_by("-ended_at", "-id")


def entitlements_of(account_id: str) -> QuerySet[Entitlement]:
    """Give everything that the account asked for, has, or had."""
    return Entitlement.objects.filter(account=account_id)


def planned_change(change_id: str) -> PlannedChange | None:
    """Give a planned change with account, product and people."""
    return _with_names(PlannedChange.objects.filter(pk=change_id)).first()


def needs_second_person(actor: Actor, environment: str, target: EntitlementState) -> bool:
    """Say whether a second person has to confirm this: live is enabled by staff, and the provider wants four eyes."""
    return (
        actor.kind is ActorKind.STAFF
        and target is EntitlementState.ENABLED
        and environment == Environment.LIVE
        and current_policies().four_eyes_on_live
    )


def _with_names(changes: QuerySet[PlannedChange]) -> QuerySet[PlannedChange]:
    return changes.select_related("account", "product", "proposed_by", "confirmed_by")
