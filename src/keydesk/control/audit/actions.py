"""Writing the audit trail: inside the transaction of what happened, or alone where it was refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused, require
from keydesk.control.access.roles import Permission
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import OBJECT_ID_LENGTH, AuditEvent
from keydesk.control.audit.rules import FIELDS, as_read_back, canonical
from keydesk.control.audit.signing import event_mac
from keydesk.core.codes import Code

NEXT_SEQ: Final = {
    "postgresql": "SELECT nextval(pg_get_serial_sequence('audit_events', 'seq'))",
    # What AUTOINCREMENT would take; the transaction is the only one that writes.
    "sqlite": "SELECT 1 + max((SELECT coalesce(max(seq), 0) FROM audit_events), "
    "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit_events'))",
}
"""How each database tells which number the next event has, so that it can be signed with the event."""


def record(
    actor: Actor,
    event: Event,
    *,
    account_id: str | None = None,
    object_id: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Write one audit event with its MAC, in the caller's transaction, which cannot go on if that fails.

    `details` must be JSON without fractions and must hold no secret. Raises TypeError or ValueError for what is no such
    JSON, ConfigError if the secret of the MAC is nowhere.
    """
    with transaction.atomic(savepoint=False):
        values = {
            "seq": _next_seq(),
            "at": timezone.now(),
            "account_id": account_id or actor.account_id,
            "actor_kind": str(actor.kind),
            "actor_id": actor.user_id,
            "actor_label": actor.label,
            "ip": actor.ip,
            "request_id": actor.request_id or "",
            "session_ref": actor.session or "",
            "event": str(event),
            "object_id": object_id[:OBJECT_ID_LENGTH],
            "details": as_read_back(details or {}),
        }
        mac = event_mac()(canonical([values[name] for name in FIELDS]))
        AuditEvent.objects.create(**values, mac=mac)


def _next_seq() -> int:
    """Take the number of the next event."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_SEQ[connection.vendor])
        ((seq,),) = cursor.fetchall()
    return int(seq)


def authorise(
    actor: Actor, permission: Permission, *, account_id: str | None = None, object_id: str = ""
) -> None:
    """Raise Refused unless the actor has the permission, and then leave a record of the refusal.

    Every action calls this first, before its own transaction begins, so that the record stays.
    """
    try:
        require(actor, permission, account_id)
    except Refused as refused:
        _record_refusal(actor, refused, permission, account_id=account_id, object_id=object_id)
        raise


@contextmanager
def audited_transaction(
    actor: Actor, permission: Permission, *, account_id: str | None = None, object_id: str = ""
) -> Iterator[None]:
    """Run an action's transaction; a permission refused in it leaves its record, although all else is rolled back.

    The action takes its lock in it first, and then calls `access.standing.require_still`.
    """
    try:
        with transaction.atomic():
            yield
    except Refused as refused:
        if refused.code is Code.PERMISSION_DENIED:
            asked = refused.details.get("permission", permission)
            _record_refusal(actor, refused, asked, account_id=account_id, object_id=object_id)
        raise


def _record_refusal(
    actor: Actor,
    refused: Refused,
    permission: Permission,
    *,
    account_id: str | None,
    object_id: str,
) -> None:
    """Write that a permission was refused, in a transaction of its own."""
    with transaction.atomic():
        record(
            actor,
            Event.PERMISSION_REFUSED,
            object_id=object_id,
            details={
                "code": refused.code,
                "permission": permission,
                "account_asked_for": account_id,
            },
        )
