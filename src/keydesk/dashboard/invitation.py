"""Where the link of an invitation leads: accepting it, as somebody new or as who one is."""

from collections.abc import Sequence
from http import HTTPStatus

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role
from keydesk.control.invitations.actions import accept_invitation
from keydesk.control.invitations.models import Invitation
from keydesk.control.invitations.queries import has_log_in, invitation_behind
from keydesk.control.people.models import User
from keydesk.control.policies.queries import current_policies
from keydesk.core.codes import Code
from keydesk.dashboard.visit import READ_AND_SEND, ROLE_NAMES
from keydesk.web.faults import plain
from keydesk.web.problems import Problem, problems_of
from keydesk.web.sessions import person


@sensitive_post_parameters("password")
@require_http_methods(READ_AND_SEND)
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show the invitation behind a link and accept it; one page for every link that is dead, whatever it died of."""
    found = invitation_behind(token)
    if found is None:
        return dead()
    user = request.user if isinstance(request.user, User) else None
    if request.method != "POST":
        return show(request, found, user)
    try:
        membership = accept_invitation(
            person(request, user),
            token=token,
            full_name=request.POST.get("full_name", ""),
            password=request.POST.get("password", ""),
            language=get_language() or "",
        )
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            return dead()
        return show(request, found, user, problems=problems_of(refused))
    if user is None:
        get_adapter(request).login(request, membership.user)
    return redirect("dashboard:overview", username=membership.account.username)


def dead() -> HttpResponse:
    """Say that a link does not work, and what to do; byte for byte the same for every link."""
    return plain("dashboard/invitation/dead.html", status=HTTPStatus.GONE)


def show(
    request: HttpRequest, found: Invitation, user: User | None, *, problems: Sequence[Problem] = ()
) -> HttpResponse:
    """Show what is offered, and the way to accept that is open to who looks at it."""
    template = "other" if user is not None and user.email != found.email else "accept"
    context = {
        "company": found.account.name,
        "username": found.account.username,
        "role_name": ROLE_NAMES[Role(found.role)],
        "sender": None if found.invited_by is None else found.invited_by.full_name,
        "email": found.email,
        "is_logged_in": user is not None,
        "has_log_in": user is None and has_log_in(found),
        "full_name": request.POST.get("full_name", ""),
        "shortest_password": current_policies().password_min_length,
        "problem": problems[0] if problems else None,
        "errors": {problem.field: problem.text for problem in problems if problem.field},
    }
    status = problems[0].status if problems else 200
    return render(request, f"dashboard/invitation/{template}.html", context, status=status)
