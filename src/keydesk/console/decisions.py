"""What the internal team does with an account: each decision a page that says what it will break, and a form."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from keydesk.console.accounts import account_named
from keydesk.console.pages import frame
from keydesk.console.visit import READ_AND_SEND, StaffVisit, for_staff
from keydesk.console.words import reason_fault
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.rules import NEEDS_REASON
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.queries import products_by_name
from keydesk.control.entitlements.actions import (
    cancel_change,
    confirm_change,
    limit_entitlement,
    set_entitlement,
)
from keydesk.control.entitlements.planned import (
    entitlements_of,
    needs_second_person,
    open_changes,
    planned_change,
)
from keydesk.control.entitlements.rules import ChangeState
from keydesk.control.keys.actions import release_key, stop_key
from keydesk.control.keys.queries import key_of
from keydesk.control.viewings.actions import end_viewing, start_viewing
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, EntitlementState, Environment, KeyState
from keydesk.web.problems import problem_of

TARGETS: Final = {
    "suspend": AccountStatus.SUSPENDED,
    "reinstate": AccountStatus.APPROVED,
    "close": AccountStatus.CLOSED,
}


def decide(
    request: HttpRequest,
    visit: StaffVisit,
    account: Account,
    *,
    page: dict[str, Any],
    act: Callable[[], object],
) -> HttpResponse:
    """Show a decision's page; when it is sent, act and go back to the account, or say at the field what is wrong.

    `page` has the texts: `title`, `sentences`, `button`, and which fields there are: `asks_reason`, `typed` (what has
    to be typed to confirm), `asks_moment`.
    """
    context = frame(visit, section="accounts", is_section=False) | {
        "account": account,
        "sent": request.POST,
        "errors": {},
        **page,
    }
    if request.method != "POST":
        return render(request, "console/decide.html", context)
    typed = page.get("typed")
    if typed and request.POST.get("typed", "").strip() != typed:
        context["errors"] = {"typed": _("Type it exactly as it stands above the field.")}
        if page.get("asks_reason"):
            context["errors"] |= reason_fault(request.POST.get("reason", ""), decision_fault)
        return render(request, "console/decide.html", context, status=422)
    try:
        act()
    except Refused as refused:
        problem = problem_of(refused)
        context |= {"errors": problem.errors, "problem": None if problem.errors else problem}
        return render(request, "console/decide.html", context, status=problem.status)
    return redirect("console:account", username=account.username)


def decision_fault(refused: Refused) -> dict[str, str]:
    """Give what is wrong with what a decision was sent with, by field."""
    return problem_of(refused).errors


@for_staff(Permission.ACCOUNT_SET_STATUS, methods=READ_AND_SEND)
def status(request: HttpRequest, visit: StaffVisit, username: str, decision: str) -> HttpResponse:
    """Suspend, reinstate or close an account."""
    account, target = account_named(username), TARGETS.get(decision)
    if target is None:
        raise Http404
    page = status_page(account, target)
    reason = request.POST.get("reason", "")
    return decide(
        request,
        visit,
        account,
        page=page,
        act=lambda: set_account_status(
            visit.actor, account_id=account.id, status=target, reason=reason
        ),
    )


def status_page(account: Account, target: AccountStatus) -> dict[str, Any]:
    """Give the texts of the page that takes an account to another status."""
    company = {"company": account.name}
    pages = {
        AccountStatus.SUSPENDED: (
            _("Suspend %(company)s"),
            _(
                "Every API key of the company is refused at once, in live and test, until it is reinstated."
            ),
            _("Suspend"),
        ),
        AccountStatus.APPROVED: (
            _("Reinstate %(company)s"),
            _("Its API keys work again at once, where their products are enabled."),
            _("Reinstate"),
        ),
        AccountStatus.CLOSED: (
            _("Close the account of %(company)s"),
            _(
                "Every API key of the company is refused at once and for good. A closed account never opens again."
            ),
            _("Close the account"),
        ),
    }
    title, sentence, button = pages[target]
    hurts = target in NEEDS_REASON
    return {
        "title": title % company,
        "sentences": [sentence],
        "button": button,
        "asks_reason": hurts,
        "typed": account.username if hurts else "",
    }


@for_staff(Permission.KEY_STOP, methods=READ_AND_SEND)
def key(request: HttpRequest, visit: StaffVisit, username: str, key_id: str) -> HttpResponse:
    """Stop a key, or release one that is stopped."""
    account = account_named(username)
    shown = key_of(account.id, key_id)
    if shown is None:
        raise Http404
    is_stopped = shown.state == KeyState.DISABLED
    named = {"name": shown.name, "prefix": shown.shown_prefix}
    reason = request.POST.get("reason", "")
    if is_stopped:
        page: dict[str, Any] = {
            "title": _("Release the key %(name)s") % named,
            "sentences": [
                _("Requests with the key %(prefix)s are accepted again at once.") % named
            ],
            "button": _("Release the key"),
        }
        return decide(
            request, visit, account, page=page, act=lambda: release_key(visit.actor, key_id=key_id)
        )
    page = {
        "title": _("Stop the key %(name)s") % named,
        "sentences": [
            _("Every request with the key %(prefix)s is refused at once, until you release it.")
            % named
        ],
        "button": _("Stop the key"),
        "asks_reason": True,
        "typed": shown.name,
    }
    return decide(
        request,
        visit,
        account,
        page=page,
        act=lambda: stop_key(visit.actor, key_id=key_id, reason=reason),
    )


@for_staff(Permission.ENTITLEMENT_SET, methods=READ_AND_SEND)
def entitlement(
    request: HttpRequest, visit: StaffVisit, username: str, *, product: str, environment: str
) -> HttpResponse:
    """Enable or disable a product for an account, now or later; where four eyes are wanted, propose it."""
    account = account_named(username)
    offered = products_by_name().filter(pk=product).first()
    if offered is None or environment not in set(Environment):
        raise Http404
    place = {"product": offered, "environment": environment}
    ahead = open_changes().filter(account=account, **place).first()
    if ahead is not None:
        return redirect("console:change", change_id=ahead.id)
    held = entitlements_of(account.id).filter(**place).first()
    is_enabled = held is not None and held.state == EntitlementState.ENABLED
    target = EntitlementState.DISABLED if is_enabled else EntitlementState.ENABLED
    is_proposal = needs_second_person(visit.actor, environment, target)
    named = {"product": offered.name, "environment": environment, "company": account.name}
    page = entitlement_page(account, named, target, is_proposal=is_proposal)
    return decide(
        request,
        visit,
        account,
        page=page,
        act=lambda: set_entitlement(
            visit.actor,
            account_id=account.id,
            product=product,
            environment=Environment(environment),
            target=target,
            reason=request.POST.get("reason", ""),
            due_at=moment_of(request.POST.get("due_at", "")),
        ),
    )


@for_staff(Permission.ENTITLEMENT_SET, methods=READ_AND_SEND)
def entitlement_limits(
    request: HttpRequest, visit: StaffVisit, username: str, *, product: str, environment: str
) -> HttpResponse:
    """Set what a product is limited to for an account, where that is not what it is for everybody."""
    account = account_named(username)
    held = entitlements_of(account.id).filter(product=product, environment=environment)
    shown = held.select_related("product").first()
    if shown is None:
        raise Http404
    named = {"product": shown.product.name, "environment": environment, "company": account.name}
    typed = request.POST.get("limits", "\n".join(shown.limits.split()))
    page = {
        "title": _("Limits of %(company)s for %(product)s in %(environment)s") % named,
        "sentences": limit_sentences(shown.product),
        "button": _("Set limits"),
        "asks_limits": True,
        "limits": typed,
        "asks_reason": True,
    }
    return decide(
        request,
        visit,
        account,
        page=page,
        act=lambda: limit_entitlement(
            visit.actor,
            account_id=account.id,
            product=product,
            environment=Environment(environment),
            limits=typed.split(),
            reason=request.POST.get("reason", ""),
        ),
    )


def limit_sentences(product: Product) -> list[str]:
    """Give what the page says over an account's limits: what they do, and which the product has."""
    limits = ", ".join(product.limits.split()) or _("none")
    return [
        _("They stand in for the product's of the same name and come on top of its others."),
        _("The product's own limits: %(limits)s.") % {"limits": limits},
    ]


