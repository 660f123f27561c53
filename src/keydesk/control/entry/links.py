"""The links in mail: signed, each for one purpose, with an end, and of no use once they were used.

Nothing about them is stored. A confirmation is over when the address is confirmed; a new password's link when the
password, the address or the last log-in is another one.
"""

from typing import Final

from django.contrib.auth.tokens import default_token_generator
from django.core import signing

from keydesk.control.people.models import User

CONFIRMATION_SECONDS: Final = 3 * 24 * 3600
CONFIRMATION_SALT: Final = "keydesk address confirmation/v1"

ID_DIGITS: Final = 18
"""As many digits can a person's number have that every database takes."""


def confirmation_token(user: User) -> str:
    """Give what a link that confirms the person's address holds."""
    return signing.dumps([user.pk, user.email], salt=CONFIRMATION_SALT)


def confirms(token: str) -> tuple[int, str] | None:
    """Give the user's id and address that a link confirms; None for one that was made up, altered or is too old."""
    try:
        user_id, email = signing.loads(token, salt=CONFIRMATION_SALT, max_age=CONFIRMATION_SECONDS)
    except (signing.BadSignature, TypeError, ValueError):
        return None
    return user_id, email


def password_token(user: User) -> str:
    """Give what a link holds with which the person chooses a new password, within Django's hour."""
    return f"{user.pk}-{default_token_generator.make_token(user)}"


def opens_password_of(token: str) -> User | None:
    """Give whose password a link opens; None for one that was made up, is too old or was used."""
    number, _dash, proof = token.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) <= ID_DIGITS):
        return None
    user = User.objects.filter(pk=int(number), is_active=True).first()
    return user if user is not None and default_token_generator.check_token(user, proof) else None
