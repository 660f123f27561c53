"""The internal team: its people, what each role may do, and an Owner's changes."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from keydesk.console.pages import frame
from keydesk.console.visit import READ_AND_SEND, STAFF_ROLE_NAMES, StaffVisit, for_staff
from keydesk.console.words import PERMISSION_NAMES, person_fault, staff_conflict
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import STAFF_PERMISSIONS, Permission, StaffRole
from keydesk.control.staff import actions
from keydesk.control.staff.queries import Colleague, colleague, colleagues
from keydesk.core.codes import CODES, Code
from keydesk.web.addresses import public_address

ROLES: Final = tuple(STAFF_ROLE_NAMES.items())


class Right(NamedTuple):
    """A row of the table of roles: what it is about, and for each role whether it may."""

    name: str
    cells: list[bool]


def rights() -> list[Right]:
    """Give what each role of the internal team may do, as the permission table says it."""
    return [
        Right(str(name), [permission in STAFF_PERMISSIONS[role] for role in StaffRole])
        for permission, name in PERMISSION_NAMES.items()
    ]


@for_staff(Permission.TEAM_VIEW)
def team(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Show the people of the internal team and what each role may do."""
    context = frame(visit, section="team") | {
        "people": [shown(each) for each in colleagues(visit.actor)],
        "may_edit": visit.may(Permission.STAFF_EDIT),
        "roles": [name for _role, name in ROLES],
        "rights": rights(),
    }
    return render(request, "console/team.html", context)


def shown(person: Colleague) -> dict[str, Any]:
    """Give a person as a row shows them."""
    return {**person._asdict(), "role_name": STAFF_ROLE_NAMES[person.role]}


@for_staff(Permission.STAFF_EDIT, methods=READ_AND_SEND)
def add(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Add somebody to the internal team; they choose their password with a link that comes by mail."""
    context = frame(visit, section="team", is_section=False) | {
        "roles": ROLES,
        "errors": {},
        "typed": {name: request.POST.get(name, "") for name in ("email", "full_name", "role")},
    }
    if request.method != "POST":
        return render(request, "console/team_add.html", context)
    try:
        actions.add_staff(
            visit.actor,
            email=request.POST.get("email", ""),
            full_name=request.POST.get("full_name", ""),
            role=chosen_role(request),
            link_to=welcome_address(request),
        )
    except Refused as refused:
        context |= {"errors": person_fault(refused)}
        return render(request, "console/team_add.html", context, status=422)
    return redirect("console:team")


def chosen_role(request: HttpRequest) -> StaffRole:
    """Give the role that was chosen; raises Refused(`invalid_input`) if it is none."""
    sent = request.POST.get("role", "")
    if sent not in set(StaffRole):
        raise Refused(Code.INVALID_INPUT, field="role", reason="invalid")
    return StaffRole(sent)


def welcome_address(request: HttpRequest) -> str:
    """Give the page that an invitation leads to."""
    return public_address(request, reverse("console:welcome"))


@for_staff(Permission.STAFF_EDIT, methods=READ_AND_SEND)
def person(request: HttpRequest, visit: StaffVisit, user_id: int) -> HttpResponse:
    """Show one person of the internal team, or change what the pressed button says."""
    try:
        found = colleague(visit.actor, user_id=user_id)
    except Refused as refused:
        raise Http404 from refused
    if request.method != "POST":
        return person_page(request, visit, found)
    change = CHANGES.get(request.POST.get("do", ""))
    if change is None:
        return person_page(request, visit, found, status=422)
    try:
        change(request, visit, user_id)
    except Refused as refused:
        return person_page(
            request,
            visit,
            found,
            problem=staff_conflict(refused),
            status=CODES[refused.code].status,
        )
    return redirect("console:team")


def person_page(
    request: HttpRequest,
    visit: StaffVisit,
    person: Colleague,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show one person, with what could not be done."""
    context = frame(visit, section="team", is_section=False) | {
        "person": shown(person),
        "is_oneself": person.id == visit.user.pk,
        "roles": ROLES,
        "problem": problem,
    }
    return render(request, "console/person.html", context, status=status)


def change_role(request: HttpRequest, visit: StaffVisit, user_id: int) -> None:
    """Give the person the chosen role."""
    actions.change_staff_role(visit.actor, user_id=user_id, role=chosen_role(request))


def deactivate(_request: HttpRequest, visit: StaffVisit, user_id: int) -> None:
    """Keep the person out."""
    actions.deactivate_staff(visit.actor, user_id=user_id)


def reactivate(_request: HttpRequest, visit: StaffVisit, user_id: int) -> None:
    """Let the person in again."""
    actions.reactivate_staff(visit.actor, user_id=user_id)


def end_sessions(_request: HttpRequest, visit: StaffVisit, user_id: int) -> None:
    """Log the person out everywhere."""
    actions.end_staff_sessions(visit.actor, user_id=user_id)


def invite_again(request: HttpRequest, visit: StaffVisit, user_id: int) -> None:
    """Mail the person a new link."""
    link_to = welcome_address(request)
    actions.invite_staff_again(visit.actor, user_id=user_id, link_to=link_to)


CHANGES: Final[dict[str, Callable[[HttpRequest, StaffVisit, int], None]]] = {
    "role": change_role,
    "deactivate": deactivate,
    "reactivate": reactivate,
    "end_sessions": end_sessions,
    "invite_again": invite_again,
}
