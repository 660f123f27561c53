"""The links in mail: signed, each for one purpose, with an end, and of no use once they were used.

Nothing about them is stored. A confirmation is over when the address is confirmed; a new password's link when the
password, the address or the last log-in is another one; the link to another address when password or address are.
"""

from typing import Final

from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.utils.crypto import salted_hmac

from keydesk.control.people.models import User

CONFIRMATION_SECONDS: Final = 3 * 24 * 3600
CONFIRMATION_SALT: Final = "keydesk address confirmation/v1"

CHANGE_SECONDS: Final = 24 * 3600
CHANGE_SALT: Final = "keydesk change of address/v1"

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


def change_token(user: User, email: str) -> str:
    """Give what a link holds with which this becomes the person's address."""
    return signing.dumps([user.pk, email, _entrance_of(user)], salt=CHANGE_SALT)


def address_behind(token: str, user: User) -> str | None:
    """Give the address that a link gives to this person.

    None for a link that was made up, altered or is too old, that is another person's, or that was made while the person
    had another address or password: who asked may not have been the person then.
    """
    try:
        made_for, email, entrance = signing.loads(token, salt=CHANGE_SALT, max_age=CHANGE_SECONDS)
    except (signing.BadSignature, TypeError, ValueError):
        return None
    return str(email) if [made_for, entrance] == [user.pk, _entrance_of(user)] else None


def _entrance_of(user: User) -> str:
    """Give a name of what the person logs in with now; a change of either makes it another, and it tells neither."""
    return salted_hmac(
        CHANGE_SALT, f"{user.email}\0{user.password}", algorithm="sha256"
    ).hexdigest()


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
