"""The Team page: the people of an account, and what its Superadmins and Admins do about them."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role, permission_over
from keydesk.control.invitations.queries import open_invitations
from keydesk.control.people.actions import (
    change_role,
    deactivate_member,
    leave_account,
    reactivate_member,
    remove_member,
)
from keydesk.control.people.models import Membership
from keydesk.control.people.queries import member_of, members_of, with_last_sign_in
from keydesk.dashboard.invitations import invitation_rows
from keydesk.dashboard.pages import frame
from keydesk.dashboard.roles import role_asked_for, role_matrix, role_options
from keydesk.dashboard.sureness import Question, ask, back_to_team
from keydesk.dashboard.visit import (
    READ_AND_SEND,
    ROLE_NAMES,
    Visit,
    for_members,
    require_permission,
)
from keydesk.web.paging import page_links
from keydesk.web.problems import Problem, problem_of

MEMBERS_A_PAGE: Final = 10
INVITATIONS_A_PAGE: Final = 10
SEARCH_FROM_MEMBERS: Final = 10

DONE: Final[dict[str, Promise | str]] = {
    "deactivated": gettext_lazy("The member is deactivated and cannot come in any more."),
    "invited": gettext_lazy("The invitation is on its way. Its link works for seven days."),
    "reactivated": gettext_lazy("The member can come in again."),
    "removed": gettext_lazy("The member is removed."),
    "resent": gettext_lazy("The invitation is on its way again, with a new link."),
    "role": gettext_lazy("The role is changed. It counts from their next click on."),
    "withdrawn": gettext_lazy("The invitation is withdrawn. Its link does not work any more."),
}
"""What the page says after a step; the address carries only which one."""


@for_members(Permission.TEAM_VIEW)
def team(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the members, to those who may change them the open invitations too, and what each role may do."""
    search, everybody = request.GET.get("search", "").strip(), members_of(visit.account)
    found = with_last_sign_in(members_of(visit.account, search=search))
    page = Paginator(found, MEMBERS_A_PAGE).get_page(request.GET.get("page"))
    may_edit = visit.actor.can(Permission.MEMBER_EDIT)
    context = frame(visit, section="team") | {
        "may_edit": may_edit,
        "rows": [member_row(visit, membership) for membership in page],
        "page": page,
        "search": search,
        "is_search_offered": everybody.count() >= SEARCH_FROM_MEMBERS,
        "matrix": role_matrix(),
        "done": DONE.get(request.GET.get("done", "")),
        **page_links(request, page),
    }
    if may_edit:
        context |= invitations_shown(request, visit)
    return render(request, "dashboard/team/page.html", context)


def invitations_shown(request: HttpRequest, visit: Visit) -> dict[str, Any]:
    """Give a page of the open invitations, and the way to those before and after."""
    asked, invitations = request.GET.get("invitations"), open_invitations(visit.account)
    page = Paginator(invitations, INVITATIONS_A_PAGE).get_page(asked)
    return {
        "invitations": invitation_rows(visit, page),
        "invitations_page": page,
        "invitations_links": page_links(
            request, page, anchor="#invitations", parameter="invitations"
        ),
    }


def member_row(visit: Visit, membership: Membership) -> dict[str, Any]:
    """Give what the template of a member's row shows."""
    user = membership.user
    return {
        "id": user.pk,
        "name": user.full_name,
        "email": user.email,
        "is_yourself": user.pk == visit.user.pk,
        "role_name": ROLE_NAMES[Role(membership.role)],
        "since": membership.created_at,
        "tone": "good" if membership.is_active else "",
        "state_name": _("Active") if membership.is_active else _("Deactivated"),
        "last_sign_in": getattr(membership, "last_sign_in", None),
        "actions": member_actions(visit, membership),
    }


def member_actions(visit: Visit, membership: Membership) -> list[dict[str, str]]:
    """Give what a member's menu offers; the actions alone decide what is done."""
    is_yourself = membership.user_id == visit.user.pk
    may_edit = visit.actor.can(permission_over(membership.role))
    offers = [
        ("member_role", "user-cog", "", _("Change role"), may_edit),
        ("reset_pin", "rotate-ccw-key", "", _("Reset PIN"), may_reset_pin(visit, membership)),
        (
            "member_deactivate",
            "user-x",
            "",
            _("Deactivate"),
            may_edit and membership.is_active and not is_yourself,
        ),
        (
            "member_reactivate",
            "user-check",
            "",
            _("Reactivate"),
            may_edit and not membership.is_active,
        ),
        ("member_remove", "user-minus", "danger", _("Remove member"), may_edit and not is_yourself),
        ("leave", "log-out", "danger", _("Leave this account"), is_yourself),
    ]
    return [
        {
            "url": member_url(visit, name, membership.user_id),
            "icon": icon,
            "tone": tone,
            "name": text,
        }
        for name, icon, tone, text, is_shown in offers
        if is_shown
    ]


def may_reset_pin(visit: Visit, membership: Membership) -> bool:
    """Say whether the menu leads to making a member set a new PIN; nobody's own is reset here."""
    has_pin_role = Role(membership.role) in {Role.SUPERADMIN, Role.ADMIN}
    is_yourself = membership.user_id == visit.user.pk
    return visit.actor.can(Permission.PIN_RESET) and has_pin_role and not is_yourself


def member_url(visit: Visit, name: str, user_id: int) -> str:
    """Give the address of what is done about a member."""
    return visit.url(name) if name == "leave" else visit.url(name, user_id=user_id)


