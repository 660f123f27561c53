"""Putting products into the catalogue, and stopping them."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.names import is_name
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.rules import (
    DESCRIPTION_LENGTH,
    ICON_LENGTH,
    NAME_LENGTH,
    RevealPolicy,
    are_scopes,
    can_become,
    is_path,
    is_slug,
)
from keydesk.control.feed.actions import publish
from keydesk.core.codes import Code
from keydesk.core.decide import DEFAULT_LEASE_SECONDS
from keydesk.core.records import ProductState


def create_product(
    actor: Actor,
    *,
    slug: str,
    name: str,
    description: str = "",
    icon: str = "box",
    requires_username: bool = False,
    lease_seconds: int | None = DEFAULT_LEASE_SECONDS,
    reveal_policy: RevealPolicy = RevealPolicy.WITH_PIN,
    scopes: tuple[str, ...] = (),
    sample_path: str = "/",
) -> Product:
    """Add a product to the catalogue and give it.

    Raises Refused: `permission_denied`; `invalid_input` naming the field, also for a slug or name that is taken.
    """
    authorise(actor, Permission.PRODUCT_EDIT, object_id=slug)
    product = Product(
        slug=slug,
        name=name.strip(),
        description=description.strip(),
        icon=icon,
        requires_username=requires_username,
        lease_seconds=lease_seconds,
        reveal_policy=str(reveal_policy),
        scopes=" ".join(sorted(set(scopes))),
        sample_path=sample_path,
        created_at=timezone.now(),
    )
    require_particulars(product)
    try:
        with transaction.atomic():
            record(actor, Event.PRODUCT_CREATED, object_id=slug, details={"name": product.name})
            publish(product)
    except IntegrityError as error:
        field = "slug" if Product.objects.filter(pk=slug).exists() else "name"
        raise Refused(Code.INVALID_INPUT, field=field, reason="taken") from error
    return product


def require_particulars(product: Product) -> None:
    """Raise Refused(`invalid_input`) naming the first field of the product that cannot stand."""
    stands = {
        "slug": is_slug(product.slug),
        "name": is_name(product.name, longest=NAME_LENGTH),
        "description": len(product.description) <= DESCRIPTION_LENGTH,
        "icon": 0 < len(product.icon) <= ICON_LENGTH,
        "lease_seconds": product.lease_seconds is None or product.lease_seconds > 0,
        "scopes": are_scopes(product.scopes),
        "sample_path": is_path(product.sample_path),
    }
    for field, is_right in stands.items():
        if not is_right:
            raise Refused(Code.INVALID_INPUT, field=field, reason="invalid")


def set_product_state(actor: Actor, *, slug: str, state: ProductState, reason: str = "") -> int:
    """Stop, restart or retire a product for every account, and give the revision.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if the product cannot go there from where it is.
    """
    authorise(actor, Permission.PRODUCT_EDIT, object_id=slug)
    with transaction.atomic():
        product = Product.objects.select_for_update(no_key=True).filter(pk=slug).first()
        if product is None:
            raise Refused(Code.NOT_FOUND)
        if not can_become(product.state, state):
            raise Refused(Code.STATE_CONFLICT, state=product.state)
        before, product.state = product.state, str(state)
        details = {"from": before, "to": product.state, "reason": reason.strip()}
        record(actor, Event.PRODUCT_STATE_CHANGED, object_id=slug, details=details)
        return publish(product)
