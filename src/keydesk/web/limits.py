"""How often a stranger may do something, counted in the database's cache and so by all processes together."""

from typing import Final

from allauth.core.internal import ratelimit
from django.http import HttpRequest

from keydesk.control.people.rules import plain_email

LIMITS: Final = {
    "address_change": "20/m/ip,5/h/key,5/h/user",
    "confirmation": "20/m/ip,5/h/key",
    "new_password": "20/m/ip",
    "password_asked": "20/m/ip,5/h/key",
    "sign_up": "20/m/ip",
    "sign_up_mail": "5/h/key",
}
"""By what is done: so many in a time, by the client's address, the email address that was typed, and who asks."""


def is_within(request: HttpRequest, action: str, *, key: str = "") -> bool:
    """Count this try, and say whether it is within its limits."""
    return count(request, action, key=key) is not None


def count(request: HttpRequest, action: str, *, key: str = "") -> ratelimit.RateLimitUsage | None:
    """Count this try, and give the count, which can be taken back; None if the limit is reached.

    However an address is written, it counts as one; without one, the client's takes its place.
    """
    used: ratelimit.RateLimitUsage | None = ratelimit.consume(
        request,
        app="keydesk",
        action=action,
        config=LIMITS,
        key=plain_email(key) or request.META["REMOTE_ADDR"],
        limit_get=True,
    )
    return used
