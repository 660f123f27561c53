"""Having a member's PIN reset: what that means, then the deed; nobody chooses or sees another person's PIN."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.people.queries import members_of
from keydesk.control.stepup.actions import reset_pin as reset
from keydesk.core.codes import Code
from keydesk.dashboard.pages import frame
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.problems import Problem, problem_of


@for_members(Permission.PIN_RESET, methods=READ_AND_SEND)
def reset_pin(request: HttpRequest, visit: Visit, user_id: int) -> HttpResponse:
    """Say what a reset means, or take the member's PIN away and go back to the team."""
    membership = members_of(visit.account).filter(user=user_id).first()
    if membership is None:
        raise Http404
    problem = None
    if request.method == "POST":
        try:
            reset(visit.actor, user_id=user_id, account_id=visit.account.id)
        except Refused as refused:
            problem = problem_about(refused)
        else:
            return redirect(visit.url("team"))
    context = frame(visit, section="team", is_section=False) | {
        "member": membership.user,
        "problem": problem,
        "team_url": visit.url("team"),
    }
    status = 200 if problem is None else problem.status
    return render(request, "dashboard/reset_pin.html", context, status=status)


def problem_about(refused: Refused) -> Problem:
    """Give the sentence for a refusal that is about another person's PIN."""
    problem = problem_of(refused)
    if problem.code is Code.PIN_NOT_SET:
        return problem._replace(text=_("This person has no PIN at the moment."))
    return problem
