"""What all published rows share, and the one row that numbers their changes."""

from django.db import models

from keydesk.control.feed.constraints import MAC_LENGTH, of_length
from keydesk.core.records import Record


class Published(models.Model):
    """A row that verifiers follow: saved through `feed.actions.publish` alone, never deleted."""

    revision = models.BigIntegerField(unique=True)
    mac = models.BinaryField(max_length=MAC_LENGTH)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(revision__gt=0), name="%(class)s_revision_positive"
            ),
            of_length("mac", MAC_LENGTH, name="%(class)s_mac_whole"),
        ]

    def record(self) -> Record:
        """Give the record that verifiers see of this row."""
        raise NotImplementedError


class FeedHead(models.Model):
    """The head of the feed: one row, whose lock puts all revisions in order."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    epoch = models.CharField(max_length=32)
    revision = models.BigIntegerField(default=0)
    heartbeat_at = models.BigIntegerField(default=0)

    class Meta:
        db_table = "feed_head"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="feed_head_is_one_row"),
        ]