def entitlement_page(
    account: Account, named: dict[str, str], target: EntitlementState, *, is_proposal: bool
) -> dict[str, Any]:
    """Give the texts of the page that enables or disables what is `named`."""
    if target is EntitlementState.DISABLED:
        return {
            "title": _("Disable %(product)s in %(environment)s") % named,
            "sentences": [
                _(
                    "Every request of %(company)s to %(product)s in %(environment)s is refused from then on."
                )
                % named
            ],
            "button": _("Disable"),
            "asks_reason": True,
            "asks_moment": True,
            "typed": account.username,
        }
    sentences = [
        _("%(company)s can generate keys for %(product)s in %(environment)s and use them.") % named
    ]
    if is_proposal:
        sentences.append(_("A second person of the internal team has to confirm it."))
    return {
        "title": _("Enable %(product)s in %(environment)s") % named,
        "sentences": sentences,
        "button": _("Enable"),
        "asks_moment": True,
    }


def moment_of(text: str) -> datetime | None:
    """Give the moment that a form names in UTC, None if it names none; raises Refused for what is no moment."""
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused(Code.INVALID_INPUT, field="due_at", reason="invalid") from error


@for_staff(Permission.ENTITLEMENT_SET, methods=READ_AND_SEND)
def change(request: HttpRequest, visit: StaffVisit, change_id: str) -> HttpResponse:
    """Show a planned change; confirm it as the second person, or cancel it."""
    shown = planned_change(change_id)
    if shown is None:
        raise Http404
    context = frame(visit, section="home", is_section=False) | {
        "change": shown,
        "account": shown.account,
        "may_confirm": shown.state == ChangeState.PROPOSED
        and shown.proposed_by_id != visit.user.pk,
        "is_open": shown.ended_at is None,
    }
    if request.method != "POST":
        return render(request, "console/change.html", context)
    try:
        if request.POST.get("decision") == "confirm":
            confirm_change(visit.actor, change_id=change_id)
        else:
            cancel_change(visit.actor, change_id=change_id)
    except Refused as refused:
        problem = problem_of(refused)
        context["problem"] = problem
        return render(request, "console/change.html", context, status=problem.status)
    return redirect("console:account", username=shown.account.username)


@for_staff(Permission.ACCOUNT_VIEW_AS, methods=READ_AND_SEND)
def view_as(request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """Begin a viewing with its reason, and go to the customer's pages."""
    account = account_named(username)
    page = {
        "title": _("View %(company)s as its people do") % {"company": account.name},
        "sentences": [
            _(
                "You see the customer's pages for half an hour at most, and can change nothing there."
            ),
            _("The visit and its reason stand in the customer's audit trail."),
        ],
        "button": _("View as customer"),
        "asks_reason": True,
    }
    reason = request.POST.get("reason", "")
    answer = decide(
        request,
        visit,
        account,
        page=page,
        act=lambda: start_viewing(visit.actor, account_id=account.id, reason=reason),
    )
    if answer.status_code != HTTPStatus.FOUND:
        return answer
    return redirect("dashboard:overview", username=account.username)


@for_staff(Permission.ACCOUNT_VIEW_AS, methods=("POST",))
def stop_viewing(_request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """End a viewing, if there still is one, and go back to the account's page."""
    account = account_named(username)
    try:
        end_viewing(visit.actor, account_id=account.id)
    except Refused as refused:
        if refused.code is not Code.STATE_CONFLICT:
            raise
    return redirect("console:account", username=account.username)
