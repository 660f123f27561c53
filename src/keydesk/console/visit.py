"""Who visits the Console: every page of it goes through here; to all but the internal team it is not there."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, StaffRole
from keydesk.control.audit.actions import authorise
from keydesk.control.people.models import User
from keydesk.web.addresses import page_of_form
from keydesk.web.htmx import redirect_to
from keydesk.web.sessions import acting_in

STAFF_ROLE_NAMES: Final = {
    StaffRole.REVIEWER: _("Reviewer"),
    StaffRole.OPERATIONS: _("Operations"),
    StaffRole.SECURITY: _("Security"),
    StaffRole.OWNER: _("Owner"),
}


class StaffVisit(NamedTuple):
    """One request of a person of the internal team to a page of the Console."""

    user: User
    actor: Actor

    def may(self, permission: Permission) -> bool:
        """Say whether the person has a permission, for what a page offers them."""
        return self.actor.can(permission)

    @property
    def role_name(self) -> str:
        """What the person is in the internal team, in words."""
        return "" if self.actor.staff_role is None else str(STAFF_ROLE_NAMES[self.actor.staff_role])

    @property
    def may_review(self) -> bool:
        """Whether the person decides on applications."""
        return self.actor.can(Permission.APPLICATION_DECIDE)


Page = Callable[..., HttpResponse]
READ: Final = ("GET", "HEAD")
READ_AND_SEND: Final = ("GET", "HEAD", "POST")


def for_staff(
    permission: Permission = Permission.ACCOUNT_VIEW, *, methods: tuple[str, ...] = READ
) -> Callable[[Page], Page]:
    """Let a page be seen by those of the internal team who have the permission; for everybody else it is not there.

    A stranger is sent to log in and comes back. The page is called with the request and the visit.
    """

    def decorate(page: Page) -> Page:
        @wraps(page)
        def handle(request: HttpRequest, **parts: Any) -> HttpResponse:
            if not isinstance(request.user, User):
                back = urlencode({"next": page_of_form(request)})
                return redirect_to(request, f"{reverse('console:login')}?{back}")
            visit = visit_of(request, request.user)
            require_permission(visit, permission)
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return page(request, visit, **parts)

        return handle

    return decorate


def visit_of(request: HttpRequest, user: User) -> StaffVisit:
    """Give the visit of a logged-in person; raises Http404 if they are not of the internal team."""
    actor = acting_in(request, user, None)
    if actor is None:
        raise Http404
    return StaffVisit(user, actor)


def require_permission(visit: StaffVisit, permission: Permission) -> None:
    """Raise Http404 unless the person has the permission; the audit trail keeps the attempt."""
    try:
        authorise(visit.actor, permission)
    except Refused as refused:
        raise Http404 from refused
