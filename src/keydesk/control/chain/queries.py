"""Reading where the chain stands."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.utils import timezone

from keydesk.control.chain.keys import chain_keys
from keydesk.control.chain.models import Entry
from keydesk.control.chain.reading import late_events
from keydesk.control.chain.rules import beginning

MOST_WAITING: Final = timedelta(minutes=2)
"""How long an event may wait for its entry; the worker enters it in about one second."""


class Head(NamedTuple):
    """Where the chain ends."""

    number: int
    digest: bytes


class Backlog(NamedTuple):
    """The events that wait for their entry for longer than the worker takes."""

    waiting: int
    since: datetime
    """When the first of them was written."""


def chain_head() -> Head:
    """Give the last entry's number and hash; before the first one, 0 and what names the installation."""
    last = Entry.objects.order_by("-number").values_list("number", "hash").first()
    return (
        Head(0, beginning(chain_keys().origin)) if last is None else Head(last[0], bytes(last[1]))
    )


def is_entry(head: Head) -> bool:
    """Say whether an entry that was the last one is there as it was."""
    return Entry.objects.filter(number=head.number, hash=head.digest).exists()


def backlog() -> Backlog | None:
    """Give what the worker is late with; None if nothing waits for longer than it takes."""
    count, since = late_events(timezone.now() - MOST_WAITING)
    return Backlog(count, since) if count else None
