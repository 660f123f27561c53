"""The table of mail that is to be sent, and of what became of it."""

from django.db import models
from django.db.models import Q

from keydesk.control.feed.constraints import one_of
from keydesk.control.outbox.kinds import MailKind


class Mail(models.Model):
    """One mail to one person. What it says is forgotten once it is sent: a link in it may be a secret."""

    kind = models.CharField(max_length=30)
    to = models.EmailField()
    language = models.CharField(max_length=2)
    context = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    """When it is tried next."""
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "mails"
        constraints = [one_of("kind", MailKind, name="mail_kind")]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(sent_at=None), name="mail_due"),
        ]


class KeptLetter(models.Model):
    """A mail as its reader would have got it, kept where a demo shows its mailbox and sends nothing."""

    to = models.EmailField()
    language = models.CharField(max_length=2)
    subject = models.TextField()
    text = models.TextField()
    kept_at = models.DateTimeField()

    class Meta:
        db_table = "kept_letters"
