"""Where the feed stands."""

from msgspec import Struct

from keydesk.control.feed.models import FeedHead


class Head(Struct, frozen=True):
    """The head of the feed: which history, up to which revision, alive when (Unix seconds)."""

    epoch: str
    revision: int
    heartbeat_at: int


def head() -> Head:
    """Give the head of the feed."""
    row = FeedHead.objects.get()
    return Head(epoch=row.epoch, revision=row.revision, heartbeat_at=row.heartbeat_at)
