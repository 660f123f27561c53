"""Whether the audit trail is whole: one pass over the chain, which changes and locks nothing.

It holds the checkpoints in memory, and of the trail no more than a page.
"""

from datetime import datetime
from hmac import compare_digest
from typing import Final, NamedTuple

from django.utils import timezone

from keydesk.control.audit.events import Event
from keydesk.control.audit.signing import event_mac
from keydesk.control.chain.comparison import Comparison, Return, told
from keydesk.control.chain.findings import Findings, Tell, Wrong
from keydesk.control.chain.keys import chain_keys
from keydesk.control.chain.notes import Checkpoint
from keydesk.control.chain.queries import MOST_WAITING
from keydesk.control.chain.reading import (
    Link,
    StoredEvent,
    events_without_entry,
    links,
    numbers_without_event,
)
from keydesk.control.chain.rules import beginning, covered, entry_hash


class Verified(NamedTuple):
    """What a verification went through."""

    entries: int
    until: datetime | None
    """When the event of the last entry was written."""
    waiting: int
    """How many events are in no entry yet."""
    faults: int
    """How many sentences were told."""
    comparison: Comparison


def verify_trail(checkpoints: list[Checkpoint], *, tell: Tell) -> Verified:
    """Go through the whole trail, compare it with the checkpoints, and tell each thing that is wrong in a sentence.

    What is written and entered meanwhile may or may not be part of it.
    """
    findings = Findings(tell)
    walk = _Walk(findings, Comparison(checkpoints))
    for link in links():
        walk.take(link)
    findings.end()
    walk.comparison.conclude(walk.number, say=findings.say)
    waiting = _verify_waiting(findings)
    return Verified(walk.entries, walk.until, waiting, findings.count, walk.comparison)


class _Walk:
    """Where the pass over the chain has come to."""

    def __init__(self, findings: Findings, comparison: Comparison) -> None:
        self.entries = 0
        self.number = 0
        self.until: datetime | None = None
        self.comparison: Final = comparison
        self._findings: Final = findings
        self._head = beginning(chain_keys().origin)
        self._is_sure = True
        """Whether the entry before is Keydesk's, so that this one has to follow from it."""

    def take(self, link: Link) -> None:
        """Look at the next entry and its event, and at the checkpoints that saw it as the last one."""
        self.entries += 1
        if not isinstance(link.number, int):
            self._findings.say(
                f"An entry has the number {link.number!r}, which Keydesk gives none."
            )
            return
        number, next_number = link.number, max(self.number, 0) + 1
        if number > next_number:
            self._findings.note(Wrong.MISSING, next_number, number - 1)
            self._is_sure = False
        right = chain_keys().entry_mac(covered(number, link.digest))
        is_ours = number >= next_number and compare_digest(right, link.mac)
        if not is_ours:
            self._findings.note(Wrong.REMADE, number, number)
        wrong = self._fault_of_event(link, is_sure=is_ours and self._is_sure)
        if wrong is not None:
            self._findings.note(wrong, number, number, link.seq)
        elif link.event is not None:
            self._pass(number, link.event)
        self.comparison.pass_entry(number, link.digest)
        self.number, self._head, self._is_sure = number, link.digest, is_ours

    def _fault_of_event(self, link: Link, *, is_sure: bool) -> Wrong | None:
        """Say what is wrong with an entry's event; `is_sure` is whether this entry and the one before are Keydesk's."""
        if link.event is None:
            return Wrong.GONE
        is_entered = entry_hash(self._head, link.event.canonical) == link.digest
        if is_signed(link.event):
            return Wrong.EXCHANGED if is_sure and not is_entered else None
        return Wrong.ALTERED if is_sure and not is_entered else Wrong.MADE_UP

    def _pass(self, number: int, event: StoredEvent) -> None:
        """Note how far the trail is right, and that the database was put back on purpose."""
        self.until = event.at
        if event.event == Event.HISTORY_BEGUN and event.at and "entries" in event.details:
            back = Return(number, event.details["entries"], event.at)
            self.comparison.returns.append(back)


def is_signed(event: StoredEvent) -> bool:
    """Say whether Keydesk wrote this event as it is."""
    return compare_digest(event_mac()(event.canonical), event.mac)


def _verify_waiting(findings: Findings) -> int:
    """Look at the events that are in no entry, and give how many there are."""
    since = timezone.now() - MOST_WAITING
    count, late = 0, 0
    first: StoredEvent | None = None
    for event in events_without_entry():
        count += 1
        if not is_signed(event):
            findings.say(f"Event {event.seq} is in no entry, and was made up or altered.")
        elif event.at is not None and event.at < since:
            late, first = late + 1, first or event
    if first is not None and first.at is not None:
        more = f" and {late - 1} more" if late > 1 else ""
        findings.say(
            f"Event {first.seq} of {told(first.at)}{more} should be in entries and are in none: start Keydesk, whose "
            "worker enters them; if it runs, their entries were taken away."
        )
    for seq in numbers_without_event():
        findings.say(f"Event {seq} was written, and is gone before it was entered.")
    return count
