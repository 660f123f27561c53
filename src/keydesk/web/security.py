"""A person's own safety: an app, passkeys, recovery codes, the password, and where they are logged in."""

from http import HTTPStatus
from typing import Any, Final

from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from keydesk.control.access.refused import Refused
from keydesk.control.people.models import User
from keydesk.control.policies.queries import current_policies
from keydesk.control.security import actions
from keydesk.control.security.queries import (
    factors_of,
    has_factor,
    must_have_factor,
    passkey_of,
    recovery_codes_left,
)
from keydesk.control.security.rules import Kind
from keydesk.control.security.sealing import UnreadableFactorError, seal, unseal
from keydesk.control.sessions.held import rename_session, sessions_of
from keydesk.core.codes import Code
from keydesk.web.addresses import way_back
from keydesk.web.browsers import browser_name
from keydesk.web.confirmation import for_confirmed, for_people
from keydesk.web.factors import made_passkey, passkey_offer, totp_picture
from keydesk.web.problems import problem_of
from keydesk.web.sessions import person

PENDING_SECRET: Final = "totp_secret"  # noqa: S105 - the name of a value in the session
GROUP: Final = 5
"""Digits of a recovery code that are read together."""
read_and_send = require_http_methods(["GET", "HEAD", "POST"])


def safety_of(request: HttpRequest, user: User) -> dict[str, Any]:
    """Give what a Security page shows, to members and to the internal team alike."""
    factors = list(factors_of(user.pk))
    return {
        "app": next((factor for factor in factors if factor.type == Kind.TOTP), None),
        "passkeys": [factor for factor in factors if factor.type == Kind.PASSKEY],
        "has_factor": bool(factors),
        "is_demanded": must_have_factor(user),
        "codes_left": codes_left(user),
        "sessions": [
            {
                "id": held.pk,
                "browser": browser_name(held.user_agent),
                "ip": held.ip,
                "last_used": held.last_seen_at,
                "is_this": held.session_key == request.session.session_key,
            }
            for held in sessions_of(user.pk)
        ],
    }


def codes_left(user: User) -> int:
    """Give how many recovery codes are left, none if they cannot be read any more."""
    try:
        return recovery_codes_left(user.pk)
    except UnreadableFactorError:
        return 0


@require_http_methods(["GET", "HEAD"])
@for_people
def set_up(request: HttpRequest, user: User) -> HttpResponse:
    """Lead whoever must have a second factor to their first one; others go on."""
    if not must_have_factor(user) or has_factor(user.pk):
        return redirect(way_back(request))
    return render(request, "security/set_up.html", {"next": way_back(request)})


@sensitive_post_parameters()
@read_and_send
@for_confirmed
def authenticator(request: HttpRequest, user: User) -> HttpResponse:
    """Show the secret for an app, as a picture and as text, or take the app's first code and make it a factor."""
    secret = pending_secret(request)
    error = ""
    if request.method == "POST":
        try:
            code = request.POST.get("code", "")
            codes = actions.add_totp(person(request, user), secret=secret, code=code)
        except Refused as refused:
            if refused.code is Code.STATE_CONFLICT:
                return redirect(way_back(request))
            error = problem_of(refused).text
        else:
            del request.session[PENDING_SECRET]
            return added(request, codes)
    context = {
        "next": way_back(request),
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "picture": totp_picture(user, secret),
        "error": error,
        "has_app": factors_of(user.pk).filter(type=Kind.TOTP).exists(),
    }
    return shown(request, "security/authenticator.html", context, is_wrong=bool(error))


def pending_secret(request: HttpRequest) -> str:
    """Give the secret that is being set up in this session, sealed there as it is later."""
    try:
        return unseal(request.session[PENDING_SECRET])
    except (KeyError, UnreadableFactorError):
        secret: str = generate_totp_secret()
        request.session[PENDING_SECRET] = seal(secret)
        return secret


@read_and_send
@for_confirmed
def add_passkey(request: HttpRequest, user: User) -> HttpResponse:
    """Ask the browser for a new passkey, or take the one that it has made."""
    errors = {}
    name = request.POST.get("name", "").strip()
    if request.method == "POST":
        credential = made_passkey(request.POST.get("credential", ""))
        if credential is None:
            errors["passkey"] = _("This passkey did not work. Try again.")
        else:
            try:
                codes = actions.add_passkey(person(request, user), name=name, credential=credential)
            except Refused as refused:
                errors["name"] = problem_of(refused).text
            else:
                return added(request, codes)
    context = {
        "next": way_back(request),
        "name": name or browser_name(request.headers.get("User-Agent", "")),
        "offer": passkey_offer(user),
        "errors": errors,
    }
    return shown(request, "security/add_passkey.html", context, is_wrong=bool(errors))


