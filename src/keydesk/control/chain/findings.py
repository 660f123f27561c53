"""What a verification finds, in sentences: what is wrong and at which entries; entries in a row share one."""

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

Tell = Callable[[str], None]
"""Takes one sentence about something that is wrong."""


class Wrong(Enum):
    """What can be wrong with entries: what is said of one, and of several."""

    MISSING = ("Entry {first} is missing.", "Entries {first} to {last} are missing.")
    REMADE = (
        "Entry {first} was not made by Keydesk: it was altered or made anew.",
        "Entries {first} to {last} were not made by Keydesk: they were altered or made anew.",
    )
    GONE = (
        "Entry {first}: its event, {event}, is gone.",
        "Entries {first} to {last}: their events are gone, from {event} on.",
    )
    ALTERED = (
        "Entry {first}: its event, {event}, was altered after it was entered.",
        "Entries {first} to {last}: their events were altered after they were entered, from {event} on.",
    )
    MADE_UP = (
        "Entry {first}: its event, {event}, was made up or altered.",
        "Entries {first} to {last}: their events were made up or altered, from {event} on.",
    )
    EXCHANGED = (
        "Entry {first}: an event, {event}, is in the place of another.",
        "Entries {first} to {last}: events are in the places of others, from {event} on.",
    )


class Run(NamedTuple):
    """Entries in a row with which the same is wrong."""

    first: int
    last: int
    event: int
    """The number of the first one's event."""


class Findings:
    """Takes what is wrong entry by entry, and tells it run by run in constant memory."""

    def __init__(self, tell: Tell) -> None:
        """Takes who is told."""
        self._tell: Final = tell
        self._runs: Final[dict[Wrong, Run]] = {}
        self.count = 0
        """How many sentences were told."""

    def note(self, wrong: Wrong, first: int, last: int, event: int = 0) -> None:
        """Take what is wrong with the entries from first to last."""
        run = self._runs.get(wrong)
        if run is not None and run.last + 1 == first:
            self._runs[wrong] = run._replace(last=last)
            return
        if run is not None:
            self._tell_run(wrong, run)
        self._runs[wrong] = Run(first, last, event)

    def say(self, sentence: str) -> None:
        """Tell of something that is wrong with no entry by itself."""
        self.count += 1
        self._tell(sentence)

    def end(self) -> None:
        """Tell of the runs that go up to the end."""
        for wrong, run in sorted(self._runs.items(), key=lambda item: item[1]):
            self._tell_run(wrong, run)
        self._runs.clear()

    def _tell_run(self, wrong: Wrong, run: Run) -> None:
        one, several = wrong.value
        sentence = one if run.first == run.last else several
        self.say(sentence.format(first=run.first, last=run.last, event=run.event))
