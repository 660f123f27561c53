"""Showing one step of the dialog: alone for the page's script, over the whole page for a browser without one."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from keydesk.control.keys.queries import product_cards
from keydesk.core.codes import Code
from keydesk.dashboard.cards import (
    card_views,
    filter_of,
    is_worth_filtering,
    list_url,
    next_ending,
)
from keydesk.dashboard.pages import frame
from keydesk.dashboard.products import more_products
from keydesk.dashboard.visit import Visit
from keydesk.web.faults import RETRY_AFTER_SECONDS
from keydesk.web.htmx import STEP_HEADER, is_htmx
from keydesk.web.problems import Problem

PIN_STEP_CODES: Final = frozenset(
    {
        Code.GRANT_INVALID,
        Code.INVALID_INPUT,
        Code.PASSKEY_INVALID,
        Code.PIN_WRONG,
        Code.STATE_CONFLICT,
    }
)
"""Refusals after which entering the PIN again may help."""
PASSKEY_HELPS: Final = PIN_STEP_CODES | {Code.PIN_HARD_LOCKED, Code.PIN_LOCKED, Code.PIN_NOT_SET}
"""Refusals after which a passkey in the PIN's place may help."""
BLOCKING_CODES: Final = frozenset(
    {Code.PIN_HARD_LOCKED, Code.PIN_LOCKED, Code.REVEAL_PAUSED, Code.SEALED}
)
"""Refusals that no PIN helps against until something else has changed; any other ends the dialog with its sentence."""


class Ground(NamedTuple):
    """The page over which a dialog lies."""

    url: str
    back: str
    """What the link says that closes a dialog in which nothing can be done."""
    show: Callable[..., HttpResponse]
    """Shows the page: takes the request, the visit, a `step` over it and the `status`."""


class Dialog(NamedTuple):
    """What stays the same over the steps of one dialog."""

    request: HttpRequest
    visit: Visit
    url: str
    title: str
    consequence: str
    deed: str = ""
    """What the last button says."""
    ground: Ground | None = None
    """The list of keys if it is not given."""

    def show(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """Show a step."""
        ground = self.ground or keys_ground(self.visit)
        shared = {
            "step_url": self.url,
            "title": self.title,
            "consequence": self.consequence,
            "deed": self.deed,
            "list_url": ground.url,
            "back": ground.back,
            "forgotten_url": self.pin_url("forgotten_pin", context),
        }
        step = f"dashboard/keys/{template}.html"
        if is_htmx(self.request):
            response = render(self.request, step, shared | context, status=status)
            response[STEP_HEADER] = template
        else:
            over = shared | context | {"step_template": step}
            response = ground.show(self.request, self.visit, step=over, status=status)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    def show_problem(self, problem: Problem, **context: Any) -> HttpResponse:
        """Show a refusal where it belongs: at the PIN, in its place, or as the end of the dialog."""
        if problem.code in PIN_STEP_CODES:
            # The PIN is the one field of this step; what an earlier one asked for is told above it.
            shown = problem if problem.field == "pin" else problem._replace(field=None)
            return self.show("pin", status=problem.status, **context, **at_field(shown))
        if problem.code in BLOCKING_CODES:
            return self.show("blocked", status=problem.status, problem=problem, **context)
        if problem.code is Code.PIN_NOT_SET:
            url = self.pin_url("pin", context)
            context |= {"cure": _("Set a PIN"), "cure_url": url}
        return self.show("refused", status=problem.status, problem=problem, **context)

    def pin_url(self, page: str, context: dict[str, Any]) -> str:
        """Give the address of a page about the PIN that leads back to this dialog, with what was chosen in it."""
        name = context.get("name")
        chosen = [*([("name", name)] if name else []), *context.get("carried", [])]
        back = self.url + ("?" + urlencode(chosen) if chosen else "")
        return f"{self.visit.url(page)}?{urlencode({'next': back})}"


def keys_ground(visit: Visit) -> Ground:
    """Give the list of keys as what a dialog lies over."""
    return Ground(list_url(visit), _("Back to the keys"), list_page)


def at_field(problem: Problem) -> dict[str, Any]:
    """Give a problem to a form: at its field if it has one that people see, else above."""
    if problem.field in {None, "request_token"}:
        return {"problem": problem._replace(field=None)}
    return {"errors": problem.errors}


def list_page(
    request: HttpRequest, visit: Visit, *, step: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Show the products and their keys, with a step of the dialog over them if one is given."""
    shown = filter_of(request)
    cards = product_cards(
        visit.actor,
        account_id=visit.account.id,
        environment=visit.environment,
        search=shown.search,
        state=shown.state,
    )
    context = frame(visit, section="settings", is_section=False) | {
        "cards": card_views(request, visit, cards),
        "filter": shown,
        "is_filter_offered": shown.is_used or is_worth_filtering(cards),
        "more_products": [] if shown.is_used else more_products(visit, back=list_url(visit)),
        "list_path": visit.url("api_keys"),
        "list_url": list_url(visit),
        "switch_path": visit.url("api_keys"),
        **next_ending(visit, cards),
    }
    return render(request, "dashboard/keys/page.html", context | (step or {}), status=status)
