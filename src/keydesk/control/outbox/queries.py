"""Reading what waits to be sent."""

from keydesk.control.outbox.models import Mail


def waiting_mails() -> int:
    """Give how many mails have not been sent."""
    return Mail.objects.filter(sent_at=None).count()


def failing_mails() -> int:
    """Give how many of those were tried in vain."""
    return Mail.objects.filter(sent_at=None, attempts__gt=0).exclude(last_error="").count()