class Deed(NamedTuple):
    """What is done about a member: the action, and its words with `name`, `company` and `role` to fill in."""

    action: Callable[..., None]
    done: str
    icon: str
    tone: str
    title: Promise | str
    consequence: Promise | str
    button: Promise | str


DEACTIVATE: Final = Deed(
    deactivate_member,
    "deactivated",
    "user-x",
    "danger",
    gettext_lazy("Deactivate %(name)s?"),
    gettext_lazy(
        "From the next click on, %(name)s cannot come into %(company)s any more, and what they have open is closed. "
        "The API keys they made go on working: keys belong to the company. You can reactivate them at any time."
    ),
    gettext_lazy("Deactivate"),
)
REACTIVATE: Final = Deed(
    reactivate_member,
    "reactivated",
    "user-check",
    "primary",
    gettext_lazy("Reactivate %(name)s?"),
    gettext_lazy("%(name)s can come into %(company)s again at once, as %(role)s."),
    gettext_lazy("Reactivate"),
)
REMOVE: Final = Deed(
    remove_member,
    "removed",
    "user-minus",
    "danger",
    gettext_lazy("Remove %(name)s?"),
    gettext_lazy(
        "From the next click on, %(name)s is no member of %(company)s any more, and what they have open is closed. The "
        "API keys they made go on working: keys belong to the company. To come back they need a new invitation."
    ),
    gettext_lazy("Remove member"),
)


@for_members(Permission.MEMBER_EDIT, methods=READ_AND_SEND)
def deactivate(request: HttpRequest, visit: Visit, user_id: int) -> HttpResponse:
    """Ask, and then shut a member out."""
    return carry_out(request, visit, user_id, DEACTIVATE)


@for_members(Permission.MEMBER_EDIT, methods=READ_AND_SEND)
def reactivate(request: HttpRequest, visit: Visit, user_id: int) -> HttpResponse:
    """Ask, and then let a member in again."""
    return carry_out(request, visit, user_id, REACTIVATE)


@for_members(Permission.MEMBER_EDIT, methods=READ_AND_SEND)
def remove(request: HttpRequest, visit: Visit, user_id: int) -> HttpResponse:
    """Ask, and then end a membership."""
    return carry_out(request, visit, user_id, REMOVE)


def carry_out(request: HttpRequest, visit: Visit, user_id: int, deed: Deed) -> HttpResponse:
    """Show the consequence, and when it is confirmed do it."""
    membership = member_to_change(visit, user_id)
    words = {
        "name": membership.user.full_name,
        "company": visit.account.name,
        "role": ROLE_NAMES[Role(membership.role)],
    }
    question = Question(
        title=str(deed.title) % words,
        consequence=str(deed.consequence) % words,
        button=str(deed.button),
        icon=deed.icon,
        tone=deed.tone,
    )
    if request.method != "POST":
        return ask(request, visit, question)
    try:
        deed.action(visit.actor, account_id=visit.account.id, user_id=user_id)
    except Refused as refused:
        return ask(request, visit, question, problem=problem_of(refused))
    return back_to_team(visit, done=deed.done)


@for_members(Permission.MEMBER_EDIT, methods=READ_AND_SEND)
def role(request: HttpRequest, visit: Visit, user_id: int) -> HttpResponse:
    """Ask for a member's new role, and then give it."""
    membership = member_to_change(visit, user_id)
    if request.method != "POST":
        return role_form(request, visit, membership)
    try:
        chosen = role_asked_for(request)
        if chosen == membership.role:
            return redirect(visit.url("team"))
        change_role(visit.actor, account_id=visit.account.id, user_id=user_id, role=chosen)
    except Refused as refused:
        return role_form(request, visit, membership, problem=problem_of(refused))
    return back_to_team(visit, done="role")


def role_form(
    request: HttpRequest, visit: Visit, membership: Membership, *, problem: Problem | None = None
) -> HttpResponse:
    """Show the choice of a role, with what is wrong."""
    context = frame(visit, section="team", is_section=False) | {
        "name": membership.user.full_name,
        "role_name": ROLE_NAMES[Role(membership.role)],
        "is_yourself": membership.user_id == visit.user.pk,
        "options": role_options(visit.actor),
        "team_url": visit.url("team"),
        "chosen": request.POST.get("role", membership.role),
        "problem": problem,
        "error": problem.text if problem and problem.field == "role" else "",
    }
    status = 200 if problem is None else problem.status
    return render(request, "dashboard/team/role.html", context, status=status)


@for_members(Permission.TEAM_VIEW, methods=READ_AND_SEND)
def leave(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Ask, and then end one's own membership."""
    words = {"company": visit.account.name}
    question = Question(
        title=_("Leave %(company)s?") % words,
        consequence=_(
            "You cannot come into %(company)s any more, at once. The API keys you made go on working: keys belong to "
            "the company. To come back you need a new invitation."
        )
        % words,
        button=_("Leave this account"),
        icon="log-out",
        tone="danger",
    )
    if request.method != "POST":
        return ask(request, visit, question)
    try:
        leave_account(visit.actor, account_id=visit.account.id)
    except Refused as refused:
        return ask(request, visit, question, problem=problem_of(refused))
    return redirect("dashboard:home")


def member_to_change(visit: Visit, user_id: int) -> Membership:
    """Give the member that the visitor may change; raises Http404 otherwise, also to an Admin over a Superadmin."""
    membership = member_of(visit.account, user_id)
    if membership is None:
        raise Http404
    require_permission(visit, permission_over(membership.role))
    return membership
