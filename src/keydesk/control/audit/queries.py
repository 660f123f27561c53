"""Looking things up in the audit trail."""

from datetime import datetime

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
