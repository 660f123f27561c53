"""Handing queued mail to whoever sends it: claimed by one worker at a time, tried again later and later.

A mail is delivered at least once: a worker that dies after the mail server took it and before that was noted leaves
a claim that lapses, and the mail goes out again, under the same Message-ID.
"""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from keydesk.control.outbox.models import KeptLetter, Mail

CLAIM_SECONDS: Final = 120
"""How long a claim holds; a worker that has not said what came of the mail by then is taken to be dead."""
DELAYS_SECONDS: Final = (30, 120, 600, 3600, 4 * 3600, 12 * 3600)
"""How long after each try the next one comes."""
MOST_ATTEMPTS: Final = len(DELAYS_SECONDS) + 1
ERROR_LENGTH: Final = 200


def claim_mail() -> Mail | None:
    """Give the mail that has been due for longest, counted as tried; None if there is none.

    Two workers never get the same one while the claim holds: PostgreSQL lets the second pass a locked row by, SQLite
    lets one write at a time.
    """
    now = timezone.now()
    with transaction.atomic():
        due = Mail.objects.filter(sent_at=None, due_at__lte=now, attempts__lt=MOST_ATTEMPTS)
        mail = due.select_for_update(skip_locked=True).order_by("due_at", "id").first()
        if mail is None:
            return None
        mail.due_at, mail.attempts = now + timedelta(seconds=CLAIM_SECONDS), mail.attempts + 1
        mail.save(update_fields=["due_at", "attempts"])
    return mail


def note_sent(mail: Mail) -> None:
    """Note that a mail is on its way, and forget what it says."""
    changes = {"sent_at": timezone.now(), "context": {}, "last_error": ""}
    Mail.objects.filter(pk=mail.pk, sent_at=None).update(**changes)


def note_failed(mail: Mail, *, error: str) -> None:
    """Note why a mail was not sent, in words without a secret; after the last try what it says is forgotten as well.

    A claim that has lapsed meanwhile says nothing: the mail is another worker's.
    """
    changes: dict[str, object] = {"last_error": error[:ERROR_LENGTH]}
    if mail.attempts < MOST_ATTEMPTS:
        delay_seconds = DELAYS_SECONDS[mail.attempts - 1]
        changes["due_at"] = timezone.now() + timedelta(seconds=delay_seconds)
    else:
        changes["context"] = {}
    Mail.objects.filter(pk=mail.pk, sent_at=None, attempts=mail.attempts).update(**changes)


def keep_letter(mail: Mail, *, subject: str, text: str) -> None:
    """Put a mail into the demo's mailbox and note it as sent, both or neither."""
    with transaction.atomic():
        KeptLetter.objects.create(
            to=mail.to,
            language=mail.language,
            subject=subject,
            text=text,
            kept_at=timezone.now(),
        )
        note_sent(mail)
