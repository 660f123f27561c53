"""Entering events into the chain: the worker does it, about a second after they were written."""

from typing import Final

from django.db import transaction

from keydesk.control.chain.keys import chain_keys
from keydesk.control.chain.models import Entry, Waiting
from keydesk.control.chain.queries import chain_head
from keydesk.control.chain.reading import events_awaited
from keydesk.control.chain.rules import covered, entry_hash

EVENTS_AT_ONCE: Final = 1_000
"""So few that on SQLite nobody who writes waits for more than a moment."""


def enter_events() -> int:
    """Enter events that are committed and not in the chain yet, and give how many; call it again until none is left.

    It asks for no permission and leaves no event. Two workers at once enter each event once: the database gives no
    place twice, and whoever comes second gets an IntegrityError and enters nothing this time.
    """
    if not Waiting.objects.exists():
        return 0
    with transaction.atomic():
        entries = _next_entries()
        Entry.objects.bulk_create(entries)
        Waiting.objects.filter(seq__in=[entry.event_id for entry in entries]).delete()
        return len(entries)


def _next_entries() -> list[Entry]:
    """Give the entries that come next, for events that have none, whatever these say: a verification judges them."""
    number, head = chain_head()
    entries = []
    for event in events_awaited(EVENTS_AT_ONCE):
        number, head = number + 1, entry_hash(head, event.canonical)
        mac = chain_keys().entry_mac(covered(number, head))
        entries.append(Entry(number=number, event_id=event.seq, hash=head, mac=mac))
    return entries
