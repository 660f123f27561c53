"""Who visits which account's pages: every page of an account goes through here, and strangers find nothing."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
)
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role
from keydesk.control.accounts.models import Account
from keydesk.control.audit.actions import authorise
from keydesk.control.people.actions import note_account_in_use
from keydesk.control.people.models import Membership, User
from keydesk.control.people.queries import memberships_of
from keydesk.control.viewings.models import Viewing
from keydesk.control.viewings.queries import open_viewing, viewer
from keydesk.core.records import AccountStatus, Environment
from keydesk.web.addresses import page_of_form
from keydesk.web.htmx import redirect_to
from keydesk.web.sessions import acting_in

ROLE_NAMES: Final = {
    Role.SUPERADMIN: _("Superadmin"),
    Role.ADMIN: _("Admin"),
    Role.APPROVER: _("Approver"),
    Role.MAKER: _("Maker"),
    Role.VIEWER: _("Viewer"),
}

ACCOUNT: Final = "account"
"""What the session keeps of the account that the person was in last."""
MENU_UP_TO_ACCOUNTS: Final = 9
"""As many accounts stand in the menu; from ten on they have a page with a search."""


BEFORE_APPROVAL: Final = frozenset(
    {
        AccountStatus.DRAFT,
        AccountStatus.WAITING_FOR_APPROVAL,
        AccountStatus.NEED_REVISION,
        AccountStatus.REJECTED,
    }
)
"""Statuses in which the onboarding is among the account's pages."""


class Visit(NamedTuple):
    """One request of a member to a page of an account."""

    user: User
    account: Account
    actor: Actor
    environment: Environment
    memberships: list[Membership]
    """All of the person that are active, by the company's name; this account's is among them."""
    viewing: Viewing | None = None
    """There if the person is of the internal team and looks at the account as its people see it."""

    def url(self, page: str, **parts: str | int) -> str:
        """Give the address of a page of this account, by the name of its route."""
        return reverse(f"dashboard:{page}", kwargs={"username": self.account.username, **parts})

    @property
    def role_name(self) -> str:
        """What the person is in this account, in words."""
        if self.viewing is not None:
            return str(_("Internal team"))
        return "" if self.actor.role is None else str(ROLE_NAMES[self.actor.role])

    @property
    def may_request_products(self) -> bool:
        """Whether the products of the catalogue are for this person."""
        return self.actor.can(Permission.ENTITLEMENT_REQUEST)

    @property
    def may_edit_application(self) -> bool:
        """Whether the onboarding is for this person."""
        return self.actor.can(Permission.APPLICATION_EDIT)

    @property
    def is_onboarding(self) -> bool:
        """Whether the account's way to its approval is not over yet, and this person may go it."""
        return self.may_edit_application and self.account.status in BEFORE_APPROVAL

    @property
    def may_view_team(self) -> bool:
        """Whether the menu leads to the team."""
        return self.actor.can(Permission.TEAM_VIEW)

    @property
    def may_view_activity(self) -> bool:
        """Whether the menu leads to what happened in the account."""
        return self.actor.can(Permission.ACTIVITY_VIEW)

    @property
    def switch(self) -> list[dict[str, Any]]:
        """The accounts that the menu offers, none if there is only this one or if there are too many."""
        if not 1 < len(self.memberships) <= MENU_UP_TO_ACCOUNTS:
            return []
        return [account_line(membership, self.account) for membership in self.memberships]

    @property
    def account_count(self) -> int:
        """How many accounts the person can switch between, 0 if the menu offers them all."""
        count = len(self.memberships)
        return count if count > MENU_UP_TO_ACCOUNTS else 0

    @property
    def carried(self) -> str:
        """What a link inside the account takes along, so that the environment stays chosen."""
        return "" if self.environment is Environment.LIVE else f"?environment={self.environment}"


Page = Callable[..., HttpResponseBase]
READ: Final = ("GET", "HEAD")
READ_AND_SEND: Final = ("GET", "HEAD", "POST")


def account_line(membership: Membership, here: Account | None = None) -> dict[str, Any]:
    """Give what a list of a person's accounts shows of one."""
    return {
        "name": membership.account.name,
        "username": membership.account.username,
        "role_name": ROLE_NAMES[Role(membership.role)],
        "is_here": here is not None and membership.account_id == here.id,
    }


def for_members(
    permission: Permission | None = None,
    *,
    methods: tuple[str, ...] = READ,
    is_personal: bool = False,
) -> Callable[[Page], Page]:
    """Let a page be seen by members of its account alone, and by those with the permission if one is given.

    A stranger is sent to log in and comes back. To everybody else the page does not exist, before anything of the
    request is looked at. The page is called with the request and the visit.

    The internal team comes in with a viewing, and only looks: a page that takes a form, or that is about the person
    alone (`is_personal`), is not there for them.
    """

    def decorate(page: Page) -> Page:
        @wraps(page)
        def handle(request: HttpRequest, username: str, **parts: Any) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return log_in_first(request)
            visit = visit_to(request, request.user, username)
            if visit.viewing is not None and (methods != READ or is_personal):
                raise Http404
            if permission is not None:
                require_permission(visit, permission)
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            response = page(request, visit, **parts)
            note_visit(request, visit, response)
            return response

        return handle

    return decorate


def visit_to(request: HttpRequest, user: User, username: str) -> Visit:
    """Give the visit of a logged-in person to an account; raises Http404 if they are no member and view it neither."""
    memberships = list(memberships_of(user))
    here = next((each for each in memberships if each.account.username == username), None)
    if here is None:
        return viewing_of(request, user, username)
    actor = acting_in(request, user, here.account)
    if actor is None:
        raise Http404
    return Visit(user, here.account, actor, chosen_environment(request), memberships)


def note_visit(request: HttpRequest, visit: Visit, response: HttpResponseBase) -> None:
    """Note to which account the person has come; only where they were shown a page, for a 404 must leave no trace."""
    is_shown = request.method == "GET" and response.status_code == HTTPStatus.OK
    if is_shown and request.session.get(ACCOUNT) != visit.account.id:
        note_account_in_use(visit.user.pk, account_id=visit.account.id)
        request.session[ACCOUNT] = visit.account.id


def viewing_of(request: HttpRequest, user: User, username: str) -> Visit:
    """Give the visit of a staff person who views an account; raises Http404 if they do not."""
    actor = acting_in(request, user, None)
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
