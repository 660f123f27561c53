"""Where the onboarding begins and ends: the steps, the sheet with Submit, and what was submitted before."""

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.onboarding.actions import submit_application
from keydesk.control.onboarding.models import Submission
from keydesk.control.onboarding.queries import ApplicationFile, application_of, submissions_of
from keydesk.core.codes import CODES, Code
from keydesk.dashboard.onboarding.answers import version_sent
from keydesk.dashboard.onboarding.progress import (
    REVIEW,
    Step,
    is_open,
    lacking,
    section_url,
    wizard_frame,
)
from keydesk.dashboard.onboarding.sheet import parts_of
from keydesk.dashboard.onboarding.words import OUTCOMES, label_of
from keydesk.dashboard.pages import frame
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members


@for_members(Permission.APPLICATION_EDIT)
def start(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the steps and how far each is; once submitted, what was handed in, to read; approved, the company."""
    if not visit.is_onboarding:
        return redirect("dashboard:company", username=visit.account.username)
    file = application_of(visit.account)
    context = wizard_frame(visit, file, here="")
    context |= {
        "history": [submission_view(each) for each in submissions_of(visit.account)],
        "continue_url": where_to_go_on(visit, context["steps"]),
        "is_begun": file.version > 0,
        "here_is_section": True,
    }
    if not is_open(visit) and file.version:
        context["parts"] = parts_of(visit, file, is_open=False)
    return render(request, "dashboard/onboarding/start.html", context)


@for_members(Permission.APPLICATION_EDIT)
def company(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show what the company told about itself, to read, once the onboarding is over."""
    if visit.is_onboarding:
        return redirect(visit.url("onboarding"))
    file = application_of(visit.account)
    context = frame(visit, section="settings", is_section=False) | {
        "is_open": False,
        "parts": parts_of(visit, file, is_open=False) if file.version else [],
        "history": [submission_view(each) for each in submissions_of(visit.account)],
    }
    return render(request, "dashboard/onboarding/company.html", context)


@for_members(Permission.APPLICATION_EDIT, methods=READ_AND_SEND)
def review(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show everything on one sheet, or submit it."""
    if not is_open(visit):
        return redirect(visit.url("onboarding"))
    if request.method != "POST":
        return sheet_page(request, visit, application_of(visit.account))
    version = version_sent(request.POST)
    try:
        submit_application(visit.actor, account_id=visit.account.id, version=version)
    except Refused as refused:
        return not_submitted(request, visit, refused)
    return redirect(visit.url("onboarding"))


def not_submitted(request: HttpRequest, visit: Visit, refused: Refused) -> HttpResponse:
    """Say why the application was not submitted; if it was already, show it."""
    if refused.code is Code.INVALID_INPUT:
        problem = _("The application is not complete yet. What is missing is marked below.")
    elif refused.code is not Code.STATE_CONFLICT:
        raise Http404 from refused
    elif refused.details.get("reason") == "version":
        problem = _(
            "The application was changed meanwhile, in another tab or by a colleague. It stands below as it is now; "
            "look at it again, then submit it."
        )
    else:
        return redirect(visit.url("onboarding"))
    file = application_of(visit.account)
    return sheet_page(
        request, visit, file, problem=problem, status=HTTPStatus(CODES[refused.code].status)
    )


def sheet_page(
    request: HttpRequest,
    visit: Visit,
    file: ApplicationFile,
    *,
    problem: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """Show the application on one sheet, with Submit under it once nothing is missing."""
    context = wizard_frame(visit, file, here=REVIEW) | {
        "parts": parts_of(visit, file, is_open=True),
        "missing_count": len(lacking(file)),
        "problem": problem,
    }
    return render(request, "dashboard/onboarding/review.html", context, status=status)


def where_to_go_on(visit: Visit, steps: list[Step]) -> str:
    """Give the address of the first step that is not done, or of the review behind them all."""
    return next((step.url for step in steps if not step.is_done), section_url(visit, REVIEW))


def submission_view(submission: Submission) -> dict[str, Any]:
    """Give what the history shows of a submission; who decided on it stays with the internal team."""
    tone, outcome = OUTCOMES[submission.outcome]
    by = submission.submitted_by
    return {
        "number": submission.number,
        "submitted_at": submission.submitted_at,
        "submitted_by": "" if by is None else by.full_name,
        "tone": tone,
        "outcome": outcome,
        "decided_at": submission.decided_at,
        "reason": "" if submission.remarks else submission.reason,
        "remarks": [(label_of(path), remark) for path, remark in submission.remarks.items()],
    }
