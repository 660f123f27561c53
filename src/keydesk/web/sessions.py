"""How long a session lasts, where it is held, and who acts in a request."""

from typing import Any, Final

from django.contrib.auth import logout
from django.http import HttpRequest

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.accounts.models import Account
from keydesk.control.people.actions import note_logout
from keydesk.control.people.models import User
from keydesk.control.people.queries import actor_for, is_privileged
from keydesk.control.people.rules import SessionEnd
from keydesk.control.policies.models import Policies
from keydesk.control.policies.queries import current_policies
from keydesk.control.sessions.held import end_sessions, note_session, rename_session
from keydesk.core.clock import system_clock

NOTED_EVERY_SECONDS: Final = 30
"""How often a busy session is written; a session may therefore end this much too early, never too late."""

STARTED: Final = "started_at"
SEEN: Final = "seen_at"


def end_if_over(request: HttpRequest) -> None:
    """Log the person out if their session is over, or else note that it was used."""
    if not isinstance(request.user, User):
        return
    now = int(system_clock())
    if STARTED not in request.session:
        request.session[STARTED] = request.session[SEEN] = now
        hold_session(request, request.user)
    started, seen = request.session[STARTED], request.session[SEEN]
    policies = current_policies()
    is_old = now - started >= policies.session_hours * 3600
    if is_old or now - seen >= idle_seconds(request.user, policies):
        note_logout(person(request, request.user), reason=SessionEnd.OVER)
        let_go(request)
        logout(request)
    elif now - seen >= NOTED_EVERY_SECONDS:
        request.session[SEEN] = now
        hold_session(request, request.user)


def idle_seconds(user: User, policies: Policies) -> int:
    """Give how long this person's session may rest: less for whoever may see keys, and for the internal team."""
    minutes = policies.privileged_idle_minutes if is_privileged(user) else policies.idle_minutes
    return minutes * 60


def hold_session(request: HttpRequest, user: User) -> None:
    """Put the session into the list of the person's sessions; one that is too many makes the oldest end."""
    ended = note_session(
        user.pk,
        session_key=request.session.session_key or "",
        ip=request.META["REMOTE_ADDR"],
        browser=request.headers.get("User-Agent", ""),
    )
    if ended:
        note_logout(person(request, user), reason=SessionEnd.TOO_MANY)


def let_go(request: HttpRequest) -> None:
    """Take the session out of the list, and delete it."""
    end_sessions([request.session.session_key or ""])


def renew_session(request: HttpRequest) -> None:
    """Give the session another key, as after every confirmation; it stays the same session in the list."""
    before = request.session.session_key or ""
    request.session.cycle_key()
    rename_session(before, to=request.session.session_key or "")


def person(request: HttpRequest, user: User | None) -> Actor:
    """Give a person as the actor they are outside of any account, one without permissions; None is a stranger."""
    return Actor(
        kind=ActorKind.MEMBER,
        label="stranger" if user is None else user.email,
        user_id=None if user is None else user.pk,
        **came_with(request),
    )


def acting_in(request: HttpRequest, user: User, account: Account | None) -> Actor | None:
    """Give a person as the actor they are in an account, or in the internal team without one; None if in neither."""
    return actor_for(user, account, **came_with(request))


def came_with(request: HttpRequest) -> dict[str, Any]:
    """Give what the audit trail notes of a request; the session's key names it there and opens nothing."""
    return {
        "session": request.session.session_key,
        "ip": request.META.get("REMOTE_ADDR") or None,
        "request_id": request.META.get("KEYDESK_REQUEST_ID"),
    }
