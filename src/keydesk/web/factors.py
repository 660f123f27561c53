"""What this desk decides about allauth's second factors: how they are sealed, and how what is typed is checked."""

import base64
import json
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth as passkeys
from django.core.exceptions import ValidationError
from django.forms import Form

from keydesk.control.access.refused import Refused
from keydesk.control.people.models import User
from keydesk.control.policies.queries import current_policies
from keydesk.control.security import sealing
from keydesk.control.security.actions import note_passkey, use_code
from keydesk.web.sessions import person

TOO_MANY = "too_many_login_attempts"
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)
"""What the libraries raise about an answer that no browser gives."""


class Factors(DefaultMFAAdapter):  # type: ignore[misc] # allauth ships no types
    """allauth's second factors, sealed."""

    def encrypt(self, text: str) -> str:
        """Give a secret as it may be stored."""
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Give a stored secret back."""
        return sealing.unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        """Give what an app calls this desk."""
        return current_policies().brand


class CodeForm(AuthenticateForm):  # type: ignore[misc] # allauth ships no types
    """A code of an app, or a recovery code."""

    def clean_code(self) -> str:
        """Spend the code; tries are limited for the person, in all processes together."""
        clear = check_rate_limit(self.user)
        code: str = self.cleaned_data["code"]
        try:
            self.authenticator = use_code(person(context.request, self.user), code=code)
        except Refused as refused:
            raise get_adapter().validation_error("incorrect_code") from refused
        clear()
        return code


class PasskeyForm(AuthenticateWebAuthnForm):  # type: ignore[misc] # allauth ships no types
    """A browser's answer about a passkey; whose, the answer itself says if no person is given."""

    def clean_credential(self) -> Any:
        """Give the passkey if it is right and its person may log in."""
        known = self.user
        try:
            passkey = super().clean_credential()
            is_right = passkey.user.is_active
        except (*MALFORMED, ValidationError) as error:
            if isinstance(error, ValidationError) and error.code == TOO_MANY:
                raise
            is_right = False
        user = known if known is not None else passkey.user if is_right else None
        if user is not None:
            note_passkey(person(context.request, user), is_right=is_right)
        if not is_right:
            raise get_adapter().validation_error("incorrect_code")
        return passkey


def too_many(form: Form) -> bool:
    """Say whether a form was refused for the number of tries."""
    return any(
        error.code == TOO_MANY for errors in form.errors.as_data().values() for error in errors
    )


def passkey_request(user: User | None) -> str:
    """Give, as JSON, what a browser is asked for to show a passkey: the person's, or anybody's."""
    return json.dumps(passkeys.begin_authentication(user)["publicKey"])


def passkey_offer(user: User) -> str:
    """Give, as JSON, what a browser is asked for to make a passkey that can log in alone."""
    return json.dumps(passkeys.begin_registration(user, passwordless=True)["publicKey"])


def made_passkey(answer: str) -> dict[str, Any] | None:
    """Give the passkey that a browser says it has made, None if that is not true of the offer in this session."""
    try:
        credential = json.loads(answer)
        passkeys.parse_registration_response(credential)
        binding = passkeys.complete_registration(credential)
    except (*MALFORMED, ValidationError):
        return None
    return credential if isinstance(credential, dict) and binding.is_user_verified() else None


def totp_picture(user: User, secret: str) -> str:
    """Give the code that an app reads with the camera, as the address of an image."""
    adapter = get_adapter()
    svg = adapter.build_totp_svg(adapter.build_totp_url(user, secret))
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
