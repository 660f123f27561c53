"""The sessions that people hold, and ending them in the caller's transaction: from the next request on they are gone.

allauth keeps the row that says on which browser a session is; the session itself is Django's, and what deletes the one
deletes the other.
"""

from datetime import timedelta
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

HELD_AT_MOST: Final = 5
"""Sessions of one person; the oldest ends when there is one more."""
BROWSER_LENGTH: Final = 200
ORPHANED_AFTER: Final = timedelta(minutes=5)


def sessions_of(user_id: int) -> QuerySet[Any]:
    """Give a person's sessions that can still be used, the one that was used last first."""
    open_ones = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    held: QuerySet[Any] = UserSession.objects.filter(user_id=user_id, session_key__in=open_ones)
    return held.order_by("-last_seen_at", "-pk")


def note_session(user_id: int, *, session_key: str, ip: str, browser: str) -> int:
    """Note that a session is used, from where and with what; gives how many older ones had to end for a new one."""
    seen = {
        "user_id": user_id,
        "ip": ip,
        "user_agent": browser[:BROWSER_LENGTH],
        "last_seen_at": timezone.now(),
    }
    with transaction.atomic():
        if UserSession.objects.filter(session_key=session_key).update(**seen):
            return 0
        # One after the other, so that two log-ins at once do not both find room.
        get_user_model().objects.select_for_update().get(pk=user_id)
        UserSession.objects.update_or_create(session_key=session_key, defaults=seen)
        newest_first = UserSession.objects.filter(user_id=user_id).order_by("-created_at", "-pk")
        too_many = newest_first.values_list("session_key", flat=True)[HELD_AT_MOST:]
        return end_sessions(list(too_many))


def rename_session(session_key: str, *, to: str) -> None:
    """Let a session keep its place in the list under its new key."""
    UserSession.objects.filter(session_key=session_key).update(session_key=to)


def end_sessions_of(user_id: int, *, but: str | None = None) -> int:
    """End a person's sessions, in the caller's transaction, but for the one with this key; gives how many ended."""
    held = UserSession.objects.filter(user_id=user_id).exclude(session_key=but or "")
    return end_sessions(list(held.values_list("session_key", flat=True)))


def end_sessions(session_keys: list[str]) -> int:
    """End the sessions with these keys, in the caller's transaction; gives how many there were."""
    Session.objects.filter(session_key__in=session_keys).delete()
    ended: int = UserSession.objects.filter(session_key__in=session_keys).delete()[0]
    return ended


def forget_ended_sessions() -> None:
    """Delete the rows of sessions that are no more."""
    before = timezone.now() - ORPHANED_AFTER
    there = Session.objects.values("session_key")
    UserSession.objects.filter(last_seen_at__lt=before).exclude(session_key__in=there).delete()
