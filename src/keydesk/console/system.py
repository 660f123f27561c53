"""How the desk itself is: its version, its database, this host's replica, the worker, the trail and the mail."""

import time
from importlib.metadata import PackageNotFoundError, version

import lmdb
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from keydesk.console.pages import frame
from keydesk.console.visit import StaffVisit, for_staff
from keydesk.control.chain.queries import backlog
from keydesk.control.feed.queries import feed_head
from keydesk.control.outbox.queries import failing_mails, waiting_mails
from keydesk.replica.store import ReplicaMissing, Status
from keydesk.replica.wait import reader_of

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
LATE_SECONDS = 30
"""A worker that has not been heard of for this long is late: it beats every five seconds."""


@for_staff()
def system(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Show how the desk is on this host now."""
    now, head, replica = time.time(), feed_head(), replica_status()
    heartbeat_age = max(0, int(now - head.heartbeat_at)) if head.heartbeat_at else None
    confirmed_at = None if replica is None else replica.confirmed_at
    context = frame(visit, section="system") | {
        "version": own_version(),
        "database": DATABASES[connection.vendor],
        "revision": head.revision,
        "replica": replica,
        "replica_behind": 0 if replica is None else head.revision - replica.revision,
        "replica_age": None if confirmed_at is None else max(0, int(now - confirmed_at)),
        "heartbeat_age": heartbeat_age,
        "is_late": heartbeat_age is None or heartbeat_age > LATE_SECONDS,
        "late_events": backlog(),
        "waiting": waiting_mails(),
        "failing": failing_mails(),
    }
    return render(request, "console/system.html", context)


def own_version() -> str:
    """Give the version that is installed; empty where the desk runs from its sources."""
    try:
        return version("keydesk")
    except PackageNotFoundError:
        return ""


def replica_status() -> Status | None:
    """Give how this host's replica stands, None where there is none."""
    try:
        return reader_of(settings.KEYDESK.replica_dir).status()
    except (ReplicaMissing, lmdb.Error):
        return None
