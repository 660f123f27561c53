"""Finding products."""

from django.db.models import QuerySet

from keydesk.control.access.refused import Refused
from keydesk.control.catalog.models import Product
from keydesk.core.codes import Code


def product_named(slug: str) -> Product:
    """Give the product with this slug; raises Refused(`not_found`)."""
    product = Product.objects.filter(pk=slug).first()
    if product is None:
        raise Refused(Code.NOT_FOUND)
    return product


def products_by_name() -> QuerySet[Product]:
    """Give all products."""
    return Product.objects.order_by("name")
