"""The Products page: what the provider offers, where the account stands with it, and asking for more."""

from http import HTTPStatus
from typing import Any, Final, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.entitlements.actions import request_product
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.entitlements.queries import Offer, never_requested, offer_of, offers_to
from keydesk.core.records import AccountStatus, EntitlementState, Environment, ProductState
from keydesk.dashboard.cards import environment_named, notice_of, request_url
from keydesk.dashboard.pages import frame
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.addresses import way_back
from keydesk.web.problems import problem_of

ENVIRONMENT_NAMES: Final[dict[Environment, Promise]] = {
    Environment.LIVE: gettext_lazy("Live"),
    Environment.TEST: gettext_lazy("Test"),
}


class State(NamedTuple):
    """How the page puts an entitlement: a colour, a word, and where something is to be said about it a sentence."""

    tone: str
    name: str
    sentence: str = ""


@for_members(Permission.ENTITLEMENT_REQUEST)
def products(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the catalogue."""
    offers = offers_to(visit.actor, account_id=visit.account.id)
    context = frame(visit, section="products") | {
        "offers": [offer_view(visit, offer) for offer in offers],
        "switch_path": visit.url("products"),
    }
    return render(request, "dashboard/products/page.html", context)


@for_members(Permission.ENTITLEMENT_REQUEST, methods=READ_AND_SEND)
def request_access(
    request: HttpRequest, visit: Visit, product: str, environment: str
) -> HttpResponse:
    """Say what asking means, or ask and go back to where it was needed."""
    where, offer = environment_named(environment), offer_named(visit, product)
    if where is None:
        raise Http404
    back = way_back(request, otherwise=visit.url("products") + visit.carried)
    obstacle = why_not(visit, offer, where)
    if request.method == "POST" and not obstacle:
        try:
            request_product(
                visit.actor, account_id=visit.account.id, product=product, environment=where
            )
        except Refused as refused:
            obstacle = why_not(visit, offer_named(visit, product), where)
            obstacle = obstacle or problem_of(refused).text
        else:
            return redirect(back)
    context = frame(visit, section="products", is_section=False) | {
        "product": offer.product,
        "environment_name": ENVIRONMENT_NAMES[where],
        "request_url": request_url(visit, product, where),
        "next": back,
        "obstacle": obstacle,
    }
    status = HTTPStatus.CONFLICT if obstacle else HTTPStatus.OK
    return render(request, "dashboard/products/request.html", context, status=status)


def offer_named(visit: Visit, product: str) -> Offer:
    """Give a product as the account sees it; raises Http404 for one that it does not see."""
    try:
        return offer_of(visit.actor, account_id=visit.account.id, product=product)
    except Refused as refused:
        raise Http404 from refused


def why_not(visit: Visit, offer: Offer, environment: Environment) -> str:
    """Say why the page offers no request of the product in the environment, nothing if it does.

    The action alone decides; this is what people read.
    """
    if visit.account.status != AccountStatus.APPROVED:
        return _("Your company is not approved at the moment, so no product can be requested here.")
    if offer.product.state == ProductState.RETIRED:
        return _("The provider has ended this product, so it cannot be requested any more.")
    if offer.product.state != ProductState.ACTIVE:
        return _("The provider has stopped this product. It can be requested when it runs again.")
    entitlement = offer.entitlements.get(environment)
    return "" if entitlement is None else ALREADY[EntitlementState(entitlement.state)]()


ALREADY: Final = {
    EntitlementState.REQUESTED: lambda: _(
        "This product has been requested already; our internal team looks at it."
    ),
    EntitlementState.ENABLED: lambda: _("This product is enabled already."),
    EntitlementState.DISABLED: lambda: _(
        "This product is disabled. Ask our internal team to enable it again."
    ),
}


def offer_view(visit: Visit, offer: Offer) -> dict[str, Any]:
    """Give what the template shows of a product."""
    return {
        "slug": offer.product.slug,
        "name": offer.product.name,
        "description": offer.product.description,
        "icon": offer.product.icon,
        "notice": notice_of(offer.product),
        "places": [place_view(visit, offer, environment) for environment in Environment],
    }


def place_view(visit: Visit, offer: Offer, environment: Environment) -> dict[str, Any]:
    """Give what the template shows of a product in one environment."""
    may_request = not why_not(visit, offer, environment)
    return {
        "name": ENVIRONMENT_NAMES[environment],
        "state": state_of(offer.entitlements.get(environment)),
        "request_url": request_url(visit, offer.product.slug, environment) if may_request else "",
    }


def state_of(entitlement: Entitlement | None) -> State:
    """Put an entitlement into words."""
    if entitlement is None:
        return State("", _("Not enabled"))
    if entitlement.state == EntitlementState.ENABLED:
        return State("good", _("Enabled"))
    if entitlement.state == EntitlementState.REQUESTED:
        asked = date_format(entitlement.requested_at or entitlement.changed_at, "j M Y")
        sentence = _("Since %(date)s; our internal team has not enabled it yet.")
        return State("warn", _("Requested"), sentence % {"date": asked})
    sentence = _("Since %(date)s.") % {"date": date_format(entitlement.changed_at, "j M Y")}
    reason = _("Reason: %(reason)s") % {"reason": entitlement.reason} if entitlement.reason else ""
    return State("bad", _("Disabled"), f"{sentence} {reason}".strip())


def more_products(visit: Visit, *, back: str) -> list[dict[str, str]]:
    """Give the products that an approved account could still ask for, with the address for it; else none."""
    may_request = visit.actor.can(Permission.ENTITLEMENT_REQUEST)
    if visit.account.status != AccountStatus.APPROVED or not may_request:
        return []
    return [
        {
            "slug": product.slug,
            "name": product.name,
            "description": product.description,
            "icon": product.icon,
            "request_url": request_url(visit, product.slug, visit.environment, back=back),
        }
        for product in never_requested(visit.actor, account_id=visit.account.id)
    ]
