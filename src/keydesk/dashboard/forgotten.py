"""Replacing a PIN that was forgotten: on a second factor, or through a mailed link."""

import json
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.people.actions import member_ref
from keydesk.control.stepup.actions import mail_pin_link, replace_pin, replace_pin_by_link
from keydesk.control.stepup.factors import ask_passkey, has_codes, has_passkey
from keydesk.control.stepup.queries import is_open_link, pin_status
from keydesk.control.stepup.rules import Purpose
from keydesk.core.codes import Code
from keydesk.dashboard.pin import back_from, form, go_back_anew, is_typed_twice, not_the_same
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.addresses import public_address
from keydesk.web.problems import problem_of

FACTOR_FORM: Final = "dashboard/forgotten_pin.html"
MAIL_FORM: Final = "dashboard/mail_pin_link.html"
LINK_FORM: Final = "dashboard/new_pin.html"

LINK: Final = "pin_link"
"""Where the session keeps the link that was opened."""


@sensitive_post_parameters()
@for_members(Permission.KEY_VIEW, methods=READ_AND_SEND)
def forgotten_pin(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Replace the PIN with the password and a second factor; who has none is shown the way through a mail."""
    back = back_from(request, visit)
    if not pin_status(visit.user.pk).is_set:
        return redirect(visit.url("pin"))
    if not (has_codes(visit.user.pk) or has_passkey(visit.user.pk)):
        return redirect(visit.url("mail_pin_link"))
    if request.method != "POST":
        return form(request, visit, FACTOR_FORM, next=back, **factors_of(visit))
    if not is_typed_twice(request):
        return not_the_same(request, visit, FACTOR_FORM, next=back, **factors_of(visit))
    try:
        replace_pin(
            visit.actor,
            pin=request.POST.get("new_pin", ""),
            password=request.POST.get("password", ""),
            code=request.POST.get("code", ""),
            answer=request.POST.get("answer", ""),
        )
    except Refused as refused:
        problem = problem_of(refused)
        if problem.code is Code.SECOND_FACTOR_WRONG and not has_codes(visit.user.pk):
            problem = problem._replace(field=None)
        return form(request, visit, FACTOR_FORM, problem=problem, next=back, **factors_of(visit))
    return go_back_anew(request, back)


@sensitive_post_parameters()
@for_members(Permission.KEY_VIEW, methods=READ_AND_SEND)
def mail_link(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Mail a link for a new PIN to whoever gives the password."""
    here = visit.url("mail_pin_link")
    if not pin_status(visit.user.pk).is_set:
        return redirect(visit.url("pin"))
    if request.method != "POST":
        return form(request, visit, MAIL_FORM, is_sent="sent" in request.GET)
    try:
        mail_pin_link(
            visit.actor,
            password=request.POST.get("password", ""),
            url_of=lambda token: public_address(request, visit.url("pin_link", token=token)),
        )
    except Refused as refused:
        return form(request, visit, MAIL_FORM, problem=problem_of(refused))
    return redirect(f"{here}?sent=1")


@for_members(Permission.KEY_VIEW, is_personal=True)
def pin_link(request: HttpRequest, visit: Visit, token: str) -> HttpResponse:
    """Take a mailed link into the session and go on without it, so that no log of a refusal holds it."""
    if not is_open_link(visit.user.pk, token):
        return link_is_over(request, visit)
    request.session[LINK] = token
    return redirect(visit.url("new_pin"))


@sensitive_post_parameters()
@for_members(Permission.KEY_VIEW, methods=READ_AND_SEND)
def new_pin(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Set a new PIN through a mailed link, which is the person's own and good for one time."""
    token = request.session.get(LINK, "")
    if not is_open_link(visit.user.pk, token):
        return link_is_over(request, visit)
    if request.method != "POST":
        return form(request, visit, LINK_FORM)
    if not is_typed_twice(request):
        return not_the_same(request, visit, LINK_FORM)
    try:
        replace_pin_by_link(
            visit.actor,
            pin=request.POST.get("new_pin", ""),
            password=request.POST.get("password", ""),
            token=token,
        )
    except Refused as refused:
        return form(request, visit, LINK_FORM, problem=problem_of(refused))
    del request.session[LINK]
    return go_back_anew(request, visit.url("settings"))


def link_is_over(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Say that a link is no longer valid, and how to get another one."""
    problem = problem_of(Refused(Code.PIN_LINK_INVALID))
    response = form(request, visit, LINK_FORM, problem=problem, is_over=True)
    response.status_code = problem.status
    return response


def factors_of(visit: Visit) -> dict[str, Any]:
    """Give which factors the person has, and what a passkey is asked with."""
    passkey = None
    if has_passkey(visit.user.pk):
        object_id = member_ref(visit.user.pk)
        asked = ask_passkey(visit.actor, purpose=Purpose.PIN_REPLACE, object_id=object_id)
        passkey = json.dumps(asked)
    return {"has_codes": has_codes(visit.user.pk), "passkey": passkey}
