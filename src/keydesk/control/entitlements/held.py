"""One entitlement of a locked account, on its way to another state: found, changed and told of; it decides nothing."""

from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import managers_of
from keydesk.control.catalog.queries import product_named
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.entitlements.rules import MAY_REQUEST
from keydesk.control.outbox.actions import post_to_all
from keydesk.control.outbox.kinds import MailKind
from keydesk.core.codes import Code
from keydesk.core.records import EntitlementState, Environment, ProductState


class Place(Struct, frozen=True):
    """What an entitlement is about."""

    account_id: str
    product: str
    environment: Environment

    def __str__(self) -> str:
        return f"{self.product}/{self.environment}"


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
