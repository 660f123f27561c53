"""Asking for products, enabling and disabling them for an account: at once, later, or with a second person."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.utils import timezone

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.reasons import reason_given
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import still_holds
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.catalog.rules import stored_limits
from keydesk.control.entitlements.held import (
    Place,
    change,
    lock_entitlement,
    require_may_request,
    tell,
)
from keydesk.control.entitlements.models import Entitlement, PlannedChange
from keydesk.control.entitlements.planned import needs_second_person
from keydesk.control.entitlements.rules import (
    LIMITED_BY,
    OPEN,
    TARGETS,
    ChangeState,
    can_become,
)
from keydesk.control.feed.actions import publish
from keydesk.core.codes import Code
from keydesk.core.records import EntitlementState, Environment, ProductState


def set_entitlement(
    actor: Actor,
    *,
    account_id: str,
    product: str,
    environment: Environment,
    target: EntitlementState,
    reason: str = "",
    due_at: datetime | None = None,
) -> Entitlement | PlannedChange:
    """Enable or disable a product at once, or plan it where it has a moment or a second person has to confirm it.

    Gives the entitlement as it is then, or the plan. Raises Refused as `enable_product`, `disable_product` and
    `plan_change` do, which refuses any other target.
    """
    place: dict[str, Any] = {
        "account_id": account_id,
        "product": product,
        "environment": environment,
    }
    if due_at is None and not needs_second_person(actor, environment, target):
        match target:
            case EntitlementState.ENABLED:
                return enable_product(actor, **place)
            case EntitlementState.DISABLED:
                return disable_product(actor, **place, reason=reason)
    return plan_change(actor, **place, target=target, reason=reason, due_at=due_at)


def request_product(
    actor: Actor, *, account_id: str, product: str, environment: Environment
) -> Entitlement:
    """Ask the internal team to enable a product for the account.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if the account may not ask, the product is not
    on offer, or it was asked for before.
    """
    place = Place(account_id, product, environment)
    authorise(actor, Permission.ENTITLEMENT_REQUEST, account_id=account_id, object_id=str(place))
    return move(place, EntitlementState.REQUESTED, actor=actor)


def enable_product(
    actor: Actor, *, account_id: str, product: str, environment: Environment
) -> Entitlement:
    """Let the account use the product in the environment, whether it asked or not.

    Raises Refused: `permission_denied`; `second_person_needed` where the provider wants four eyes; `not_found`;
    `state_conflict` if it is enabled already.
    """
    place = Place(account_id, product, environment)
    authorise(actor, Permission.ENTITLEMENT_SET, account_id=account_id, object_id=str(place))
    if needs_second_person(actor, environment, EntitlementState.ENABLED):
        raise Refused(Code.SECOND_PERSON_NEEDED)
    return move(place, EntitlementState.ENABLED, actor=actor)


def disable_product(
    actor: Actor, *, account_id: str, product: str, environment: Environment, reason: str
) -> Entitlement:
    """Stop the account's use of the product in the environment, with the reason that its people read.

    Raises Refused: `permission_denied`; `not_found`; `invalid_input` without a reason; `state_conflict` if it is not
    enabled.
    """
    place = Place(account_id, product, environment)
    authorise(actor, Permission.ENTITLEMENT_SET, account_id=account_id, object_id=str(place))
    return move(place, EntitlementState.DISABLED, actor=actor, reason=reason_given(reason))


def limit_entitlement(
    actor: Actor,
    *,
    account_id: str,
    product: str,
    environment: Environment,
    limits: Sequence[str],
    reason: str,
) -> int:
    """Set the limits that stand in for the product's of the same names or come on top, and give the revision.

    What all accounts share is the product's alone to say. Raises Refused: `permission_denied`; `invalid_input` for
    a limit, or without a reason, which its people read; `not_found` if the account has nothing of the product there.
    """
    place, permission = Place(account_id, product, environment), Permission.ENTITLEMENT_SET
    authorise(actor, permission, account_id=account_id, object_id=str(place))
    stored, why = stored_limits(limits, whose=LIMITED_BY), reason_given(reason)
    with authorised_transaction(
        actor, permission, account_id=account_id, object_id=str(place)
    ) as account:
        entitlement = lock_entitlement(account, place)
        if not entitlement.state:
            raise Refused(Code.NOT_FOUND)
        before, entitlement.limits = entitlement.limits, stored
        record(
            actor,
            Event.ENTITLEMENT_LIMITED,
            account_id=account_id,
            object_id=str(place),
            details={"from": before, "to": stored, "reason": why},
        )
        return publish(entitlement)


def plan_change(
    actor: Actor,
    *,
    account_id: str,
    product: str,
    environment: Environment,
    target: EntitlementState,
    reason: str = "",
    due_at: datetime | None = None,
) -> PlannedChange:
    """Plan to enable or disable a product, and give the plan; without `due_at` it is due as soon as it is confirmed.

    Where the provider wants four eyes it is a proposal until a second person confirms it. Raises Refused:
    `permission_denied`; `invalid_input` for a target, a moment that is over, or a disabling without a reason;
    `not_found`; `state_conflict` if the product cannot go there, or another change of it is planned.
    """
    place = Place(account_id, product, environment)
    authorise(actor, Permission.ENTITLEMENT_SET, account_id=account_id, object_id=str(place))
    why = require_plan(target, reason=reason, due_at=due_at)
    with authorised_transaction(
        actor, Permission.ENTITLEMENT_SET, account_id=account_id, object_id=str(place)
    ) as account:
        entitlement = lock_entitlement(account, place)
        if not can_become(entitlement.state or None, target) or is_change_ahead(entitlement):
            raise Refused(Code.STATE_CONFLICT, state=entitlement.state)
        change = PlannedChange(
            account=account,
            product=entitlement.product,
            environment=entitlement.environment,
            target=str(target),
            reason=why,
        )
        change.proposed_by_id, change.proposed_at = actor.user_id, timezone.now()
        change.due_at = due_at or change.proposed_at
        is_proposal = needs_second_person(actor, environment, target)
        change.needs_second_person = is_proposal
        change.state = ChangeState.PROPOSED if is_proposal else ChangeState.SCHEDULED
        change.save(force_insert=True)
        _note(actor, Event.ENTITLEMENT_CHANGE_PLANNED, change, reason=change.reason)
        return change


def is_change_ahead(entitlement: Entitlement) -> bool:
    """Say whether another change of this entitlement lies ahead."""
    return PlannedChange.objects.filter(
        account=entitlement.account,
        product=entitlement.product,
        environment=entitlement.environment,
        state__in=sorted(OPEN),
    ).exists()


def confirm_change(actor: Actor, *, change_id: str) -> PlannedChange:
    """Confirm as the second person what another has proposed; what is due is carried out in the same breath.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if it waits for nobody, or if who proposed it
    may not do so any more; `second_person_needed` to whoever proposed it.
    """
    with _open_change(actor, change_id) as change:
        if change.state != ChangeState.PROPOSED:
            raise Refused(Code.STATE_CONFLICT, state=change.state)
        if actor.user_id in {None, change.proposed_by_id}:
            raise Refused(Code.SECOND_PERSON_NEEDED)
        require_proposer_still(change)
        change.confirmed_by_id, change.state = actor.user_id, ChangeState.SCHEDULED
        if change.due_at <= timezone.now():
            _carry_out(actor, change)
        else:
            change.save(update_fields=["confirmed_by", "state"])
            _note(actor, Event.ENTITLEMENT_CHANGE_CONFIRMED, change)
        return change


def cancel_change(actor: Actor, *, change_id: str) -> PlannedChange:
    """Take back a planned change that still lies ahead.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if it does not lie ahead any more.
    """
    with _open_change(actor, change_id) as change:
        change.state, change.ended_at = ChangeState.CANCELLED, timezone.now()
        change.save(update_fields=["state", "ended_at"])
        _note(actor, Event.ENTITLEMENT_CHANGE_CANCELLED, change)
        return change


def carry_out_change(actor: Actor, *, change_id: str) -> Entitlement | None:
    """Carry out a scheduled change that is due, exactly once; None if it was settled meanwhile.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if it is not due, or the product cannot go there.
    """
    try:
        with _open_change(actor, change_id) as change:
            require_due(change)
            return _carry_out(actor, change)
    except Refused as refused:
        if refused.details.get("is_settled"):
            return None
        raise


@contextmanager
def _open_change(actor: Actor, change_id: str) -> Iterator[PlannedChange]:
    """Give a change that lies ahead, locked after its account, in the transaction that settles it."""
    permission = Permission.ENTITLEMENT_SET
    found = PlannedChange.objects.filter(pk=change_id).values_list("account_id", flat=True).first()
    authorise(actor, permission, account_id=found or "", object_id=change_id)
    if found is None:
        raise Refused(Code.NOT_FOUND)
    with authorised_transaction(
        actor, permission, account_id=found, object_id=change_id
    ) as account:
        change = PlannedChange.objects.select_for_update(of=("self",), no_key=True).get(
            pk=change_id
        )
        change.account = account
        if change.state not in OPEN:
            raise Refused(Code.STATE_CONFLICT, state=change.state, is_settled=True)
        yield change


def _carry_out(actor: Actor, change: PlannedChange) -> Entitlement:
    """Settle a locked change and take its entitlement where it leads; leaves that one event."""
    change.state, change.ended_at = ChangeState.DONE, timezone.now()
    change.save(update_fields=["state", "ended_at", "confirmed_by"])
    place = Place(change.account_id, change.product_id, Environment(change.environment))
    proposer = None if change.proposed_by is None else change.proposed_by.email
    return settle(
        change.account,
        place,
        EntitlementState(change.target),
        actor=actor,
        reason=change.reason,
        details={"change": change.id, "proposed_by": proposer or "host"},
    )


def _note(actor: Actor, event: Event, change: PlannedChange, **details: Any) -> None:
    """Leave the event of a planned change."""
    record(
        actor,
        event,
        account_id=change.account_id,
        object_id=f"{change.product_id}/{change.environment}",
        details={
            "change": change.id,
            "to": change.target,
            "due_at": change.due_at.isoformat(),
            **details,
        },
    )


def require_plan(target: EntitlementState, *, reason: str, due_at: datetime | None) -> str:
    """Give the reason, trimmed; raises Refused(`invalid_input`) unless a plan can be made of this."""
    if target not in TARGETS:
        raise Refused(Code.INVALID_INPUT, field="target", reason="invalid")
    if due_at is not None and due_at <= timezone.now():
        raise Refused(Code.INVALID_INPUT, field="due_at", reason="over")
    return reason_given(reason, is_needed=target is EntitlementState.DISABLED)


def require_due(change: PlannedChange) -> None:
    """Raise Refused(`state_conflict`) unless the change waits for nobody and its moment has come."""
    if change.state != ChangeState.SCHEDULED or change.due_at > timezone.now():
        raise Refused(Code.STATE_CONFLICT, state=change.state)


def require_proposer_still(change: PlannedChange) -> None:
    """Raise Refused(`state_conflict`) unless whoever proposed the change could do so today."""
    user = change.proposed_by
    if user is None:
        return
    proposer = Actor(kind=ActorKind.STAFF, label=user.email, user_id=user.pk)
    if not still_holds(proposer, Permission.ENTITLEMENT_SET):
        raise Refused(Code.STATE_CONFLICT, reason="proposer_gone")


PERMISSIONS = {
    EntitlementState.REQUESTED: Permission.ENTITLEMENT_REQUEST,
    EntitlementState.ENABLED: Permission.ENTITLEMENT_SET,
    EntitlementState.DISABLED: Permission.ENTITLEMENT_SET,
}

EVENTS = {
    EntitlementState.REQUESTED: Event.ENTITLEMENT_REQUESTED,
    EntitlementState.ENABLED: Event.ENTITLEMENT_ENABLED,
    EntitlementState.DISABLED: Event.ENTITLEMENT_DISABLED,
}


def move(place: Place, target: EntitlementState, *, actor: Actor, reason: str = "") -> Entitlement:
    """Take the entitlement to the target state in one authorised transaction."""
    with authorised_transaction(
        actor, PERMISSIONS[target], account_id=place.account_id, object_id=str(place)
    ) as account:
        return settle(account, place, target, actor=actor, reason=reason)


def settle(
    account: Account,
    place: Place,
    target: EntitlementState,
    *,
    actor: Actor,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> Entitlement:
    """Take the entitlement of a locked account to the target state: state, change, event, mail, revision."""
    entitlement = lock_entitlement(account, place)
    before = entitlement.state or None
    if target is EntitlementState.REQUESTED:
        require_may_request(entitlement)
    if not can_become(before, target):
        raise Refused(Code.STATE_CONFLICT, state=before)
    change(entitlement, target, reason)
    record(
        actor,
        EVENTS[target],
        account_id=place.account_id,
        object_id=str(place),
        details={"from": before, "reason": reason, **(details or {})},
    )
    tell(entitlement)
    publish(entitlement)
    return entitlement


def ask_for(account: Account, place: Place) -> bool:
    """Ask for a product within another action of a locked account, which leaves its own event.

    Gives whether it was asked for: not if that was done before, or the product is no longer on offer.
    """
    entitlement = lock_entitlement(account, place)
    if entitlement.state or entitlement.product.state != ProductState.ACTIVE:
        return False
    change(entitlement, EntitlementState.REQUESTED, "")
    publish(entitlement)
    return True
