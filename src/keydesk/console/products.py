"""The catalogue: what the provider sells, put on offer, edited, stopped in an emergency and retired."""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from keydesk.console.pages import frame
from keydesk.console.states import PRODUCTS
from keydesk.console.visit import READ_AND_SEND, StaffVisit, for_staff
from keydesk.console.words import product_fault, reason_fault
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.catalog.actions import create_product, edit_product, set_product_state
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.queries import product_named
from keydesk.control.catalog.rules import RevealPolicy
from keydesk.control.keys.queries import product_counts
from keydesk.core.decide import DEFAULT_LEASE_SECONDS
from keydesk.core.records import Envelope, ProductState
from keydesk.web.digits import number_in

LONGEST_NUMBER: Final = 8
TEXTS: Final = ("name", "description", "icon", "sample_path")
NEW: Final[dict[str, Any]] = {
    **dict.fromkeys(("slug", "name", "description", "scopes", "limits", "requires_username"), ""),
    "icon": "box",
    "sample_path": "/",
    "lease_seconds": DEFAULT_LEASE_SECONDS,
    "reveal_policy": RevealPolicy.WITH_PIN,
    "envelope": Envelope.PROBLEM,
}


@for_staff()
def products(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Show every product with its state and how much it is used."""
    rows = [
        {
            "product": each.product,
            "accounts": each.accounts,
            "keys": each.keys,
            **state_of(each.product),
        }
        for each in product_counts(visit.actor)
    ]
    context = frame(visit, section="products") | offers(visit) | {"rows": rows}
    return render(request, "console/products.html", context)


def state_of(product: Product) -> dict[str, Any]:
    """Give a product's state in words and tone."""
    tone, name = PRODUCTS[product.state]
    return {"state_name": name, "tone": tone}


def offers(visit: StaffVisit) -> dict[str, bool]:
    """Give what the person may do with products."""
    return {
        "may_edit": visit.may(Permission.PRODUCT_EDIT),
        "may_stop": visit.may(Permission.PRODUCT_STOP),
    }


@for_staff(Permission.PRODUCT_EDIT, methods=READ_AND_SEND)
def add(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Put a product on offer."""
    if request.method != "POST":
        return form(request, visit, None, values=NEW)
    try:
        create_product(
            visit.actor, slug=request.POST.get("slug", "").strip(), **particulars(request)
        )
    except Refused as refused:
        errors = product_fault(refused)
        return form(request, visit, None, values=typed(request), errors=errors)
    return redirect("console:products")


@for_staff(Permission.PRODUCT_EDIT, methods=READ_AND_SEND)
def edit(request: HttpRequest, visit: StaffVisit, product: str) -> HttpResponse:
    """Change what a product is."""
    found = product_or_404(product)
    if request.method != "POST":
        values = {
            field: getattr(found, field)
            for field in (*TEXTS, "requires_username", "reveal_policy", "scopes", "envelope")
        }
        values["lease_seconds"] = "" if found.lease_seconds is None else found.lease_seconds
        values["limits"] = "\n".join(found.limits.split())
        return form(request, visit, found, values=values)
    try:
        edit_product(visit.actor, slug=product, **particulars(request))
    except Refused as refused:
        errors = product_fault(refused)
        return form(request, visit, found, values=typed(request), errors=errors)
    return redirect("console:products")


def product_or_404(slug: str) -> Product:
    """Give the product; raises Http404 for an unknown one."""
    try:
        return product_named(slug)
    except Refused as refused:
        raise Http404 from refused


def particulars(request: HttpRequest) -> dict[str, Any]:
    """Give what was typed as an action takes it; what is no number becomes one that is refused."""
    sent = request.POST
    once = sent.get("reveal_policy") == RevealPolicy.ONCE
    is_compat = sent.get("envelope") == Envelope.COMPAT
    return {
        **{field: sent.get(field, "").strip() for field in TEXTS},
        "requires_username": bool(sent.get("requires_username")),
        "lease_seconds": lease_of(sent.get("lease_seconds", "").strip()),
        "reveal_policy": RevealPolicy.ONCE if once else RevealPolicy.WITH_PIN,
        "scopes": tuple(sent.get("scopes", "").split()),
        "envelope": Envelope.COMPAT if is_compat else Envelope.PROBLEM,
        "limits": tuple(sent.get("limits", "").split()),
    }


def typed(request: HttpRequest) -> dict[str, str]:
    """Give what was typed as it was typed, for the form to show again."""
    return {field: request.POST.get(field, "") for field in NEW}


def lease_of(text: str) -> int | None:
    """Give the seconds that were typed, None for nothing, and 0, which is refused, for what is no number."""
    return (number_in(text, digits=LONGEST_NUMBER) or 0) if text else None


def form(
    request: HttpRequest,
    visit: StaffVisit,
    product: Product | None,
    *,
    values: dict[str, Any],
    errors: dict[str, str] | None = None,
) -> HttpResponse:
    """Show the form of a product, or of a new one, with what is wrong at each field."""
    errors = errors or {}
    context = frame(visit, section="products", is_section=False) | {
        "product": product,
        "is_retired": product is not None and product.state == ProductState.RETIRED,
        "is_stopped": product is not None and product.state == ProductState.STOPPED,
        "values": values,
        "errors": errors,
        "problem": errors.get("", ""),
        "reveal_policies": (
            (RevealPolicy.WITH_PIN, _("Again and again, with the PIN")),
            (RevealPolicy.ONCE, _("Once, when it is made")),
        ),
        "envelopes": (
            (Envelope.PROBLEM, _("Problem details, with the status of each refusal")),
            (Envelope.COMPAT, _("Compat envelope, 403 and a code of three digits")),
        ),
        **({} if product is None else state_of(product)),
    }
    status = 409 if "" in errors else 422 if errors else 200
    return render(request, "console/product.html", context, status=status)


@for_staff(Permission.PRODUCT_STOP, methods=READ_AND_SEND)
def stop(request: HttpRequest, visit: StaffVisit, product: str) -> HttpResponse:
    """Stop a product in an emergency, for everybody, with a reason."""
    return move(request, visit, product_or_404(product), ProductState.STOPPED)


@for_staff(Permission.PRODUCT_STOP, methods=READ_AND_SEND)
def resume(request: HttpRequest, visit: StaffVisit, product: str) -> HttpResponse:
    """Let a stopped product's keys work again."""
    return move(request, visit, product_or_404(product), ProductState.ACTIVE)


@for_staff(Permission.PRODUCT_EDIT, methods=READ_AND_SEND)
def retire(request: HttpRequest, visit: StaffVisit, product: str) -> HttpResponse:
    """Take a product off the offer for good; its name in requests is typed to confirm it."""
    return move(request, visit, product_or_404(product), ProductState.RETIRED)


def move(
    request: HttpRequest, visit: StaffVisit, product: Product, state: ProductState
) -> HttpResponse:
    """Ask whether a product shall go to the state, and take it there."""
    if request.method != "POST":
        return confirmation(request, visit, product, state)
    reason = request.POST.get("reason", "")
    if state is ProductState.RETIRED and request.POST.get("confirm", "").strip() != product.slug:
        errors = {"confirm": _("Type %(slug)s to confirm.") % {"slug": product.slug}}
        errors |= reason_fault(reason, product_fault)
        return confirmation(request, visit, product, state, errors=errors)
    try:
        set_product_state(visit.actor, slug=product.slug, state=state, reason=reason)
    except Refused as refused:
        errors = product_fault(refused)
        return confirmation(request, visit, product, state, errors=errors)
    return redirect("console:products")


def confirmation(
    request: HttpRequest,
    visit: StaffVisit,
    product: Product,
    state: ProductState,
    *,
    errors: dict[str, str] | None = None,
) -> HttpResponse:
    """Show what it means to take a product to the state, and ask for what has to be said."""
    errors = errors or {}
    context = frame(visit, section="products", is_section=False) | {
        "product": product,
        "target": str(state),
        "typed": {name: request.POST.get(name, "") for name in ("reason", "confirm")},
        "errors": errors,
        "problem": errors.get("", ""),
    }
    status = 409 if "" in errors else 422 if errors else 200
    return render(request, "console/product_move.html", context, status=status)
