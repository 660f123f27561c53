"""Putting products into the catalogue, and stopping them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.db import IntegrityError
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.names import is_name
from keydesk.control.access.reasons import reason_given
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.rules import (
    ICON_LENGTH,
    NAME_LENGTH,
    NEEDS_REASON,
    RevealPolicy,
    are_scopes,
    can_become,
    is_description,
    is_lease,
    is_path,
    is_slug,
    stored_limits,
)
from keydesk.control.feed.actions import publish
from keydesk.core.codes import Code
from keydesk.core.decide import DEFAULT_LEASE_SECONDS
from keydesk.core.records import Envelope, ProductState

EDIT: Final = Permission.PRODUCT_EDIT


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
    envelope: Envelope = Envelope.PROBLEM,
    limits: Sequence[str] = (),
) -> Product:
    """Add a product to the catalogue and give it.

    Raises Refused: `permission_denied`; `invalid_input` naming the field, also for a slug or name that is taken.
    """
    authorise(actor, EDIT, object_id=slug)
    product = Product(
        slug=slug,
        icon=icon,
        requires_username=requires_username,
        lease_seconds=lease_seconds,
        reveal_policy=str(reveal_policy),
        envelope=str(envelope),
        created_at=timezone.now(),
        **_texts(name, description, sample_path, scopes=scopes, limits=limits),
    )
    require_particulars(product)
    try:
        with audited_transaction(actor, EDIT, object_id=slug):
            require_still(actor, EDIT)
            record(actor, Event.PRODUCT_CREATED, object_id=slug, details={"name": product.name})
            publish(product)
    except IntegrityError as error:
        field = "slug" if Product.objects.filter(pk=slug).exists() else "name"
        raise Refused(Code.INVALID_INPUT, field=field, reason="taken") from error
    return product


def edit_product(
    actor: Actor,
    *,
    slug: str,
    name: str,
    description: str,
    icon: str,
    requires_username: bool,
    lease_seconds: int | None,
    reveal_policy: RevealPolicy,
    scopes: tuple[str, ...],
    sample_path: str,
    envelope: Envelope,
    limits: Sequence[str],
) -> int:
    """Change what a product is; scopes and what can be shown are for keys to come. Gives the revision.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` for a retired product; `invalid_input` naming
    the field, also for a name that is taken.
    """
    authorise(actor, EDIT, object_id=slug)
    wanted = {
        "icon": icon,
        "requires_username": requires_username,
        "lease_seconds": lease_seconds,
        "reveal_policy": str(reveal_policy),
        "envelope": str(envelope),
        **_texts(name, description, sample_path, scopes=scopes, limits=limits),
    }
    try:
        with _product_transaction(actor, EDIT, slug) as product:
            if product.state == ProductState.RETIRED:
                raise Refused(Code.STATE_CONFLICT, state=product.state)
            changed = _change(product, wanted)
            record(actor, Event.PRODUCT_EDITED, object_id=slug, details=changed)
            return publish(product)
    except IntegrityError as error:
        raise Refused(Code.INVALID_INPUT, field="name", reason="taken") from error


def _texts(
    name: str, description: str, path: str, *, scopes: Collection[str], limits: Sequence[str]
) -> dict[str, str]:
    """Give the texts of a product as they are stored; raises Refused(`invalid_input`) for a limit that is none."""
    return {
        "name": name.strip(),
        "description": description.strip(),
        "sample_path": path,
        "scopes": " ".join(sorted(set(scopes))),
        "limits": stored_limits(limits),
    }


def _change(product: Product, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Set the particulars of a product, not saved yet, and give what is another than before, for the audit trail."""
    before = {field: getattr(product, field) for field in wanted}
    for field, value in wanted.items():
        setattr(product, field, value)
    require_particulars(product)
    return {
        field: {"from": before[field], "to": value}
        for field, value in wanted.items()
        if before[field] != value
    }


@contextmanager
def _product_transaction(actor: Actor, permission: Permission, slug: str) -> Iterator[Product]:
    """Give the product, locked, in the transaction that changes it; raises Refused(`not_found`)."""
    with audited_transaction(actor, permission, object_id=slug):
        product = Product.objects.select_for_update(no_key=True).filter(pk=slug).first()
        require_still(actor, permission)
        if product is None:
            raise Refused(Code.NOT_FOUND)
        yield product


def require_particulars(product: Product) -> None:
    """Raise Refused(`invalid_input`) naming the first field of the product that cannot stand."""
    stands = {
        "slug": is_slug(product.slug),
        "name": is_name(product.name, longest=NAME_LENGTH),
        "description": is_description(product.description),
        "icon": is_name(product.icon, longest=ICON_LENGTH),
        "lease_seconds": is_lease(product.lease_seconds),
        "scopes": are_scopes(product.scopes),
        "sample_path": is_path(product.sample_path),
    }
    for field, is_right in stands.items():
        if not is_right:
            raise Refused(Code.INVALID_INPUT, field=field, reason="invalid")


def set_product_state(actor: Actor, *, slug: str, state: ProductState, reason: str = "") -> int:
    """Stop, restart or retire a product for every account, and give the revision.

    Whoever may stop products may also let them work again; only who may edit them takes one away for good.

    Stopping and retiring it need a reason, which the audit trail keeps. Raises Refused: `permission_denied`;
    `invalid_input` without one; `not_found`; `state_conflict` if the product cannot go there from where it is.
    """
    is_for_good = state is ProductState.RETIRED
    permission = EDIT if is_for_good else Permission.PRODUCT_STOP
    authorise(actor, permission, object_id=slug)
    why = reason_given(reason, is_needed=state in NEEDS_REASON)
    with _product_transaction(actor, permission, slug) as product:
        if not can_become(product.state, state):
            raise Refused(Code.STATE_CONFLICT, state=product.state)
        before, product.state = product.state, str(state)
        details = {"from": before, "to": product.state, "reason": why}
        record(actor, Event.PRODUCT_STATE_CHANGED, object_id=slug, details=details)
        return publish(product)
