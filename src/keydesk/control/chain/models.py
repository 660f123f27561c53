"""The chain's tables: an event's place in it, and the events that have none yet."""

from django.db import models

from keydesk.control.audit.models import AuditEvent
from keydesk.control.feed.constraints import MAC_LENGTH, of_length
from keydesk.core.digest import DIGEST_LENGTH


class Entry(models.Model):
    """An event's place in the chain. The database refuses to change or delete it, and to give a place twice."""

    number = models.BigIntegerField(primary_key=True)
    """1, 2, 3 ... without gaps, in the order in which the events were found committed."""
    event = models.OneToOneField(
        AuditEvent, on_delete=models.PROTECT, db_column="seq", related_name="entry"
    )
    hash = models.BinaryField(max_length=DIGEST_LENGTH)
    """Of the entry before and of the event, and so of all events up to this one."""
    mac = models.BinaryField(max_length=MAC_LENGTH)
    """Over the number and the hash."""

    class Meta:
        db_table = "audit_entries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(number__gt=0), name="audit_entry_number_positive"
            ),
            of_length("hash", DIGEST_LENGTH, name="audit_entry_hash_whole"),
            of_length("mac", MAC_LENGTH, name="audit_entry_mac_whole"),
        ]


class Waiting(models.Model):
    """An event that is not in the chain yet; the database itself notes each that is written.

    Events commit in another order than that of their numbers, so no number says up to where all are in the chain.
    """

    seq = models.BigIntegerField(primary_key=True)

    class Meta:
        db_table = "audit_waiting"
