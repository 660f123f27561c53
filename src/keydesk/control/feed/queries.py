"""Reading where the feed stands."""

from keydesk.control.feed.models import FeedHead


def feed_head() -> FeedHead:
    """Give the head: the newest revision, and when the control plane was last known to live."""
    return FeedHead.objects.get()
