"""What the worker does by the clock."""

from importlib import import_module
from typing import Final

from django.conf import settings

from keydesk.control.entitlements.schedule import carry_out_due_changes
from keydesk.control.feed.actions import heartbeat
from keydesk.control.stepup.grants import forget_old_grants
from keydesk.jobs.loop import Task

HEARTBEAT_SECONDS: Final = 5
CLEARING_SECONDS: Final = 300
SCHEDULE_SECONDS: Final = 1


def clear_sessions() -> None:
    """Delete the sessions that have expired."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


TASKS: Final = (
    Task("heartbeat", HEARTBEAT_SECONDS, heartbeat),
    Task("carry out planned changes", SCHEDULE_SECONDS, carry_out_due_changes),
    Task("clear grants", CLEARING_SECONDS, forget_old_grants),
    Task("clear sessions", CLEARING_SECONDS, clear_sessions),
)
