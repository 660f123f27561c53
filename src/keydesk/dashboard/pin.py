"""Setting and changing one's PIN."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.stepup.actions import set_pin
from keydesk.control.stepup.queries import PinStatus, pin_status
from keydesk.core.codes import Code
from keydesk.dashboard.pages import frame
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.language import local_address
from keydesk.web.problems import Problem, problem_of
from keydesk.web.sessions import renew_session

LOCKS: Final = frozenset({Code.PIN_HARD_LOCKED, Code.PIN_LOCKED})


@sensitive_post_parameters()
@for_members(Permission.KEY_VIEW, methods=READ_AND_SEND)
def pin(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the form, or set the PIN and go back to where it was needed."""
    settings = reverse("dashboard:settings", kwargs={"username": visit.account.username})
    asked = request.POST.get("next") or request.GET.get("next") or ""
    back = local_address(request, asked, otherwise=settings)
    if request.method != "POST":
        refused = lock_of(pin_status(visit.user.pk))
        problem = None if refused is None else problem_of(refused)
        return form(request, visit, back=back, problem=problem)
    if request.POST.get("new_pin") != request.POST.get("new_pin_again"):
        return form(
            request, visit, back=back, field="new_pin_again", text=_("The two are not the same.")
        )
    try:
        set_pin(
            visit.actor,
            pin=request.POST.get("new_pin", ""),
            password=request.POST.get("password", ""),
            current_pin=request.POST.get("current_pin"),
        )
    except Refused as refused:
        problem = problem_of(refused)
        return form(
            request, visit, back=back, field=field_of(problem), text=problem.text, problem=problem
        )
    # A new key for the session, as after every re-authentication; no grant is open that it could unbind.
    renew_session(request)
    return redirect(back)


def lock_of(pin: PinStatus) -> Refused | None:
    """Give the refusal of every PIN while this one is locked, None while it is not."""
    if pin.is_hard_locked:
        return Refused(Code.PIN_HARD_LOCKED)
    if pin.locked_until is not None:
        return Refused(Code.PIN_LOCKED, locked_until=pin.locked_until)
    return None


def field_of(problem: Problem) -> str | None:
    """Give the field of this form that a problem belongs to."""
    return "current_pin" if problem.code is Code.PIN_WRONG else problem.field


def form(  # noqa: PLR0913 - each is one thing that the page shows
    request: HttpRequest,
    visit: Visit,
    *,
    back: str,
    field: str | None = None,
    text: str = "",
    problem: Problem | None = None,
) -> HttpResponse:
    """Show the form, with what is wrong at its field; digits and password are never sent back."""
    context = frame(visit, section="settings", is_section=False) | {
        "pin": pin_status(visit.user.pk),
        "next": back,
        "errors": {field: text} if field else {},
        "problem": problem if field is None else None,
        "is_locked": problem is not None and problem.code in LOCKS,
    }
    status = 200 if not text else 422 if problem is None else problem.status
    return render(request, "dashboard/pin.html", context, status=status)