@read_and_send
@for_confirmed
def rename_passkey(request: HttpRequest, user: User, factor_id: int) -> HttpResponse:
    """Give a passkey another name."""
    passkey = passkey_of(user.pk, factor_id)
    if passkey is None:
        raise Http404
    name, error = passkey.data["name"], ""
    if request.method == "POST":
        name = request.POST.get("name", "").strip()
        try:
            actions.rename_passkey(person(request, user), factor_id=factor_id, name=name)
        except Refused as refused:
            error = problem_of(refused).text
        else:
            return redirect(way_back(request))
    context = {"next": way_back(request), "name": name, "factor_id": factor_id, "error": error}
    return shown(request, "security/rename_passkey.html", context, is_wrong=bool(error))


@read_and_send
@for_confirmed
def remove_factor(request: HttpRequest, user: User, factor_id: int) -> HttpResponse:
    """Ask whether a factor is to go, and take it away."""
    factor = factors_of(user.pk).filter(pk=factor_id).first()
    if factor is None:
        raise Http404
    problem = None
    if request.method == "POST":
        try:
            actions.remove_factor(person(request, user), factor_id=factor_id)
        except Refused as refused:
            problem = problem_of(refused)
        else:
            return redirect(way_back(request))
    context = {
        "next": way_back(request),
        "factor_id": factor_id,
        "passkey_name": factor.data.get("name", ""),
        "is_last": factors_of(user.pk).count() == 1,
        "problem": problem,
    }
    status = HTTPStatus.OK if problem is None else problem.status
    return render(request, "security/remove_factor.html", context, status=status)


@read_and_send
@for_confirmed
def recovery_codes(request: HttpRequest, user: User) -> HttpResponse:
    """Say what new recovery codes do, and make them; they are shown this once."""
    if request.method == "POST":
        try:
            codes = actions.make_recovery_codes(person(request, user))
        except Refused:
            return redirect(way_back(request))
        return added(request, codes)
    if not has_factor(user.pk):
        return redirect(way_back(request))
    context = {"next": way_back(request), "codes_left": codes_left(user)}
    return render(request, "security/recovery_codes.html", context)


@sensitive_post_parameters()
@read_and_send
@for_confirmed
def password(request: HttpRequest, user: User) -> HttpResponse:
    """Take another password; every other session of the person ends with it."""
    errors = {}
    if request.method == "POST":
        given = request.POST.get("new_password", "")
        if given != request.POST.get("new_password_again"):
            errors["new_password_again"] = _("The two are not the same.")
        else:
            try:
                change_password(request, user, given)
            except Refused as refused:
                errors["new_password"] = problem_of(refused).text
            else:
                return redirect(way_back(request))
    context = {
        "next": way_back(request),
        "errors": errors,
        "shortest_password": current_policies().password_min_length,
    }
    return shown(request, "security/password.html", context, is_wrong=bool(errors))


def change_password(request: HttpRequest, user: User, given: str) -> None:
    """Change the password and keep this session, under another key."""
    before = request.session.session_key or ""
    changed = actions.change_password(person(request, user), password=given, kept_session=before)
    update_session_auth_hash(request, changed)
    rename_session(before, to=request.session.session_key or "")


@require_POST
@for_people
def end_session(request: HttpRequest, user: User, session_id: int) -> HttpResponse:
    """End one of the person's own sessions; one that has ended already is gone as well."""
    try:
        actions.end_session(person(request, user), session_id=session_id)
    except Refused as refused:
        raise Http404 from refused
    return redirect(way_back(request))


@require_POST
@for_people
def end_other_sessions(request: HttpRequest, user: User) -> HttpResponse:
    """End all of the person's own sessions but this one."""
    kept = request.session.session_key or ""
    actions.end_other_sessions(person(request, user), kept_session=kept)
    return redirect(way_back(request))


def added(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Show recovery codes, this once, or go back where there are none to show."""
    if not codes:
        return redirect(way_back(request))
    grouped = [f"{code[:GROUP]} {code[GROUP:]}" for code in codes]
    context = {"codes": grouped, "file": "%0A".join(codes), "next": way_back(request)}
    return render(request, "security/codes.html", context)


def shown(
    request: HttpRequest, template: str, context: dict[str, Any], *, is_wrong: bool
) -> HttpResponse:
    """Show a form, with the status that says whether something in it is wrong."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.OK
    return render(request, template, context, status=status)
