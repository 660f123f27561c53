"""The tables of use: counts by the minute, hour and day, where a key was last seen, and refused calls.

Minutes are whole seconds since the Unix epoch: most of these rows are only ever added up.
"""

from django.db import models

from keydesk.control.accounts.models import Account
from keydesk.control.catalog.rules import SLUG_LENGTH
from keydesk.control.keys.models import ApiKey
from keydesk.control.usage.rules import (
    ACCOUNT_SPANS,
    ADDRESS_LENGTH,
    CODE_LENGTH,
    SOURCE_LENGTH,
    Span,
)
from keydesk.core.usage import LONGEST_PREFIX


class UsageSource(models.Model):
    """A process that counts, and how far what it counted has been taken."""

    source = models.CharField(primary_key=True, max_length=SOURCE_LENGTH)
    sequence = models.BigIntegerField(default=0)
    """The last of its entries that was taken; all before it were taken too, or are lost."""
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "usage_sources"
        indexes = [models.Index(fields=["taken_at"], name="usage_source_by_time")]


class UsageCount(models.Model):
    """How many requests with a key ended in one way within a minute, an hour or a day."""

    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    span = models.PositiveIntegerField()
    """Seconds."""
    starts_at = models.BigIntegerField()
    code = models.CharField(max_length=CODE_LENGTH)
    product = models.CharField(max_length=SLUG_LENGTH, blank=True)
    """The product that was asked for; empty if the provider has none of that name."""
    environment = models.CharField(max_length=4, blank=True)
    number = models.BigIntegerField()

    class Meta:
        db_table = "usage_counts"
        constraints = [
            models.UniqueConstraint(
                fields=["key", "span", "starts_at", "code", "product", "environment"],
                name="usage_count_once",
            ),
            models.CheckConstraint(
                condition=models.Q(span__in=sorted(map(int, Span))), name="usage_count_span"
            ),
            models.CheckConstraint(
                condition=models.Q(number__gt=0), name="usage_count_number_positive"
            ),
        ]
        indexes = [models.Index(fields=["span", "starts_at"], name="usage_count_by_time")]


class AccountCount(models.Model):
    """How many requests with all keys of an account in one environment ended in one way within an hour or a day.

    It is the sum of their counts, so that an account with thousands of keys is summed up in a page's time.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    environment = models.CharField(max_length=4)
    """The keys' own."""
    span = models.PositiveIntegerField()
    """Seconds."""
    starts_at = models.BigIntegerField()
    code = models.CharField(max_length=CODE_LENGTH)
    number = models.BigIntegerField()

    class Meta:
        db_table = "account_counts"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "environment", "span", "starts_at", "code"],
                name="account_count_once",
            ),
            models.CheckConstraint(
                condition=models.Q(span__in=sorted(map(int, ACCOUNT_SPANS))),
                name="account_count_span",
            ),
            models.CheckConstraint(
                condition=models.Q(number__gt=0), name="account_count_number_positive"
            ),
        ]
        indexes = [models.Index(fields=["span", "starts_at"], name="account_count_by_time")]


class KeySighting(models.Model):
    """When a key was last presented, whatever the answer was, and from where."""

    key = models.OneToOneField(
        ApiKey, primary_key=True, on_delete=models.PROTECT, related_name="sighting"
    )
    last_at = models.BigIntegerField()
    address = models.CharField(max_length=ADDRESS_LENGTH, blank=True)
    """Empty if it is not known."""

    class Meta:
        db_table = "key_sightings"


class KeyAddress(models.Model):
    """How many requests with a key came from an address on one day; verifiers tell only so many of a key apart."""

    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.BigIntegerField()
    address = models.CharField(max_length=ADDRESS_LENGTH)
    number = models.BigIntegerField()
    last_at = models.BigIntegerField()

    class Meta:
        db_table = "key_addresses"
        constraints = [
            models.UniqueConstraint(fields=["key", "day", "address"], name="key_address_once")
        ]
        indexes = [models.Index(fields=["day"], name="key_address_by_day")]


class StrangerCount(models.Model):
    """How many requests of a day had no known key, by what may be shown of the credential and by address."""

    day = models.BigIntegerField()
    prefix = models.CharField(max_length=LONGEST_PREFIX, blank=True)
    address = models.CharField(max_length=ADDRESS_LENGTH, blank=True)
    code = models.CharField(max_length=CODE_LENGTH)
    number = models.BigIntegerField()
    last_at = models.BigIntegerField()

    class Meta:
        db_table = "stranger_counts"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "prefix", "address", "code"], name="stranger_count_once"
            )
        ]
        indexes = [
            models.Index(fields=["-last_at", "-id"], name="stranger_by_time"),
            models.Index(fields=["prefix", "-last_at", "-id"], name="stranger_by_prefix"),
            models.Index(fields=["address", "-last_at", "-id"], name="stranger_by_address"),
        ]


class RefusedRequest(models.Model):
    """One refused request with a known key, for its account to look up by the id that the caller was told."""

    request_id = models.CharField(primary_key=True, max_length=CODE_LENGTH)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    code = models.CharField(max_length=CODE_LENGTH)
    product = models.CharField(max_length=SLUG_LENGTH, blank=True)
    """The product that was asked for; empty if the provider has none of that name."""
    environment = models.CharField(max_length=4, blank=True)
    """The environment that was asked for."""
    address = models.CharField(max_length=ADDRESS_LENGTH, blank=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "refused_requests"
        indexes = [
            models.Index(fields=["account", "-at", "-request_id"], name="refused_by_account"),
            models.Index(fields=["key", "-at"], name="refused_by_key"),
            models.Index(fields=["at"], name="refused_by_time"),
        ]
