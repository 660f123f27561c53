"""What an account may ask for: the products of the catalogue, and where the account stands with each."""

from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.audit.actions import authorise
from keydesk.control.catalog.models import Product
from keydesk.control.entitlements.models import Entitlement
from keydesk.core.codes import Code
from keydesk.core.records import Environment, ProductState


class Offer(Struct, frozen=True, kw_only=True):
    """A product, and what the account has of it in each environment; nothing where it never asked."""

    product: Product
    entitlements: dict[Environment, Entitlement]


def offers_to(actor: Actor, *, account_id: str) -> list[Offer]:
    """Give every product that is on offer and every other that the account ever asked for or had, by name.

    Takes two SQL queries, however many products there are. Raises Refused as `require` does.
    """
    authorise(actor, Permission.ENTITLEMENT_REQUEST, account_id=account_id)
    had = _had_by(account_id)
    products = Product.objects.order_by("name")
    return [
        Offer(product=product, entitlements=had.get(product.pk, {}))
        for product in products
        if product.pk in had or product.state != ProductState.RETIRED
    ]


def offer_of(actor: Actor, *, account_id: str, product: str) -> Offer:
    """Give one of the products that `offers_to` gives; raises Refused `not_found` for any other."""
    for offer in offers_to(actor, account_id=account_id):
        if offer.product.pk == product:
            return offer
    raise Refused(Code.NOT_FOUND)


def never_requested(actor: Actor, *, account_id: str) -> list[Product]:
    """Give the products on offer that the account never asked for and never had anywhere, by name."""
    authorise(actor, Permission.ENTITLEMENT_REQUEST, account_id=account_id)
    had = Entitlement.objects.filter(account=account_id).values("product")
    offered = Product.objects.filter(state=ProductState.ACTIVE).exclude(pk__in=had)
    return list(offered.order_by("name"))


def _had_by(account_id: str) -> dict[str, dict[Environment, Entitlement]]:
    """Give an account's entitlements by product and environment."""
    had: dict[str, dict[Environment, Entitlement]] = {}
    for each in Entitlement.objects.filter(account=account_id):
        had.setdefault(each.product_id, {})[Environment(each.environment)] = each
    return had
