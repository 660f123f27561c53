"""The audit trail's table; the database refuses to change or delete its rows."""

from typing import Final

from django.db import models

from keydesk.control.access.actor import ActorKind
from keydesk.control.feed.constraints import MAC_LENGTH

OBJECT_ID_LENGTH: Final = 100
AUDITED: Final = (ActorKind.HOST, ActorKind.MEMBER, ActorKind.STAFF)
"""Who leaves events. A service leaves none: what it does here, it does every second, and it decides nothing."""


class AuditEvent(models.Model):
    """One thing that happened: who, what, on which object, from where. It outlives all that it names."""

    seq = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    account_id = models.CharField(max_length=40, null=True)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=254)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    session_ref = models.CharField(max_length=64, blank=True)
    event = models.CharField(max_length=40)
    object_id = models.CharField(max_length=OBJECT_ID_LENGTH, blank=True)
    details = models.JSONField(default=dict)
    mac = models.BinaryField(max_length=MAC_LENGTH, null=True)
    """Over all of the above (`rules.canonical`). One without was not written by Keydesk, and a verification says so."""

    class Meta:
        db_table = "audit_events"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(actor_kind__in=sorted(map(str, AUDITED))),
                name="audit_actor_kind",
            )
        ]
        indexes = [
            models.Index(fields=["account_id", "seq"], name="audit_by_account"),
            models.Index(fields=["account_id", "event", "seq"], name="audit_by_event"),
            models.Index(
                fields=["account_id", "actor_kind", "actor_id", "seq"], name="audit_by_actor"
            ),
            models.Index(fields=["object_id", "seq"], name="audit_by_object"),
        ]
