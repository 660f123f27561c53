"""Forgetting what has been kept for as long as the provider decided; by the day, counts are kept for ever."""

from datetime import timedelta
from typing import Final

from django.db.models import Model, QuerySet
from django.utils import timezone

from keydesk.control.policies.queries import current_policies
from keydesk.control.usage.models import (
    AccountCount,
    KeyAddress,
    RefusedRequest,
    StrangerCount,
    UsageCount,
    UsageSource,
)
from keydesk.control.usage.rules import Span

ROWS_AT_A_TIME: Final = 5_000
ROUNDS_A_RUN: Final = 20
"""The worker has other things to do; what is left waits for the next run."""
SOURCE_DAYS: Final = 400
"""How long after its last entry a process is remembered; what it left in a spool for longer would count again."""


def forget_old_usage() -> int:
    """Delete what is older than the policies say, some rows at a time; gives how many rows."""
    policies, now = current_policies(), timezone.now()
    kept = timedelta(days=policies.refused_requests_days)
    since = int((now - kept).timestamp())
    minutes = int((now - timedelta(hours=policies.usage_minutes_hours)).timestamp())
    hours = int((now - timedelta(days=policies.usage_hours_days)).timestamp())
    over: list[QuerySet[Model]] = [
        UsageCount.objects.filter(span=Span.MINUTE, starts_at__lt=minutes),
        UsageCount.objects.filter(span=Span.HOUR, starts_at__lt=hours),
        AccountCount.objects.filter(span=Span.HOUR, starts_at__lt=hours),
        RefusedRequest.objects.filter(at__lt=now - kept),
        KeyAddress.objects.filter(day__lt=Span.DAY.start_of(since)),
        StrangerCount.objects.filter(day__lt=Span.DAY.start_of(since)),
        UsageSource.objects.filter(taken_at__lt=now - timedelta(days=SOURCE_DAYS)),
    ]
    return sum(_forget(rows) for rows in over)


def _forget(rows: QuerySet[Model]) -> int:
    """Delete rows, each time in a short transaction of its own, so that nobody waits for it."""
    forgotten = 0
    for _ in range(ROUNDS_A_RUN):
        some = list(rows.values_list("pk", flat=True)[:ROWS_AT_A_TIME])
        forgotten += rows.model._default_manager.filter(pk__in=some).delete()[0]  # noqa: SLF001 - Django documents this attribute
        if len(some) < ROWS_AT_A_TIME:
            break
    return forgotten
