"""What the worker does by the clock."""

from importlib import import_module
from typing import Final

from django.conf import settings

from keydesk.control.entitlements.schedule import carry_out_due_changes
from keydesk.control.feed.actions import heartbeat
from keydesk.control.keys.endings import warn_of_endings
from keydesk.control.onboarding.files import forget_orphans
from keydesk.control.sessions.held import forget_ended_sessions
from keydesk.control.stepup.grants import forget_old_grants
from keydesk.control.usage.retention import forget_old_usage
from keydesk.jobs.chain import keep_chain
from keydesk.jobs.loop import Task
from keydesk.jobs.mail import send_due_mail
from keydesk.jobs.usage import drain_usage

CHAIN_SECONDS: Final = 1
HEARTBEAT_SECONDS: Final = 5
CLEARING_SECONDS: Final = 300
MAIL_SECONDS: Final = 1
SCHEDULE_SECONDS: Final = 1
USAGE_SECONDS: Final = 1
WARNING_SECONDS: Final = 300


def clear_sessions() -> None:
    """Delete the sessions that have expired, and what is held about those that are no more."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    forget_ended_sessions()


TASKS: Final = (
    Task("heartbeat", HEARTBEAT_SECONDS, heartbeat),
    Task("send mail", MAIL_SECONDS, send_due_mail),
    Task("carry out planned changes", SCHEDULE_SECONDS, carry_out_due_changes),
    Task("take usage", USAGE_SECONDS, drain_usage),
    Task("keep the audit trail's chain", CHAIN_SECONDS, keep_chain),
    Task("warn of keys that end", WARNING_SECONDS, warn_of_endings),
    Task("clear usage", CLEARING_SECONDS, forget_old_usage),
    Task("clear grants", CLEARING_SECONDS, forget_old_grants),
    Task("clear documents", CLEARING_SECONDS, forget_orphans),
    Task("clear sessions", CLEARING_SECONDS, clear_sessions),
)
