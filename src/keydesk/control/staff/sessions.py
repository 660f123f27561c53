"""Ending every session of a person at once."""

from importlib import import_module

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone


def end_sessions_of(user_id: int) -> int:
    """End a person's sessions, in the caller's transaction, and give their number.

    Whose a session is stands in its signed text, so every session that is not over is read.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    theirs = [
        session.session_key
        for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if store.decode(session.session_data).get(SESSION_KEY) == str(user_id)
    ]
    ended, _ = Session.objects.filter(session_key__in=theirs).delete()
    return ended
