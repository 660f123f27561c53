"""The table of API keys; their text is nowhere in it, except sealed."""

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Least, Length, Trim
from django.db.models.lookups import Exact, GreaterThanOrEqual, LessThanOrEqual

from keydesk.control.accounts.models import Account
from keydesk.control.accounts.rules import NETWORKS_LENGTH
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.rules import LIMITS_LENGTH, SCOPES_LENGTH
from keydesk.control.feed.constraints import (
    at_most,
    digest_of_32,
    one_of,
)
from keydesk.control.feed.identifiers import ID_LENGTH, new_id
from keydesk.control.feed.models import Published
from keydesk.control.keys.rules import LONGEST_NAME, LONGEST_REQUEST_TOKEN
from keydesk.control.vault.models import DataKey
from keydesk.core.digest import DIGEST_LENGTH
from keydesk.core.records import Environment, KeyRecord, KeyState

ENDS_AT: Final = Least(Coalesce("expires_at", "retires_at"), Coalesce("retires_at", "expires_at"))
"""When a key ends by itself: at the earlier of its moments, of which either may be missing."""
HAS_END: Final = Q(revoked_at=None) & (Q(expires_at__isnull=False) | Q(retires_at__isnull=False))
"""What is true of a key that has such a moment and was not ended by anybody."""


def new_key_id() -> str:
    """Give the id of a new API key."""
    return new_id("key")


class ApiKey(Published):
    """An account's API key for one product in one environment."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_key_id, editable=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="keys")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="keys")
    environment = models.CharField(max_length=4)
    name = models.CharField(max_length=LONGEST_NAME)
    digest = models.BinaryField(max_length=DIGEST_LENGTH, unique=True)
    shown_prefix = models.CharField(max_length=24)
    state = models.CharField(max_length=10, default=KeyState.ACTIVE)
    scopes = models.TextField(blank=True)
    """Names, sorted, with spaces between."""
    networks = models.TextField(blank=True, default="")
    """Where it may be used from: networks with spaces between; anywhere if there are none."""
    limits = models.TextField(blank=True, default="")
    """Limits of its own, as `core/limits.py` writes them, with spaces between."""
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    """Who made it; None for the host operator."""
    request_token = models.CharField(max_length=LONGEST_REQUEST_TOKEN)
    """What the page drew for one press of the button, so that a second press gives the same key."""
    expires_at = models.DateTimeField(null=True)
    """A whole second, as `retires_at`."""
    retires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    stop_reason = models.TextField(null=True)
    """Why the internal team has stopped it, as the customer reads it; None while it is not stopped."""
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    data_key = models.ForeignKey(DataKey, null=True, on_delete=models.PROTECT, related_name="+")
    sealed = models.BinaryField(null=True)
    """The key itself, sealed under the data key; gone once the key is revoked."""

    class Meta(Published.Meta):
        db_table = "api_keys"
        constraints = [
            *Published.Meta.constraints,
            digest_of_32("key_digest_whole"),
            one_of("environment", Environment, name="key_environment"),
            one_of("state", KeyState, name="key_state"),
            at_most("scopes", SCOPES_LENGTH, name="key_scopes_fit"),
            at_most("networks", NETWORKS_LENGTH, name="key_networks_fit"),
            at_most("limits", LIMITS_LENGTH, name="key_limits_fit"),
            models.CheckConstraint(
                condition=Q(
                    Exact(F("name"), Trim("name")),
                    GreaterThanOrEqual(Length("name"), 1),
                    LessThanOrEqual(Length("name"), LONGEST_NAME),
                ),
                name="key_name",
            ),
            models.CheckConstraint(
                condition=Q(state=KeyState.REVOKED, revoked_at__isnull=False)
                | (~Q(state=KeyState.REVOKED) & Q(revoked_at__isnull=True)),
                name="key_revoked_at_iff_revoked",
            ),
            models.CheckConstraint(
                condition=~Q(state=KeyState.RETIRING) | Q(retires_at__isnull=False),
                name="key_retiring_ends",
            ),
            models.CheckConstraint(
                condition=Q(data_key__isnull=False, sealed__isnull=False)
                | Q(data_key__isnull=True, sealed__isnull=True),
                name="key_sealed_under_data_key",
            ),
            models.CheckConstraint(
                condition=~Q(state=KeyState.REVOKED) | Q(sealed__isnull=True),
                name="key_revoked_is_not_sealed",
            ),
            models.CheckConstraint(
                condition=Q(replaces__isnull=True) | ~Q(replaces=F("id")),
                name="key_replaces_another",
            ),
            models.UniqueConstraint(
                fields=["account", "created_by", "request_token"], name="key_once_a_request"
            ),
            models.UniqueConstraint(
                fields=["account", "request_token"],
                condition=Q(created_by__isnull=True),
                name="key_once_a_host_request",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "environment", "product", "-created_at", "-id"],
                name="key_by_account",
            ),
            models.Index(fields=["shown_prefix", "id"], name="key_by_prefix"),
            models.Index(ENDS_AT, condition=HAS_END, name="key_by_end"),
        ]

    def record(self) -> KeyRecord:
        """Give the record that verifiers see of this key."""
        return KeyRecord(
            id=self.id,
            digest=bytes(self.digest),
            account=self.account_id,
            product=self.product_id,
            environment=str(self.environment),
            state=str(self.state),
            expires_at=_seconds(self.expires_at),
            retires_at=_seconds(self.retires_at),
            scopes=tuple(self.scopes.split()),
            networks=tuple(self.networks.split()),
            limits=tuple(self.limits.split()),
            revision=self.revision,
        )


class KeyWarning(models.Model):
    """That an account's people were warned, so many days ahead or fewer, that a key ends at a moment."""

    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    ends_at = models.DateTimeField()
    days = models.PositiveSmallIntegerField()

    class Meta:
        db_table = "key_warnings"
        constraints = [
            models.UniqueConstraint(fields=["key", "ends_at", "days"], name="key_warned_once"),
        ]


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
