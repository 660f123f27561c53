"""The table of accounts."""

from django.db import models
from django.db.models.functions import Length, Lower
from django.db.models.lookups import Exact, GreaterThanOrEqual

from keydesk.control.accounts.rules import NAME_LENGTH, NETWORKS_LENGTH, SHORTEST_USERNAME
from keydesk.control.feed.constraints import at_most, one_of
from keydesk.control.feed.identifiers import ID_LENGTH, new_id
from keydesk.control.feed.models import Published
from keydesk.core.records import AccountRecord, AccountStatus


def new_account_id() -> str:
    """Give the id of a new account."""
    return new_id("acc")


class Account(Published):
    """A customer business; its username is fixed at sign-up."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_account_id, editable=False
    )
    username = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=NAME_LENGTH)
    status = models.CharField(max_length=24, default=AccountStatus.DRAFT)
    status_reason = models.TextField(blank=True)
    """What the customer reads about the status, where it needs a reason."""
    networks = models.TextField(blank=True, default="")
    """Where all its keys may be used from: networks with spaces between; anywhere if there are none."""
    created_at = models.DateTimeField()
    status_changed_at = models.DateTimeField()

    class Meta(Published.Meta):
        db_table = "accounts"
        constraints = [
            *Published.Meta.constraints,
            one_of("status", AccountStatus, name="account_status"),
            at_most("networks", NETWORKS_LENGTH, name="account_networks_fit"),
            models.CheckConstraint(
                condition=Exact(models.F("username"), Lower("username")),
                name="account_username_lower_case",
            ),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Length("username"), SHORTEST_USERNAME),
                name="account_username_long_enough",
            ),
        ]
        indexes = [
            models.Index(Lower("name"), name="account_by_name"),
            models.Index(fields=["created_at", "id"], name="account_by_age"),
            models.Index(fields=["status", "created_at", "id"], name="account_by_status"),
        ]

    def record(self) -> AccountRecord:
        """Give the record that verifiers see of this account."""
        return AccountRecord(
            id=self.id,
            username=self.username,
            status=str(self.status),
            networks=tuple(self.networks.split()),
            revision=self.revision,
        )
