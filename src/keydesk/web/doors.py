"""The two doors of the desk, and who gets in at which; what is told to whoever does not is the same everywhere."""

from typing import Any, Final

from allauth.account.auth_backends import AuthenticationBackend
from django.http import HttpRequest

from keydesk.control.people.models import User

STAFF_DOOR: Final = "console:login"
"""The name of the log-in for the internal team alone."""


class Doorkeeper(AuthenticationBackend):  # type: ignore[misc] # allauth ships no types
    """Checks passwords; at the internal team's door a customer's right one counts as wrong, and takes as long."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Give the person whose password this is, if they may come in at this door."""
        user: User | None = super().authenticate(request, **credentials)
        is_wrong_door = user is not None and is_staff_door(request) and not user.is_internal
        return None if is_wrong_door else user

    @classmethod
    def _stash_user(cls, user: User | None) -> None:
        """Keep no deactivated person aside: allauth would tell whoever has their password that it is right."""


def is_staff_door(request: HttpRequest | None) -> bool:
    """Say whether a request goes to the log-in of the internal team."""
    match = None if request is None else request.resolver_match
    return match is not None and match.view_name == STAFF_DOOR
