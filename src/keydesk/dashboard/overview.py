"""The overview: where the account stands, and what comes next for whoever looks at it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from keydesk.control.access.roles import Permission
from keydesk.control.keys.queries import first_steps
from keydesk.control.onboarding.queries import application_of
from keydesk.core.records import AccountStatus
from keydesk.dashboard.onboarding.progress import remark_views
from keydesk.dashboard.pages import frame
from keydesk.dashboard.standing import next_standing, next_way, stages_of
from keydesk.dashboard.visit import Visit, for_members


@for_members()
def overview(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the account, how far it has come, and what is to be done about it."""
    context = frame(visit, section="overview") | journey(visit)
    if visit.account.status == AccountStatus.NEED_REVISION and visit.may_edit_application:
        context["remarks"] = remark_views(visit, application_of(visit.account))
    return render(request, "dashboard/overview.html", context)


def journey(visit: Visit) -> dict[str, Any]:
    """Give the stages to the first key, and for an approved account what the next one asks for."""
    status = visit.account.status
    if not visit.actor.can(Permission.KEY_VIEW):
        return {"stages": stages_of(status, None)}
    progress = first_steps(visit.actor, account_id=visit.account.id)
    found: dict[str, Any] = {"may_view_keys": True, "stages": stages_of(status, progress)}
    if status == AccountStatus.APPROVED:
        found |= {"standing": next_standing(progress), "way": next_way(visit, progress)}
    return found
