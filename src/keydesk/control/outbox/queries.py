"""Reading what waits to be sent, and the demo's mailbox."""

from django.db.models import QuerySet

from keydesk.control.outbox.models import KeptLetter, Mail


def waiting_mails() -> int:
    """Give how many mails have not been sent."""
    return Mail.objects.filter(sent_at=None).count()


def kept_letters() -> QuerySet[KeptLetter]:
    """Give the letters in the demo's mailbox, the newest first."""
    return KeptLetter.objects.order_by("-id")


def kept_letter(number: int) -> KeptLetter | None:
    """Give one letter of the demo's mailbox."""
    return KeptLetter.objects.filter(pk=number).first()


def failing_mails() -> int:
    """Give how many of those were tried in vain."""
    return Mail.objects.filter(sent_at=None, attempts__gt=0).exclude(last_error="").count()
