"""How long a session lasts, and how the audit trail names it."""

import hashlib
from typing import Final

from django.contrib.auth import logout
from django.http import HttpRequest

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.roles import Role
from keydesk.control.people.actions import note_logout
from keydesk.control.people.models import User
from keydesk.control.people.queries import memberships_of
from keydesk.control.people.rules import SessionEnd
from keydesk.core.clock import system_clock
from keydesk.web.policies import LONGEST_SESSION_SECONDS

IDLE_SECONDS: Final = 30 * 60
PRIVILEGED_IDLE_SECONDS: Final = 15 * 60
PRIVILEGED: Final = frozenset({Role.SUPERADMIN, Role.ADMIN})
NOTED_EVERY_SECONDS: Final = 30
"""How often a busy session is written; a session may therefore end this much too early, never too late."""

STARTED: Final = "started_at"
SEEN: Final = "seen_at"


def end_if_over(request: HttpRequest) -> None:
    """Log the person out if their session is over, or else note that it was used."""
    if not isinstance(request.user, User):
        return
    now = int(system_clock())
    started = request.session.setdefault(STARTED, now)
    seen = request.session.setdefault(SEEN, now)
    if now - started >= LONGEST_SESSION_SECONDS or now - seen >= idle_seconds(request.user):
        note_logout(person(request, request.user), reason=SessionEnd.OVER)
        logout(request)
    elif now - seen >= NOTED_EVERY_SECONDS:
        request.session[SEEN] = now


def idle_seconds(user: User) -> int:
    """Give how long this person's session may rest: less for whoever may see keys in any account."""
    is_privileged = any(membership.role in PRIVILEGED for membership in memberships_of(user))
    return PRIVILEGED_IDLE_SECONDS if is_privileged else IDLE_SECONDS


def session_ref(request: HttpRequest) -> str | None:
    """Give a name of the session that cannot be used as its key; None without a session."""
    key = request.session.session_key
    return None if key is None else hashlib.sha256(key.encode()).hexdigest()[:32]


def person(request: HttpRequest, user: User | None) -> Actor:
    """Give a person as the actor they are outside of any account, one without permissions; None is a stranger."""
    return Actor(
        kind=ActorKind.MEMBER,
        label="stranger" if user is None else user.email,
        user_id=None if user is None else user.pk,
        session=session_ref(request),
        ip=request.META.get("REMOTE_ADDR") or None,
        request_id=request.META.get("KEYDESK_REQUEST_ID"),
    )
