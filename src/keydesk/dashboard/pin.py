"""Setting and changing one's PIN."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.stepup.actions import set_pin
from keydesk.control.stepup.queries import PinStatus, pin_policy, pin_status
from keydesk.control.stepup.rules import MAX_DIGITS, PinPolicy
from keydesk.core.codes import Code
from keydesk.dashboard.pages import frame
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.language import local_address
from keydesk.web.problems import Problem, problem_of
from keydesk.web.sessions import renew_session

LOCKS: Final = frozenset({Code.PIN_HARD_LOCKED, Code.PIN_LOCKED})
PIN_FORM: Final = "dashboard/pin.html"


@sensitive_post_parameters()
@for_members(Permission.KEY_VIEW, methods=READ_AND_SEND)
def pin(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the form, or set the PIN and go back to where it was needed."""
    back = way_back(request, visit)
    if request.method != "POST":
        refused = lock_of(pin_status(visit.user.pk))
        problem = None if refused is None else problem_of(refused)
        return form(request, visit, PIN_FORM, problem=problem, next=back)
    if not is_typed_twice(request):
        return not_the_same(request, visit, PIN_FORM, next=back)
    try:
        set_pin(
            visit.actor,
            pin=request.POST.get("new_pin", ""),
            password=request.POST.get("password", ""),
            current_pin=request.POST.get("current_pin"),
        )
    except Refused as refused:
        problem = problem_of(refused)
        if problem.code is Code.PIN_WRONG:
            problem = problem._replace(field="current_pin")
        return form(request, visit, PIN_FORM, problem=problem, next=back)
    return go_back_anew(request, back)


def way_back(request: HttpRequest, visit: Visit) -> str:
    """Give the address where the PIN was needed, the settings if there is none."""
    settings = reverse("dashboard:settings", kwargs={"username": visit.account.username})
    asked = request.POST.get("next") or request.GET.get("next") or ""
    return local_address(request, asked, otherwise=settings)


def go_back_anew(request: HttpRequest, back: str) -> HttpResponse:
    """Go back with a new key for the session, as after every re-authentication; no grant is open to be unbound."""
    renew_session(request)
    return redirect(back)


def is_typed_twice(request: HttpRequest) -> bool:
    """Say whether the new PIN was typed the same both times."""
    return request.POST.get("new_pin") == request.POST.get("new_pin_again")


def lock_of(pin: PinStatus) -> Refused | None:
    """Give the refusal of every PIN while this one is locked, None while it is not."""
    if pin.is_hard_locked:
        return Refused(Code.PIN_HARD_LOCKED)
    if pin.locked_until is not None:
        return Refused(Code.PIN_LOCKED, locked_until=pin.locked_until)
    return None


def hint_for(policy: PinPolicy) -> str:
    """Say what a new PIN must be."""
    digits = (
        _("12 digits.")
        if policy.min_digits == MAX_DIGITS
        else _("%(least)d to 12 digits.") % {"least": policy.min_digits}
    )
    return digits + " " + _("Not a date, a run such as 123456, or one digit again and again.")


def not_the_same(request: HttpRequest, visit: Visit, template: str, **context: Any) -> HttpResponse:
    """Show the form again because the new PIN was typed in two ways."""
    text = _("The two are not the same.")
    problem = Problem(Code.INVALID_INPUT, 422, text, "new_pin_again", None)
    return form(request, visit, template, problem=problem, **context)


def form(
    request: HttpRequest,
    visit: Visit,
    template: str,
    *,
    problem: Problem | None = None,
    **context: Any,
) -> HttpResponse:
    """Show a form about the PIN, with what is wrong at its field; digits and password are never sent back."""
    policy = pin_policy()
    shown = frame(visit, section="settings", is_section=False) | {
        "pin": pin_status(visit.user.pk),
        "pin_hint": hint_for(policy),
        "cooldown_minutes": policy.cooldown_seconds // 60,
        "errors": {problem.field: problem.text} if problem and problem.field else {},
        "problem": problem,
        "is_locked": problem is not None and problem.code in LOCKS,
    }
    is_answer = request.method == "POST" and problem is not None
    status = problem.status if is_answer and problem is not None else 200
    return render(request, template, shown | context, status=status)
