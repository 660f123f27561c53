"""How people get in and out: allauth with what this desk decides about it, and a record of each."""

from http import HTTPStatus
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from allauth.account.views import LoginView, LogoutView
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from keydesk.control.entry.actions import send_confirmation
from keydesk.control.people.actions import note_failed_login, note_login, note_logout
from keydesk.control.people.models import User
from keydesk.control.people.queries import user_by_email
from keydesk.control.people.rules import SessionEnd, plain_email
from keydesk.web.limits import is_within
from keydesk.web.sessions import hold_session, let_go, person


class Entrance(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    """What this desk decides of allauth's ways in; the sign-up is not among them but a page of our own."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The email address or the password is not right."),
        "too_many_login_attempts": _("Too many tries. Wait five minutes before you try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Say that allauth makes no log-in: `control.entry` does."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Give the person behind an address and a password, in one time and with one answer for all who cannot enter.

        However an address is written, its tries are counted together. A disabled person is told what a wrong password
        is told.
        """
        if "email" in credentials:
            credentials["email"] = plain_email(credentials["email"])
        user: User | None = super().authenticate(request, **credentials)
        if user is None or user.is_active:
            return user
        self.authentication_failed(request, **credentials)
        return None

    def pre_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse | None:
        """Let nobody in who has not confirmed their address: the mail goes out again, as often as its limit lets it.

        Only who knows the password comes this far.
        """
        if user.email_confirmed_at is None:
            if is_within(request, "confirmation", key=user.email):
                send_confirmation(person(request, user), email=user.email)
            return redirect("web:look_into_mailbox")
        response: HttpResponse | None = super().pre_login(request, user, **options)
        return response

    def login(self, request: HttpRequest, user: User) -> None:
        """Begin a person's session, and leave a record."""
        super().login(request, user)
        browser = request.headers.get("User-Agent", "")
        note_login(person(request, user), browser=browser)
        hold_session(request, user)

    def logout(self, request: HttpRequest) -> None:
        """End the session, and leave a record."""
        if isinstance(request.user, User):
            note_logout(person(request, request.user), reason=SessionEnd.LOGGED_OUT)
            let_go(request)
        super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave a record of a wrong password; allauth's limits let few through.

        An address that is nobody's is not kept: people type passwords there by mistake.
        """
        user = user_by_email(credentials.get("email", ""))
        note_failed_login(person(request, user))


class LogOut(LogoutView):  # type: ignore[misc] # allauth ships no types
    """Leaving: the browser forgets what it kept of the pages."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """End the session."""
        response: HttpResponse = super().post(*args, **kwargs)
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response


class LogIn(LoginView):  # type: ignore[misc] # allauth ships no types
    """The form for logging in, which tells programs too that there were too many tries."""

    def _redirect_to_pending_stage(self, request: HttpRequest, _stage: Any) -> None:
        """Begin anew: whoever comes back here instead of giving their second factor may be somebody else."""
        clear_login(request)

    def form_invalid(self, form: Form) -> HttpResponse:
        """Show the form again with what is wrong."""
        response: HttpResponse = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, "too_many_login_attempts"):
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
        return response
