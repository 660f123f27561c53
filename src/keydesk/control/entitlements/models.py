"""The tables of entitlements and of the changes planned for them."""

from django.conf import settings
from django.db import models

from keydesk.control.accounts.models import Account
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.rules import LIMITS_LENGTH
from keydesk.control.entitlements.rules import OPEN, ChangeState
from keydesk.control.feed.constraints import at_most, one_of
from keydesk.control.feed.identifiers import ID_LENGTH, new_id
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
    limits = models.TextField(blank=True, default="")
    """What stands in for the product's limits of the same names, with spaces between."""
    requested_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta(Published.Meta):
        db_table = "entitlements"
        constraints = [
            *Published.Meta.constraints,
            one_of("environment", Environment, name="entitlement_environment"),
            one_of("state", EntitlementState, name="entitlement_state"),
            at_most("limits", LIMITS_LENGTH, name="entitlement_limits_fit"),
            models.UniqueConstraint(
                fields=["account", "product", "environment"], name="entitlement_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["requested_at", "id"],
                condition=models.Q(state=EntitlementState.REQUESTED),
                name="entitlement_waiting",
            ),
        ]

    def record(self) -> EntitlementRecord:
        """Give the record that verifiers see of this entitlement."""
        return EntitlementRecord(
            account=self.account_id,
            product=self.product_id,
            environment=str(self.environment),
            state=str(self.state),
            limits=tuple(self.limits.split()),
            revision=self.revision,
        )


def new_change_id() -> str:
    """Give the id of a new planned change."""
    return new_id("chg")


class PlannedChange(models.Model):
    """A change of an entitlement that waits: for a second person, for its moment, or for both."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_change_id, editable=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    environment = models.CharField(max_length=4)
    target = models.CharField(max_length=10)
    reason = models.TextField(blank=True)
    """Why, as the customer reads it once it is disabled."""
    due_at = models.DateTimeField()
    """From when on it is carried out."""
    state = models.CharField(max_length=10)
    needs_second_person = models.BooleanField()
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    """Who planned it; None for the host operator."""
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    ended_code = models.CharField(max_length=40, blank=True)
    """Why it could not be carried out, as the code of the refusal."""

    class Meta:
        db_table = "planned_changes"
        constraints = [
            one_of("environment", Environment, name="change_environment"),
            one_of("state", ChangeState, name="change_state"),
            models.CheckConstraint(
                condition=models.Q(target__in=["DISABLED", "ENABLED"]), name="change_target"
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True)
                | models.Q(proposed_by__isnull=True)
                | ~models.Q(confirmed_by=models.F("proposed_by")),
                name="change_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(needs_second_person=False)
                | models.Q(confirmed_by__isnull=False)
                | ~models.Q(state__in=[ChangeState.SCHEDULED, ChangeState.DONE]),
                name="change_confirmed_if_needed",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=sorted(OPEN), ended_at__isnull=True)
                | (~models.Q(state__in=sorted(OPEN)) & models.Q(ended_at__isnull=False)),
                name="change_ended_iff_not_open",
            ),
            models.UniqueConstraint(
                fields=["account", "product", "environment"],
                condition=models.Q(state__in=sorted(OPEN)),
                name="change_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state__in=sorted(OPEN)),
                name="change_due",
            ),
        ]
