"""The start of the Console."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from keydesk.console.visit import StaffVisit, for_staff
from keydesk.control.access.roles import Permission
from keydesk.control.entitlements.planned import failed_changes, open_changes, waiting_requests
from keydesk.control.entitlements.rules import ChangeState
from keydesk.control.onboarding.queries import queue
from keydesk.web.security import safety_of

SHOWN: Final = 10


@for_staff()
def home(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Show what needs somebody: applications and requests, oldest first, proposals, what lies ahead or failed."""
    context = frame(visit, section="home") | {
        "applications": queue()[:SHOWN] if visit.may_review else [],
        "requests": waiting_requests()[:SHOWN],
        "proposals": open_changes().filter(state=ChangeState.PROPOSED)[:SHOWN],
        "scheduled": open_changes().filter(state=ChangeState.SCHEDULED)[:SHOWN],
        "failed": failed_changes()[:SHOWN],
        "may_set_products": visit.actor.can(Permission.ENTITLEMENT_SET),
    }
    return render(request, "console/home.html", context)


@for_staff()
def security(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Show how the person gets in, and where they are logged in."""
    context = frame(visit, section="security") | safety_of(request, visit.user)
    return render(request, "console/security.html", context)


def frame(visit: StaffVisit, *, section: str, is_section: bool = True) -> dict[str, Any]:
    """Give what the frame of a page of the Console needs."""
    return {
        "visit": visit,
        "section": section,
        "here_is_section": is_section,
        "may_edit_policies": visit.may(Permission.POLICY_EDIT),
    }
