"""Asking once more before something is done about the people of an account: what it means, then one button."""

from typing import NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from keydesk.dashboard.pages import frame
from keydesk.dashboard.visit import Visit
from keydesk.web.problems import Problem


class Question(NamedTuple):
    """What a page asks before it does something."""

    title: str
    consequence: str
    button: str
    icon: str
    tone: str = "primary"


def ask(
    request: HttpRequest, visit: Visit, question: Question, *, problem: Problem | None = None
) -> HttpResponse:
    """Show the question, with what stood against it when it was answered."""
    context = frame(visit, section="team", is_section=False) | {
        "question": question,
        "problem": problem,
        "team_url": visit.url("team"),
    }
    status = 200 if problem is None else problem.status
    return render(request, "dashboard/team/confirm.html", context, status=status)


def back_to_team(visit: Visit, *, done: str) -> HttpResponse:
    """Go back to the Team page, which says what was done."""
    return redirect(f"{visit.url('team')}?{urlencode({'done': done})}")
