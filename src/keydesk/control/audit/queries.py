"""Looking things up in the audit trail."""

from datetime import datetime

from django.db.models import QuerySet

from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent


def has_happened(event: Event, *, object_id: str, since: datetime) -> bool:
    """Say whether this has happened to the object since that moment."""
    happened = AuditEvent.objects.filter(object_id=object_id, event=str(event), at__gte=since)
    return happened.exists()


def is_new_place(event: Event, *, object_id: str, ip: str | None) -> bool:
    """Say whether this has happened to the object before, but never from this address; an unknown one is not new."""
    happened = AuditEvent.objects.filter(object_id=object_id, event=str(event))
    return ip is not None and happened.exists() and not happened.filter(ip=ip).exists()


def events_of(account_id: str, *, before: int | None = None) -> QuerySet[AuditEvent]:
    """Give an account's trail, the latest first, from behind the event `before` on."""
    events = AuditEvent.objects.filter(account_id=account_id).order_by("-seq")
    return events if before is None else events.filter(seq__lt=before)


def status_history(account_id: str) -> QuerySet[AuditEvent]:
    """Give how an account's status went, the latest first."""
    changes = AuditEvent.objects.filter(
        object_id=account_id,
        event__in=[str(Event.ACCOUNT_CREATED), str(Event.ACCOUNT_STATUS_CHANGED)],
    )
    return changes.order_by("-seq")
