"""Confirming who one is before changing how one gets in: the password or a factor, within the last five minutes."""

import time
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from keydesk.control.people.models import User
from keydesk.control.security.actions import note_confirmation
from keydesk.control.security.queries import factors_of
from keydesk.control.security.rules import Kind, Method
from keydesk.web.addresses import page_of_form, way_back
from keydesk.web.factors import CodeForm, PasskeyForm, passkey_request, too_many
from keydesk.web.policies import CONFIRMED_SECONDS
from keydesk.web.sessions import person, renew_session

Page = Callable[..., HttpResponse]
WRONG: Final = "wrong"
MANY: Final = "many"


def for_people(page: Page) -> Page:
    """Let a page be seen by whoever is logged in; a stranger is sent to log in and comes back."""

    @wraps(page)
    def handle(request: HttpRequest, **parts: Any) -> HttpResponse:
        if not isinstance(request.user, User):
            return redirect(
                f"{reverse('account_login')}?{urlencode({'next': page_of_form(request)})}"
            )
        return page(request, request.user, **parts)

    return handle


def for_confirmed(page: Page) -> Page:
    """Let a page be seen by whoever has logged in or confirmed a moment ago; others confirm, and come back to it.

    What a form held is not kept for later: the person sees the page again and sends it anew.
    """

    @wraps(page)
    def handle(request: HttpRequest, user: User, **parts: Any) -> HttpResponse:
        if not has_just_confirmed(request, user):
            back = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('web:confirm')}?{back}")
        return page(request, user, **parts)

    return for_people(handle)


def has_just_confirmed(request: HttpRequest, user: User) -> bool:
    """Say whether the person has proved in this session, within the last five minutes, who they are."""
    records = get_authentication_records(request, user)
    return any(0 <= time.time() - record["at"] < CONFIRMED_SECONDS for record in records)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def confirm(request: HttpRequest, user: User) -> HttpResponse:
    """Ask for the password, a code or a passkey; then the session has a new key, and the person goes on."""
    back = way_back(request)
    if request.method != "POST":
        return form(request, user, back=back)
    method = method_of(request)
    problem = problem_with(request, user, method)
    if problem is not None:
        return form(request, user, back=back, method=method, problem=problem)
    record_authentication(request, user, str(method), reauthenticated=True)
    renew_session(request)
    note_confirmation(person(request, user), method=method)
    return redirect(back)


def method_of(request: HttpRequest) -> Method:
    """Give how the person confirms, by the field that was sent."""
    if "credential" in request.POST:
        return Method.PASSKEY
    return Method.CODE if "code" in request.POST else Method.PASSWORD


def problem_with(request: HttpRequest, user: User, method: Method) -> str | None:
    """Check what was sent; gives what is wrong with it, None if nothing is."""
    if method is Method.PASSWORD:
        try:
            is_right = get_adapter(request).reauthenticate(user, request.POST.get("password", ""))
        except ValidationError:
            return MANY
        return None if is_right else WRONG
    checked = (CodeForm if method is Method.CODE else PasskeyForm)(user=user, data=request.POST)
    if checked.is_valid():
        return None
    return MANY if too_many(checked) else WRONG


def form(
    request: HttpRequest,
    user: User,
    *,
    back: str,
    method: Method | None = None,
    problem: str | None = None,
) -> HttpResponse:
    """Show the ways to confirm that the person has, with what is wrong at its field."""
    kinds = set(factors_of(user.pk).values_list("type", flat=True))
    texts = {
        Method.PASSWORD: _("This password is not right."),
        Method.CODE: _("This code is not right, or was used before. Wait for the next one."),
        Method.PASSKEY: _("This passkey did not work. Try again, or confirm in another way."),
    }
    context = {
        "next": back,
        "errors": {str(method): texts[method]} if method and problem == WRONG else {},
        "too_many": problem == MANY,
        "has_codes": bool(kinds),
        "passkey_request": passkey_request(user) if Kind.PASSKEY in kinds else "",
    }
    status = {None: HTTPStatus.OK, MANY: HTTPStatus.TOO_MANY_REQUESTS}
    return render(
        request,
        "security/confirm.html",
        context,
        status=status.get(problem, HTTPStatus.UNPROCESSABLE_ENTITY),
    )
