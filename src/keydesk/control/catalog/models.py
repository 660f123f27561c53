"""The table of products."""

from django.db import models

from keydesk.control.catalog.rules import (
    DESCRIPTION_LENGTH,
    ICON_LENGTH,
    LIMITS_LENGTH,
    NAME_LENGTH,
    PATH_LENGTH,
    SCOPES_LENGTH,
    SLUG_LENGTH,
    RevealPolicy,
)
from keydesk.control.feed.constraints import at_most, one_of
from keydesk.control.feed.models import Published
from keydesk.core.decide import DEFAULT_LEASE_SECONDS
from keydesk.core.records import Envelope, ProductRecord, ProductState


class Product(Published):
    """An API product of the provider; the slug is its name in requests and never changes."""

    slug = models.CharField(primary_key=True, max_length=SLUG_LENGTH)
    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    icon = models.CharField(max_length=ICON_LENGTH, default="box")
    """The name of a Lucide icon."""
    state = models.CharField(max_length=10, default=ProductState.ACTIVE)
    requires_username = models.BooleanField(default=False)
    lease_seconds = models.PositiveIntegerField(null=True, default=DEFAULT_LEASE_SECONDS)
    """How old a replica may be when it decides for the product; None allows any age."""
    reveal_policy = models.CharField(max_length=10, default=RevealPolicy.WITH_PIN)
    scopes = models.TextField(blank=True)
    """What its keys may do: names, sorted, with spaces between."""
    envelope = models.CharField(max_length=10, default=Envelope.PROBLEM)
    """The form in which refusals reach callers."""
    limits = models.TextField(blank=True, default="")
    """What calls are limited to, as `core/limits.py` writes it, with spaces between."""
    sample_path = models.CharField(max_length=PATH_LENGTH, default="/")
    """The path of the provider's API that request samples call."""
    created_at = models.DateTimeField()

    class Meta(Published.Meta):
        db_table = "products"
        constraints = [
            *Published.Meta.constraints,
            one_of("state", ProductState, name="product_state"),
            one_of("reveal_policy", RevealPolicy, name="product_reveal_policy"),
            at_most("scopes", SCOPES_LENGTH, name="product_scopes_fit"),
            one_of("envelope", Envelope, name="product_envelope"),
            at_most("limits", LIMITS_LENGTH, name="product_limits_fit"),
            models.CheckConstraint(
                condition=models.Q(lease_seconds__isnull=True) | models.Q(lease_seconds__gt=0),
                name="product_lease_positive",
            ),
        ]

    def record(self) -> ProductRecord:
        """Give the record that verifiers see of this product."""
        return ProductRecord(
            slug=self.slug,
            state=str(self.state),
            requires_username=self.requires_username,
            lease_seconds=self.lease_seconds,
            envelope=str(self.envelope),
            limits=tuple(self.limits.split()),
            revision=self.revision,
        )
