"""Inviting people into an account: the form, and what is done about an invitation that is open."""

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role, permission_over
from keydesk.control.invitations.actions import (
    invite_member,
    resend_invitation,
    withdraw_invitation,
)
from keydesk.control.invitations.models import Invitation
from keydesk.control.invitations.queries import invitation_of, lapsed_among
from keydesk.control.invitations.rules import is_over
from keydesk.dashboard.pages import frame
from keydesk.dashboard.roles import role_asked_for, role_options
from keydesk.dashboard.sureness import Question, ask, back_to_team
from keydesk.dashboard.visit import (
    READ_AND_SEND,
    ROLE_NAMES,
    Visit,
    for_members,
    require_permission,
)
from keydesk.web.problems import Problem, problem_of


def invitation_rows(visit: Visit, invitations: Iterable[Invitation]) -> list[dict[str, Any]]:
    """Give what the Team page shows of open invitations of the account."""
    waiting = list(invitations)
    lapsed = lapsed_among(waiting)
    return [invitation_row(visit, each, is_lapsed=each.id in lapsed) for each in waiting]


def invitation_row(visit: Visit, invitation: Invitation, *, is_lapsed: bool) -> dict[str, Any]:
    """Give what the template of an open invitation's row shows."""
    sender, role = invitation.invited_by, Role(invitation.role)
    tone, state_name, is_dated = "warn", _("Waits until"), True
    if is_over(invitation.expires_at, now=timezone.now()):
        tone, state_name = "bad", _("Expired on")
    elif is_lapsed:
        tone, state_name, is_dated = "bad", _("Sender may not invite any more"), False
    return {
        "email": invitation.email,
        "role_name": ROLE_NAMES[role],
        "sender": _("the provider") if sender is None else sender.full_name,
        "tone": tone,
        "state_name": state_name,
        "ends_at": invitation.expires_at if is_dated else None,
        "id": invitation.id,
        "actions": [
            {
                "url": visit.url(name, invitation_id=invitation.id),
                "icon": icon,
                "tone": button,
                "name": text,
            }
            for name, icon, button, text in (
                ("invitation_resend", "send", "", _("Send again")),
                ("invitation_withdraw", "ban", "danger", _("Withdraw")),
            )
        ]
        if visit.actor.can(permission_over(role))
        else [],
    }


@for_members(Permission.MEMBER_EDIT, methods=READ_AND_SEND)
def invite(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Ask for an address and a role, and then send the invitation."""
    if request.method != "POST":
        return invite_form(request, visit)
    try:
        invite_member(
            visit.actor,
            account_id=visit.account.id,
            email=request.POST.get("email", ""),
            role=role_asked_for(request),
        )
    except Refused as refused:
        return invite_form(request, visit, problem=problem_of(refused))
    return back_to_team(visit, done="invited")


def invite_form(
    request: HttpRequest, visit: Visit, *, problem: Problem | None = None
) -> HttpResponse:
    """Show the form as it was filled in, with what is wrong at its field."""
    context = frame(visit, section="team", is_section=False) | {
        "email": request.POST.get("email", ""),
        "options": role_options(visit.actor),
        "chosen": request.POST.get("role", str(Role.VIEWER)),
        "problem": problem,
        "errors": problem.errors if problem else {},
        "team_url": visit.url("team"),
    }
    status = 200 if problem is None else problem.status
    return render(request, "dashboard/team/invite.html", context, status=status)


@for_members(Permission.MEMBER_EDIT, methods=READ_AND_SEND)
def resend(request: HttpRequest, visit: Visit, invitation_id: str) -> HttpResponse:
    """Ask, and then send an invitation once more."""
    invitation, words = invitation_to_change(visit, invitation_id)
    question = Question(
        title=_("Send the invitation again?"),
        consequence=_(
            "A mail with a new link goes to %(email)s, which works for seven days. The link in the mail before stops "
            "working at once."
        )
        % words,
        button=_("Send again"),
        icon="send",
    )
    if request.method != "POST":
        return ask(request, visit, question)
    try:
        resend_invitation(
            visit.actor, account_id=visit.account.id, invitation_id=str(invitation.id)
        )
    except Refused as refused:
        return ask(request, visit, question, problem=problem_of(refused))
    return back_to_team(visit, done="resent")


@for_members(Permission.MEMBER_EDIT, methods=READ_AND_SEND)
def withdraw(request: HttpRequest, visit: Visit, invitation_id: str) -> HttpResponse:
    """Ask, and then take an invitation back."""
    invitation, words = invitation_to_change(visit, invitation_id)
    question = Question(
        title=_("Withdraw the invitation?"),
        consequence=_(
            "The link in the mail to %(email)s stops working at once. You can invite them again later."
        )
        % words,
        button=_("Withdraw"),
        icon="ban",
        tone="danger",
    )
    if request.method != "POST":
        return ask(request, visit, question)
    try:
        withdraw_invitation(
            visit.actor, account_id=visit.account.id, invitation_id=str(invitation.id)
        )
    except Refused as refused:
        return ask(request, visit, question, problem=problem_of(refused))
    return back_to_team(visit, done="withdrawn")


def invitation_to_change(visit: Visit, invitation_id: str) -> tuple[Invitation, dict[str, str]]:
    """Give the invitation that the visitor may decide about, and its words; raises Http404 if there is none."""
    invitation = invitation_of(visit.account, invitation_id)
    if invitation is None:
        raise Http404
    require_permission(visit, permission_over(str(invitation.role)))
    return invitation, {"email": invitation.email}
