"""What the API Key page shows: products and keys, never a key's text."""

from collections import defaultdict
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.audit.actions import authorise
from keydesk.control.catalog.models import Product
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.rules import ShownState, shown_state
from keydesk.core.codes import Code


class KeyRow(Struct, frozen=True, kw_only=True):
    """A key as the page lists it."""

    id: str
    name: str
    shown_prefix: str
    product: str
    environment: str
    state: ShownState
    created_at: datetime
    created_by: str | None
    """The full name of whoever made it; None for the host operator."""
    expires_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None
    replaced_by: str | None
    is_revealable: bool


class ProductCard(Struct, frozen=True, kw_only=True):
    """A product as the page lists it, with the account's keys for it in one environment."""

    product: Product
    entitlement: str | None
    """The entitlement's state; None if the product was only ever asked for in the other environment."""
    requested_at: datetime | None
    changed_at: datetime | None
    reason: str
    """Why the internal team disabled it, as the customer reads it."""
    keys: list[KeyRow]


def product_cards(actor: Actor, *, account_id: str, environment: str) -> list[ProductCard]:
    """Give every product that the account ever asked for or had, by name, with all of its keys, newest first.

    Takes two SQL queries, however many products and keys there are. Raises Refused as `require` does.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    rows = defaultdict(list)
    for key in _listed().filter(account=account_id, environment=environment):
        rows[key.product_id].append(_row(key))
    entitlements = Entitlement.objects.filter(account=account_id).select_related("product")
    products = {known.product_id: known.product for known in entitlements}
    here = {known.product_id: known for known in entitlements if known.environment == environment}
    return [
        _card(product, here.get(product.pk), rows[product.pk])
        for product in sorted(products.values(), key=lambda product: product.name.casefold())
    ]


def key_for(actor: Actor, *, key_id: str) -> KeyRow:
    """Give one key; raises Refused `not_found` for a key that does not exist or is another account's."""
    key = _listed().filter(pk=key_id).first()
    authorise(
        actor,
        Permission.KEY_VIEW,
        account_id="" if key is None else key.account_id,
        object_id=key_id,
    )
    if key is None:
        raise Refused(Code.NOT_FOUND)
    return _row(key)


def _listed() -> QuerySet[ApiKey]:
    return ApiKey.objects.select_related("created_by", "replaced_by").order_by("-created_at", "-id")


def _card(product: Product, entitlement: Entitlement | None, keys: list[KeyRow]) -> ProductCard:
    return ProductCard(
        product=product,
        entitlement=None if entitlement is None else entitlement.state,
        requested_at=None if entitlement is None else entitlement.requested_at,
        changed_at=None if entitlement is None else entitlement.changed_at,
        reason="" if entitlement is None else entitlement.reason,
        keys=keys,
    )


def _row(key: ApiKey) -> KeyRow:
    successor = getattr(key, "replaced_by", None)
    return KeyRow(
        id=key.id,
        name=key.name,
        shown_prefix=key.shown_prefix,
        product=key.product_id,
        environment=key.environment,
        state=shown_state(
            key.state, expires_at=key.expires_at, retires_at=key.retires_at, now=timezone.now()
        ),
        created_at=key.created_at,
        created_by=None if key.created_by is None else key.created_by.full_name,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        replaces=key.replaces_id,
        replaced_by=None if successor is None else successor.id,
        is_revealable=key.sealed is not None,
    )
