"""The chain beside its checkpoints: what somebody with every secret could rewrite, these have seen as it was."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, NamedTuple

from keydesk.control.chain.notes import Checkpoint


class Return(NamedTuple):
    """That the database was taken back to an older copy on purpose, as `keydesk restored` noted it."""

    number: int
    """The entry of the event that says so."""
    entries: int
    """How many entries the older copy had."""
    at: datetime


class Comparison:
    """Takes the entries in order, and concludes which checkpoints do not fit and why."""

    def __init__(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Takes the checkpoints in any order."""
        self.returns: Final[list[Return]] = []
        self.agreeing: Checkpoint | None = None
        """The last one that saw the same chain."""
        self.agreed = 0
        self.excused = 0
        """How many saw entries that an older copy, put back on purpose, does not have."""
        self._ahead: Final[dict[int, list[Checkpoint]]] = defaultdict(list)
        self._others: Final[list[tuple[Checkpoint, int]]] = []
        for checkpoint in checkpoints:
            self._ahead[checkpoint.size].append(checkpoint)

    def pass_entry(self, number: int, digest: bytes) -> None:
        """Compare an entry's hash with what the checkpoints saw that ended with it."""
        for checkpoint in self._ahead.pop(number, ()):
            if checkpoint.head == digest:
                self.agreeing, self.agreed = checkpoint, self.agreed + 1
            else:
                self._others.append(
                    (checkpoint, 0 if self.agreeing is None else self.agreeing.size)
                )

    def conclude(self, end: int, *, say: Callable[[str], None]) -> None:
        """Say what is wrong; `end` is the number of the last entry."""
        beyond = [each for size in sorted(self._ahead) for each in self._ahead[size] if size > end]
        others = [(each, last) for each, last in self._others if not self._is_excused(each)]
        lost = [each for each in beyond if not self._is_excused(each)]
        self.excused = len(self._others) + len(beyond) - len(others) - len(lost)
        if others:
            checkpoint, last = others[0]
            say(
                f"After entry {last} the trail is another than the one whose entry {checkpoint.size} a checkpoint saw "
                f"on {told(checkpoint.at)}: it was rewritten, or an older copy of the database went on."
            )
        if lost:
            checkpoint = lost[-1]
            say(
                f"The trail ends at entry {end}, and a checkpoint saw entry {checkpoint.size} on "
                f"{told(checkpoint.at)}: its end was cut off, or this is an older copy of the database."
            )

    def _is_excused(self, checkpoint: Checkpoint) -> bool:
        """Say whether a checkpoint is from before the database was taken back, and of more than was left then."""
        return any(
            each.entries < checkpoint.size and checkpoint.at < each.at for each in self.returns
        )


def told(moment: datetime) -> str:
    """Give a moment as a sentence has it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
