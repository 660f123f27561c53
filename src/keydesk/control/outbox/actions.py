"""Queueing mail in the transaction of the change that it tells of, so that neither is there without the other."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from keydesk.control.outbox.kinds import MailKind
from keydesk.control.outbox.models import Mail


class Reader(NamedTuple):
    """Whom a mail is for, and the language it is to be in; empty for the installation's."""

    to: str
    language: str


def in_words(moment: datetime) -> str:
    """Give a moment as mails name it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def post_to_all(readers: Iterable[Reader], kind: MailKind, *, context: dict[str, Any]) -> None:
    """Queue the same mail to several people, each in their language, in the caller's transaction."""
    for reader in readers:
        post(kind, to=reader.to, language=reader.language, context=context)


def post(kind: MailKind, *, to: str, language: str, context: dict[str, Any]) -> None:
    """Queue a mail to an address, in the caller's transaction.

    Takes the person's own language, empty for the installation's, and the context that the kind names; it must be
    JSON. Raises TransactionManagementError outside of a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A mail is queued inside a transaction.")
    now = timezone.now()
    Mail.objects.create(
        kind=str(kind),
        to=to,
        language=language or settings.KEYDESK.language,
        context=context,
        created_at=now,
        due_at=now,
    )
