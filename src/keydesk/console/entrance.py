"""How the internal team gets in: its own log-in, the first Owner's link, and an invitation's."""

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from keydesk.console.words import person_fault
from keydesk.control.access.refused import Refused
from keydesk.control.people.models import User
from keydesk.control.staff.actions import choose_first_password, make_first_owner
from keydesk.control.staff.queries import invited_person, makes_first_owner
from keydesk.core.codes import Code
from keydesk.web.entrance import LogIn
from keydesk.web.sessions import person

METHODS: Final = ["GET", "HEAD", "POST"]


class StaffLogIn(LogIn):
    """The log-in for the internal team alone; what anybody else is told, `web.doors` sees to."""

    template_name = "console/login.html"
    success_url = reverse_lazy("console:home")

    def get_authenticated_redirect_url(self) -> str:
        """Give where somebody goes who is logged in already: a customer to their own pages."""
        user = self.request.user
        if isinstance(user, User) and not user.is_internal:
            return reverse("dashboard:home")
        return str(super().get_authenticated_redirect_url())


@sensitive_post_parameters()
@require_http_methods(METHODS)
def first_owner(request: HttpRequest) -> HttpResponse:
    """Ask whoever has the link for what makes them the first Owner, and make them.

    The link's secret stands in the query and then in the form: what is logged of a request is its path alone.
    """
    token = token_of(request)
    if not makes_first_owner(token):
        return link_over(request)
    if request.method != "POST":
        return first_owner_form(request, token, {})
    if fault := repeated_wrongly(request):
        return first_owner_form(request, token, fault)
    try:
        make_first_owner(
            person(request, None),
            token=token,
            email=request.POST.get("email", ""),
            full_name=request.POST.get("full_name", ""),
            password=request.POST.get("password", ""),
        )
    except Refused as refused:
        if refused.code is Code.STAFF_LINK_INVALID:
            return link_over(request)
        return first_owner_form(request, token, person_fault(refused))
    return redirect("console:login")


def first_owner_form(request: HttpRequest, token: str, errors: dict[str, str]) -> HttpResponse:
    """Show the form, with what is wrong at its field; a password is never sent back."""
    typed = {name: request.POST.get(name, "") for name in ("email", "full_name")}
    context = {"token": token, "errors": errors, "typed": typed}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return render(request, "console/first_owner.html", context, status=status)


@sensitive_post_parameters()
@require_http_methods(METHODS)
def welcome(request: HttpRequest) -> HttpResponse:
    """Let somebody whom an Owner has added choose their password."""
    token = token_of(request)
    invited = invited_person(token)
    if invited is None:
        return link_over(request)
    context = {"token": token, "invited": invited, "errors": {}}
    if request.method != "POST":
        return render(request, "console/welcome.html", context)
    context["errors"] = repeated_wrongly(request)
    if not context["errors"]:
        try:
            choose_first_password(
                person(request, None), token=token, password=request.POST.get("password", "")
            )
        except Refused as refused:
            if refused.code is Code.STAFF_LINK_INVALID:
                return link_over(request)
            context["errors"] = person_fault(refused)
        else:
            return redirect("console:login")
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "console/welcome.html", context, status=status)


def token_of(request: HttpRequest) -> str:
    """Give the secret of the link that was followed."""
    return request.POST.get("token") or request.GET.get("token") or ""


def repeated_wrongly(request: HttpRequest) -> dict[str, str]:
    """Give what is wrong with a password that was typed twice, if it is not the same."""
    if request.POST.get("password") == request.POST.get("password_again"):
        return {}
    return {"password_again": _("The two are not the same.")}


def link_over(request: HttpRequest) -> HttpResponse:
    """Say that a link does not work, or no longer; nobody is told which."""
    return render(request, "console/link_over.html", status=HTTPStatus.GONE)
