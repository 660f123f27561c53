"""The Logs tab: an account's refused requests by the id that their callers were told, with the reason and the cure."""

from typing import Any, Final, NamedTuple

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.access.roles import Permission
from keydesk.control.policies.queries import current_policies
from keydesk.control.usage.models import RefusedRequest
from keydesk.control.usage.queries import LISTED_AT_MOST, RefusedSearch, refused_requests
from keydesk.core.codes import Code
from keydesk.dashboard.pages import frame
from keydesk.dashboard.visit import Visit, for_members
from keydesk.web.figures import whole
from keydesk.web.paging import page_links

CALLS_A_PAGE: Final = 25


class Reason(NamedTuple):
    """Why a request was refused, and what to do about it."""

    title: Promise
    cure: Promise


REASONS: Final[dict[str, Reason]] = {
    Code.KEY_REVOKED: Reason(
        gettext_lazy("The key is revoked"),
        gettext_lazy("Some server still uses it. Give it a key that works."),
    ),
    Code.KEY_DISABLED: Reason(
        gettext_lazy("The key is stopped"),
        gettext_lazy("The internal team has stopped it; the API Key page says why."),
    ),
    Code.KEY_EXPIRED: Reason(
        gettext_lazy("The key has expired"),
        gettext_lazy("Give the server that called the key that replaced it, or generate one."),
    ),
    Code.USERNAME_MISMATCH: Reason(
        gettext_lazy("The username was not yours"),
        gettext_lazy("This product wants your username in the x-username header."),
    ),
    Code.ACCOUNT_INACTIVE: Reason(
        gettext_lazy("Your company was not active"),
        gettext_lazy("The overview says where your company stands, and what comes next."),
    ),
    Code.WRONG_PRODUCT: Reason(
        gettext_lazy("The key is for another product"),
        gettext_lazy("Each product has keys of its own. Use one of the product that was called."),
    ),
    Code.WRONG_ENVIRONMENT: Reason(
        gettext_lazy("The key is for the other environment"),
        gettext_lazy("Use a live key for live and a test key for test."),
    ),
    Code.PRODUCT_NOT_ENABLED: Reason(
        gettext_lazy("The product was not enabled"),
        gettext_lazy("Ask the internal team to enable it for your company."),
    ),
    Code.IP_NOT_ALLOWED: Reason(
        gettext_lazy("The address is not among those allowed"),
        gettext_lazy("Call from an allowed address, or have this one added."),
    ),
    Code.SCOPE_MISSING: Reason(
        gettext_lazy("The key lacks a scope"),
        gettext_lazy("Use a key that has the scope which this call needs."),
    ),
    Code.RATE_LIMITED: Reason(
        gettext_lazy("Too many requests at once"),
        gettext_lazy("Wait as long as the Retry-After header says, and send fewer at a time."),
    ),
    Code.QUOTA_EXCEEDED: Reason(
        gettext_lazy("The quota is used up"),
        gettext_lazy("The Retry-After header says when it begins anew; ask us for a larger one."),
    ),
}
"""What an account reads of each code with which a request with a known key can be refused."""


@for_members(Permission.KEY_VIEW)
def logs(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the refused requests with the account's keys of an environment, newest first."""
    asked = RefusedSearch(*(request.GET.get(name, "").strip() for name in RefusedSearch._fields))
    place = {"account_id": visit.account.id, "environment": visit.environment}
    found = refused_requests(visit.actor, **place, search=asked)
    page = Paginator(found, CALLS_A_PAGE).get_page(request.GET.get("page"))
    path = visit.url("logs")
    context = frame(visit, section="settings", is_section=False) | {
        "calls": [
            call_view(call) | {"key_url": visit.url("key", key_id=call.key_id)}
            for call in page.object_list
        ],
        "page": page,
        "asked": asked,
        "is_narrowed": any(asked),
        "codes": [("", _("All reasons")), *((code, why.title) for code, why in REASONS.items())],
        "is_cut": page.paginator.count == LISTED_AT_MOST,
        "listed_at_most": whole(LISTED_AT_MOST),
        "kept_days": current_policies().refused_requests_days,
        "logs_path": path,
        "logs_url": path + visit.carried,
        "switch_path": path,
        "switch_keeps": urlencode({name: text for name, text in asked._asdict().items() if text}),
        **page_links(request, page),
    }
    return render(request, "dashboard/logs.html", context)


def reason_title(code: str) -> Promise | str:
    """Say why a request was refused; of a code that is not told of, the code itself."""
    return REASONS[code].title if code in REASONS else code


def call_view(call: RefusedRequest) -> dict[str, Any]:
    """Give what the page shows of a refused request."""
    reason = REASONS.get(call.code)
    return {
        "request_id": call.request_id,
        "at": call.at,
        "code": call.code,
        "title": reason_title(call.code),
        "cure": "" if reason is None else reason.cure,
        "key_name": call.key.name,
        "shown_prefix": call.key.shown_prefix,
        "product": call.product,
        "environment": call.environment,
        "address": call.address,
    }
