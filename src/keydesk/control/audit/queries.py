"""Looking things up in the audit trail."""

from datetime import datetime

from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent


def has_happened(event: Event, *, object_id: str, since: datetime) -> bool:
    """Say whether this has happened to the object since that moment."""
    happened = AuditEvent.objects.filter(object_id=object_id, event=str(event), at__gte=since)
    return happened.exists()
