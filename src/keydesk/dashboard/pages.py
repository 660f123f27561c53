"""The start, the overview and the settings of an account."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from keydesk.control.access.roles import Permission
from keydesk.control.people.models import User
from keydesk.control.people.queries import memberships_of
from keydesk.control.stepup.queries import pin_status
from keydesk.dashboard.standing import standing_of
from keydesk.dashboard.visit import Visit, for_members, log_in_first


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send a person to their account, the internal team to the Console, and a stranger to log in."""
    if not isinstance(request.user, User):
        return log_in_first(request)
    membership = memberships_of(request.user).first()
    if membership is None and request.user.is_internal:
        return redirect("console:home")
    if membership is None:
        return render(request, "dashboard/no_account.html")
    return redirect("dashboard:overview", username=membership.account.username)


@for_members()
def overview(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the account, and its status if something is to be done about it."""
    return render(request, "dashboard/overview.html", frame(visit, section="overview"))


@for_members()
def settings(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the person's profile, and to whoever may see keys the way to them."""
    context = frame(visit, section="settings")
    if visit.actor.can(Permission.KEY_VIEW):
        context |= {"may_view_keys": True, "pin": pin_status(visit.user.pk)}
    return render(request, "dashboard/settings.html", context)


@for_members(Permission.KEY_VIEW)
def developer(_request: HttpRequest, visit: Visit) -> HttpResponse:
    """Send to the first tab of Developer Option."""
    address = reverse("dashboard:api_keys", kwargs={"username": visit.account.username})
    return redirect(address + visit.carried)


def frame(visit: Visit, *, section: str, is_section: bool = True) -> dict[str, Any]:
    """Give what the frame of an account's page needs."""
    return {
        "visit": visit,
        "section": section,
        "here_is_section": is_section,
        "standing": standing_of(visit.account.status),
    }
