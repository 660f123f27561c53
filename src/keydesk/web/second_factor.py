"""Coming in with a second factor after the password, or with a passkey alone."""

from http import HTTPStatus
from typing import Any

from allauth.account.models import Login
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django.forms import Form
from django.http import HttpRequest, HttpResponse

from keydesk.control.security.queries import factors_of
from keydesk.control.security.rules import Kind
from keydesk.web.entrance import LogIn
from keydesk.web.factors import CodeForm, PasskeyForm, passkey_request, too_many


class SecondFactor(AuthenticateView):  # type: ignore[misc] # allauth ships no types
    """The form for the second factor of somebody whose password was right."""

    form_class = CodeForm
    webauthn_form_class = PasskeyForm
    template_name = "security/factor.html"

    def form_invalid(self, form: Form) -> HttpResponse:
        """Show the form again with what is wrong."""
        many = too_many(form)
        response: HttpResponse = self.render_to_response(
            {
                **self.get_context_data(),
                "is_passkey_wrong": isinstance(form, PasskeyForm) and not many,
                "too_many": many,
            }
        )
        status = HTTPStatus.TOO_MANY_REQUESTS if many else HTTPStatus.UNPROCESSABLE_ENTITY
        response.status_code = status
        return response

    def get_context_data(self, **_: Any) -> dict[str, Any]:
        """Give the form, and what a browser is asked for if the person has a passkey."""
        user = self.stage.login.user
        kinds = set(factors_of(user.pk).values_list("type", flat=True))
        return {
            "form": self.auth_form,
            "has_app": Kind.TOTP in kinds,
            "passkey_request": passkey_request(user) if Kind.PASSKEY in kinds else "",
        }


class PasskeyLogIn(LogIn):
    """Logging in with a passkey: the browser asks what to show, shows it, and the person is in."""

    def get(self, _request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Give what a browser is asked for."""
        return HttpResponse(passkey_request(None), content_type="application/json")

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Log the passkey's person in."""
        form = PasskeyForm(user=None, data=request.POST)
        if not form.is_valid():
            context = self.get_context_data(form=self.get_form_class()(), is_passkey_wrong=True)
            response: HttpResponse = self.render_to_response(context)
            response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
            return response
        passkey = form.cleaned_data["credential"]
        login = Login(user=passkey.user, redirect_url=self.get_success_url())
        answer: HttpResponse = perform_passwordless_login(request, passkey, login)
        return answer
