"""The names of histories: what a source calls its own, and on PostgreSQL the timeline that it is on.

Every promotion of a standby and every restore to a moment begins a new timeline with a higher number. Where a failover
loses commits, the revisions of the two timelines say different things, so to a replica they are different epochs.
"""

from typing import Final

FIRST_TIMELINE: Final = 1
MARK: Final = "@"
MOST_DIGITS: Final = 10


def history_of(epoch: str, timeline: int) -> str:
    """Give the epoch that replicas know: the source's own name of it, and any timeline beyond the first."""
    is_plain = timeline <= FIRST_TIMELINE and parts_of(epoch) == (epoch, FIRST_TIMELINE)
    return epoch if is_plain else f"{epoch}{MARK}{timeline}"


def is_earlier(history: str, than: str) -> bool:
    """Say whether a source is on an earlier timeline of the same history: an old primary that came back."""
    epoch, timeline = parts_of(history)
    known_epoch, known_timeline = parts_of(than)
    return epoch == known_epoch and timeline < known_timeline


def parts_of(history: str) -> tuple[str, int]:
    """Give the source's own name of a history, and the timeline."""
    epoch, mark, timeline = history.rpartition(MARK)
    if mark and len(timeline) <= MOST_DIGITS and timeline.isascii() and timeline.isdecimal():
        return epoch, int(timeline)
    return history, FIRST_TIMELINE
