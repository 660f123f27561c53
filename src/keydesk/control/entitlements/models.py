"""The table of entitlements."""

from django.db import models

from keydesk.control.accounts.models import Account
from keydesk.control.catalog.models import Product
from keydesk.control.feed.constraints import one_of
from keydesk.control.feed.models import Published
from keydesk.core.records import EntitlementRecord, EntitlementState, Environment


class Entitlement(Published):
    """An account's right to a product in one environment, as asked for or as set by the internal team."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entitlements")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="entitlements")
    environment = models.CharField(max_length=4)
    state = models.CharField(max_length=10)
    reason = models.TextField(blank=True)
    """Why it was disabled, as the customer reads it."""
    requested_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta(Published.Meta):
        db_table = "entitlements"
        constraints = [
            *Published.Meta.constraints,
            one_of("environment", Environment, name="entitlement_environment"),
            one_of("state", EntitlementState, name="entitlement_state"),
            models.UniqueConstraint(
                fields=["account", "product", "environment"], name="entitlement_once"
            ),
        ]

    def record(self) -> EntitlementRecord:
        """Give the record that verifiers see of this entitlement."""
        return EntitlementRecord(
            account=self.account_id,
            product=self.product_id,
            environment=str(self.environment),
            state=str(self.state),
            revision=self.revision,
        )
