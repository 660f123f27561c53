"""The start and the settings of an account."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from keydesk.control.access.roles import MEMBER_PERMISSIONS, Permission, Role
from keydesk.control.onboarding.actions import EDITABLE
from keydesk.control.people.models import User
from keydesk.control.people.queries import home_of
from keydesk.control.stepup.queries import pin_status
from keydesk.dashboard.standing import reason_for, standing_of, way_on
from keydesk.dashboard.visit import Visit, for_members, log_in_first
from keydesk.web.security import safety_of


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send a person to the account that they were in last, or to its onboarding if that waits for them.

    The internal team goes to the Console, and a stranger to log in.
    """
    if not isinstance(request.user, User):
        return log_in_first(request)
    membership = home_of(request.user)
    if membership is None and request.user.is_internal:
        return redirect("console:home")
    if membership is None:
        return render(request, "dashboard/no_account.html")
    account = membership.account
    may_apply = Permission.APPLICATION_EDIT in MEMBER_PERMISSIONS[Role(membership.role)]
    start = (
        "dashboard:onboarding" if may_apply and account.status in EDITABLE else "dashboard:overview"
    )
    return redirect(start, username=account.username)


@for_members()
def settings(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the person's profile, and to whoever may see keys the way to them."""
    context = frame(visit, section="settings")
    if visit.actor.can(Permission.KEY_VIEW):
        context |= {"may_view_keys": True, "pin": pin_status(visit.user.pk)}
    return render(request, "dashboard/settings.html", context)


@for_members(is_personal=True)
def security(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show how the person gets in, and where they are logged in."""
    context = frame(visit, section="settings", is_section=False)
    return render(request, "dashboard/security.html", context | safety_of(request, visit.user))


@for_members(Permission.KEY_VIEW)
def developer(_request: HttpRequest, visit: Visit) -> HttpResponse:
    """Send to the first tab of Developer Option."""
    return redirect(visit.url("api_keys") + visit.carried)


def frame(visit: Visit, *, section: str, is_section: bool = True) -> dict[str, Any]:
    """Give what the frame of an account's page needs."""
    return {
        "visit": visit,
        "section": section,
        "here_is_section": is_section,
        "standing": standing_of(visit.account.status),
        "reason": reason_for(visit),
        "way": way_on(visit),
    }
