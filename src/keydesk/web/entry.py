"""The pages for people who cannot log in yet: sign up, confirm the address, choose a new password.

No answer tells whether an address has a log-in. That includes the limits, which count what was typed.
"""

from collections.abc import Sequence
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from keydesk.control.access.refused import Refused
from keydesk.control.entry import actions, links
from keydesk.control.entry.queries import awaits_confirmation, first_username_of
from keydesk.control.people.models import User
from keydesk.control.policies.queries import current_policies
from keydesk.core.codes import Code
from keydesk.web import faults
from keydesk.web.limits import count, is_within
from keydesk.web.problems import Problem, problems_of
from keydesk.web.sessions import person

READ_AND_SEND: Final = ["GET", "HEAD", "POST"]
SIGN_UP_FIELDS: Final = ("full_name", "email", "company", "username")


@sensitive_post_parameters("password")
@require_http_methods(READ_AND_SEND)
def sign_up(request: HttpRequest) -> HttpResponse:
    """Show the form, or sign a company and its first person up."""
    typed = {name: request.POST.get(name, "") for name in SIGN_UP_FIELDS}
    if request.method != "POST":
        return form(request, "entry/sign_up.html", typed=typed)
    counted = count(request, "sign_up_mail", key=typed["email"])
    if counted is None or not is_within(request, "sign_up"):
        return faults.plain("429.html", status=429)
    try:
        actions.sign_up(
            person(request, None),
            **typed,
            password=request.POST.get("password", ""),
            language=get_language() or "",
        )
    except Refused as refused:
        counted.rollback()  # no mail was queued, and whoever mends a form tries more often
        return form(request, "entry/sign_up.html", typed=typed, problems=problems_of(refused))
    return redirect("web:look_into_mailbox")


@require_safe
def look_into_mailbox(request: HttpRequest) -> HttpResponse:
    """Say that a mail is on its way, if there is one to send."""
    return render(request, "entry/look_into_mailbox.html")


@require_http_methods(READ_AND_SEND)
def confirm_again(request: HttpRequest) -> HttpResponse:
    """Ask for the address to which the confirmation is to go once more, or send it."""
    typed = {"email": request.POST.get("email", "")}
    if request.method != "POST":
        return form(request, "entry/confirm_again.html", typed=typed)
    if not is_within(request, "confirmation", key=typed["email"]):
        return faults.plain("429.html", status=429)
    try:
        actions.send_confirmation(person(request, None), email=typed["email"])
    except Refused as refused:
        problems = problems_of(refused)
        return form(request, "entry/confirm_again.html", typed=typed, problems=problems)
    return redirect("web:look_into_mailbox")


@require_http_methods(READ_AND_SEND)
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button that confirms an address, or confirm it and lead on to log in; a look alone changes nothing."""
    if request.method != "POST" and awaits_confirmation(token):
        return render(request, "entry/confirm.html", {"token": token})
    user = confirmed(request, token) if request.method == "POST" else None
    if user is None:
        return render(request, "entry/link_over.html", {"is_confirmation": True}, status=410)
    username = first_username_of(user)
    onward = {"next": f"/a/{username}/onboarding/"} if username else {}
    return redirect(f"{reverse('account_login')}?{urlencode({'confirmed': '1', **onward})}")


def confirmed(request: HttpRequest, token: str) -> User | None:
    """Confirm the address behind a link; gives whose it is, None for a link that is over."""
    try:
        return actions.confirm_address(person(request, None), token=token)
    except Refused:
        return None


@require_http_methods(READ_AND_SEND)
def forgotten_password(request: HttpRequest) -> HttpResponse:
    """Ask for the address to which the way to a new password is to go, or send it."""
    typed = {"email": request.POST.get("email", "")}
    if request.method != "POST":
        return form(request, "entry/forgotten_password.html", typed=typed)
    if not is_within(request, "password_asked", key=typed["email"]):
        return faults.plain("429.html", status=429)
    try:
        actions.ask_for_password(person(request, None), email=typed["email"])
    except Refused as refused:
        problems = problems_of(refused)
        return form(request, "entry/forgotten_password.html", typed=typed, problems=problems)
    return redirect("web:look_into_mailbox")


@sensitive_post_parameters("password")
@require_http_methods(READ_AND_SEND)
def new_password(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form for a new password, or set it and lead on to log in, where a second factor is asked for as ever."""
    if not is_within(request, "new_password"):
        return faults.plain("429.html", status=429)
    if links.opens_password_of(token) is None:
        return render(request, "entry/link_over.html", status=410)
    if request.method != "POST":
        return form(request, "entry/new_password.html", typed={"token": token})
    try:
        actions.choose_password(
            person(request, None), token=token, password=request.POST.get("password", "")
        )
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            return render(request, "entry/link_over.html", status=410)
        problems = problems_of(refused)
        return form(request, "entry/new_password.html", typed={"token": token}, problems=problems)
    return redirect(f"{reverse('account_login')}?{urlencode({'changed': 1})}")


def form(
    request: HttpRequest, template: str, *, typed: dict[str, str], problems: Sequence[Problem] = ()
) -> HttpResponse:
    """Show a form with what was typed and what is wrong at its field; a password is never sent back."""
    context = {
        "typed": typed,
        "errors": {problem.field: problem.text for problem in problems},
        "shortest_password": current_policies().password_min_length,
    }
    return render(request, template, context, status=problems[0].status if problems else 200)
