"""Who visits which account's pages: every page of an account goes through here, and strangers find nothing."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, NamedTuple

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role
from keydesk.control.accounts.models import Account
from keydesk.control.audit.actions import authorise
from keydesk.control.people.models import User
from keydesk.control.people.queries import actor_for, memberships_of
from keydesk.control.viewings.models import Viewing
from keydesk.control.viewings.queries import open_viewing, viewer
from keydesk.core.records import Environment
from keydesk.web.addresses import page_of_form
from keydesk.web.htmx import redirect_to
from keydesk.web.sessions import session_ref

ROLE_NAMES: Final = {
    Role.SUPERADMIN: _("Superadmin"),
    Role.ADMIN: _("Admin"),
    Role.APPROVER: _("Approver"),
    Role.MAKER: _("Maker"),
    Role.VIEWER: _("Viewer"),
}


class Visit(NamedTuple):
    """One request of a member to a page of an account."""

    user: User
    account: Account
    actor: Actor
    environment: Environment
    other_accounts: list[Account]
    viewing: Viewing | None = None
    """There if the person is of the internal team and looks at the account as its people see it."""

    @property
    def role_name(self) -> str:
        """What the person is in this account, in words."""
        if self.viewing is not None:
            return str(_("Internal team"))
        return "" if self.actor.role is None else str(ROLE_NAMES[self.actor.role])

    @property
    def carried(self) -> str:
        """What a link inside the account takes along, so that the environment stays chosen."""
        return "" if self.environment is Environment.LIVE else f"?environment={self.environment}"


Page = Callable[..., HttpResponse]
READ: Final = ("GET", "HEAD")
READ_AND_SEND: Final = ("GET", "HEAD", "POST")


def for_members(
    permission: Permission | None = None, *, methods: tuple[str, ...] = READ
) -> Callable[[Page], Page]:
    """Let a page be seen by members of its account alone, and by those with the permission if one is given.

    A stranger is sent to log in and comes back. To everybody else the page does not exist, before anything of the
    request is looked at. The page is called with the request and the visit.

    The internal team comes in with a viewing, and only looks: a page that takes a form is not there for them.
    """

    def decorate(page: Page) -> Page:
        @wraps(page)
        def handle(request: HttpRequest, username: str, **parts: Any) -> HttpResponse:
            if not isinstance(request.user, User):
                return log_in_first(request)
            visit = visit_to(request, request.user, username)
            if visit.viewing is not None and methods != READ:
                raise Http404
            if permission is not None:
                require_permission(visit, permission)
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return page(request, visit, **parts)

        return handle

    return decorate


def visit_to(request: HttpRequest, user: User, username: str) -> Visit:
    """Give the visit of a logged-in person to an account; raises Http404 if they are no member and view it neither."""
    accounts = [membership.account for membership in memberships_of(user)]
    account = next((account for account in accounts if account.username == username), None)
    if account is None:
        return viewing_of(request, user, username)
    actor = actor_for(
        user,
        account,
        session_ref=session_ref(request),
        ip=request.META.get("REMOTE_ADDR") or None,
        request_id=request.META.get("KEYDESK_REQUEST_ID"),
    )
    if actor is None:
        raise Http404
    others = [other for other in accounts if other is not account]
    return Visit(user, account, actor, chosen_environment(request), others)


def viewing_of(request: HttpRequest, user: User, username: str) -> Visit:
    """Give the visit of a staff person who views an account; raises Http404 if they do not."""
    actor = actor_for(
        user,
        None,
        session_ref=session_ref(request),
        ip=request.META.get("REMOTE_ADDR") or None,
        request_id=request.META.get("KEYDESK_REQUEST_ID"),
    )
    viewing = None if actor is None else open_viewing(actor, username=username)
    if actor is None or viewing is None:
        raise Http404
    environment = chosen_environment(request)
    return Visit(user, viewing.account, viewer(actor, viewing), environment, [], viewing)


def chosen_environment(request: HttpRequest) -> Environment:
    """Give the environment that the address asks for, live if it asks for none that there is."""
    is_test = request.GET.get("environment") == Environment.TEST
    return Environment.TEST if is_test else Environment.LIVE


def require_permission(visit: Visit, permission: Permission) -> None:
    """Raise Http404 unless the member has the permission; the audit trail keeps the attempt."""
    try:
        authorise(visit.actor, permission, account_id=visit.account.id)
    except Refused as refused:
        raise Http404 from refused


def log_in_first(request: HttpRequest) -> HttpResponse:
    """Send a stranger to log in, with the way back."""
    back = urlencode({REDIRECT_FIELD_NAME: page_of_form(request)})
    return redirect_to(request, f"{reverse('account_login')}?{back}")
