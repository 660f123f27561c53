"""The table of viewings."""

from datetime import UTC, datetime

from django.conf import settings
from django.db import models

from keydesk.control.accounts.models import Account
from keydesk.control.feed.identifiers import ID_LENGTH, new_id
from keydesk.control.viewings.rules import LONGEST_SECONDS


def new_viewing_id() -> str:
    """Give the id of a new viewing."""
    return new_id("see")


class Viewing(models.Model):
    """One look of a person of the internal team at an account's pages, in one session."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_viewing_id, editable=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    session_ref = models.CharField(max_length=64)
    reason = models.TextField()
    started_at = models.BigIntegerField()
    """In whole seconds since the Unix epoch, as `ends_at`."""
    ends_at = models.BigIntegerField()
    """When it is over at the latest."""
    ended_at = models.DateTimeField(null=True)
    """When the person ended it."""

    class Meta:
        db_table = "viewings"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__lte=models.F("started_at") + LONGEST_SECONDS),
                name="viewing_not_too_long",
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="viewing_has_a_reason"),
        ]
        indexes = [
            models.Index(
                fields=["user", "account", "ends_at"],
                condition=models.Q(ended_at__isnull=True),
                name="viewing_open",
            ),
        ]

    @property
    def ends(self) -> datetime:
        """The moment at which it is over at the latest."""
        return datetime.fromtimestamp(self.ends_at, UTC)
