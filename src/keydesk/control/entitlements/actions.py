"""Asking for products, and enabling and disabling them for an account."""

from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import managers_of
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.catalog.queries import product_named
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.entitlements.rules import MAY_REQUEST, can_become
from keydesk.control.feed.actions import publish
from keydesk.control.outbox.actions import post_to_all
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.people.standing import authorised_transaction
from keydesk.core.codes import Code
from keydesk.core.records import EntitlementState, Environment, ProductState


class Place(Struct, frozen=True):
    """What an entitlement is about."""

    account_id: str
    product: str
    environment: Environment

    def __str__(self) -> str:
        return f"{self.product}/{self.environment}"


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

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if it is enabled already.
    """
    place = Place(account_id, product, environment)
    authorise(actor, Permission.ENTITLEMENT_SET, account_id=account_id, object_id=str(place))
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
    if not reason.strip():
        raise Refused(Code.INVALID_INPUT, field="reason", reason="empty")
    return move(place, EntitlementState.DISABLED, actor=actor, reason=reason.strip())


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
            details={"from": before, "reason": reason},
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


def change(entitlement: Entitlement, target: EntitlementState, reason: str) -> None:
    """Set the entitlement's fields for its new state."""
    now = timezone.now()
    entitlement.state, entitlement.reason, entitlement.changed_at = str(target), reason, now
    if target is EntitlementState.REQUESTED:
        entitlement.requested_at = now


def tell(entitlement: Entitlement) -> None:
    """Queue the mail about a product that was enabled or disabled; whoever asked for one knows."""
    kinds = {
        str(EntitlementState.ENABLED): MailKind.PRODUCT_ENABLED,
        str(EntitlementState.DISABLED): MailKind.PRODUCT_DISABLED,
    }
    if kind := kinds.get(entitlement.state):
        context = {
            "company": entitlement.account.name,
            "username": entitlement.account.username,
            "product": entitlement.product.name,
            "environment": entitlement.environment,
        }
        if kind is MailKind.PRODUCT_DISABLED:
            context["reason"] = entitlement.reason
        post_to_all(managers_of(entitlement.account), kind, context=context)


def lock_entitlement(account: Account, place: Place) -> Entitlement:
    """Give the entitlement of a locked account, a new one with an empty state if there is none.

    Raises Refused(`not_found`) for an unknown product, and ValueError for an unknown environment.
    """
    product = product_named(place.product)
    environment = str(Environment(place.environment))
    found = Entitlement.objects.select_for_update().filter(
        account=account, product=product, environment=environment
    )
    entitlement = found.first() or Entitlement(environment=environment, state="")
    entitlement.account, entitlement.product = account, product
    return entitlement


def require_may_request(entitlement: Entitlement) -> None:
    """Raise Refused(`state_conflict`) unless the account may ask and the product is on offer."""
    if entitlement.account.status not in MAY_REQUEST:
        raise Refused(Code.STATE_CONFLICT, state=entitlement.account.status)
    if entitlement.product.state != ProductState.ACTIVE:
        raise Refused(Code.STATE_CONFLICT, state=entitlement.product.state)
