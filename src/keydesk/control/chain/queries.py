"""Reading where the chain stands."""

from datetime import datetime
from typing import NamedTuple

from keydesk.control.audit.models import AuditEvent
from keydesk.control.chain.keys import chain_keys
from keydesk.control.chain.models import Entry, Waiting
from keydesk.control.chain.rules import beginning


class Head(NamedTuple):
    """Where the chain ends."""

    number: int
    digest: bytes


class Backlog(NamedTuple):
    """The events that are not in the chain yet."""

    waiting: int
    since: datetime | None
    """When the first of them was written; None if there is none."""


def chain_head() -> Head:
    """Give the last entry's number and hash; before the first one, 0 and what names the installation."""
    last = Entry.objects.order_by("-number").values_list("number", "hash").first()
    return (
        Head(0, beginning(chain_keys().origin)) if last is None else Head(last[0], bytes(last[1]))
    )


def backlog() -> Backlog:
    """Give how many events wait to be entered, and for how long."""
    awaited = AuditEvent.objects.filter(seq__in=Waiting.objects.order_by("seq").values("seq")[:1])
    return Backlog(Waiting.objects.count(), awaited.values_list("at", flat=True).first())
