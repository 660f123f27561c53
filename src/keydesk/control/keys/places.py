"""Where a key belongs: an account's product in an environment, locked while it is asked for another key."""

from typing import NamedTuple

from django.utils import timezone

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.models import Account
from keydesk.control.catalog.models import Product
from keydesk.control.keys.models import ApiKey
from keydesk.control.policies.queries import current_policies
from keydesk.core.codes import Code
from keydesk.core.records import (
    AccountStatus,
    EntitlementState,
    Environment,
    KeyState,
    ProductState,
)


class Place(NamedTuple):
    """Where a key belongs: locked, and known to allow new keys."""

    account: Account
    product: Product
    environment: Environment


def lock_place(account: Account, product: str, environment: str) -> Place:
    """Lock the product after its account, and give both if they and the entitlement allow new keys.

    Whoever changes one of the three waits until this transaction ends, and the other way round; an entitlement only
    changes under its account's lock. Raises Refused `account_not_approved` (status) or `product_not_enabled`.
    """
    if account.status != AccountStatus.APPROVED:
        raise Refused(Code.ACCOUNT_NOT_APPROVED, status=account.status)
    offered = Product.objects.select_for_update(of=("self",), no_key=True).filter(
        pk=product,
        state=ProductState.ACTIVE,
        entitlements__account=account,
        entitlements__environment=environment,
        entitlements__state=EntitlementState.ENABLED,
    )
    found = offered.first()
    if found is None:
        raise Refused(Code.PRODUCT_NOT_ENABLED)
    return Place(account, found, Environment(environment))


def require_room(place: Place) -> None:
    """Raise Refused(`key_limit_reached`) if the account has as many working keys here as the provider allows.

    The account is locked, so two requests for the last one come one after the other.
    """
    most, now = current_policies().keys_a_product, timezone.now()
    working = (
        ApiKey.objects.filter(
            account=place.account, product=place.product, environment=place.environment
        )
        .exclude(state=KeyState.REVOKED)
        .exclude(expires_at__lte=now)
        .exclude(retires_at__lte=now)
    )
    if working.count() >= most:
        raise Refused(Code.KEY_LIMIT_REACHED, most=most)
