"""What an overview tells of an account's keys in one environment: requests and refusals, and the keys to look at."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.audit.actions import authorise
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.queries import in_state
from keydesk.control.usage.models import AccountCount, UsageCount
from keydesk.control.usage.queries import DAYS, Calls, MonthOfUse, moment
from keydesk.control.usage.rules import Span
from keydesk.core.codes import Code
from keydesk.core.records import EntitlementState, KeyState, ProductState

ENDING_WITHIN: Final = timedelta(days=30)
UNUSED_FOR: Final = timedelta(days=90)
NEVER_USED_FOR: Final = timedelta(days=30)
"""How long after it was made a key is to be looked at if nobody ever used it."""
MANY_REFUSED: Final = 20
"""So many refused requests of a key in 24 hours are many: a job that runs every hour comes to them."""
NOTED_AT_MOST: Final = 5
"""Keys to look at that are told of for each reason."""


class AccountUsage(MonthOfUse, frozen=True, kw_only=True):
    """How the keys of an account are used, all of them together."""

    last_day: Calls
    """The last 24 hours, counted from the beginning of an hour."""
    day_before: Calls
    """The 24 hours before those."""
    days_before: Calls
    """The 30 days before the last 30."""
    reasons: tuple[tuple[str, int], ...]
    """The codes with which requests of the last 30 days were refused, and how many; the most frequent first."""


class NotedKey(Struct, frozen=True, kw_only=True):
    """A key to look at, and every reason for it that was found."""

    key: ApiKey
    refused: int
    """How many of its requests were refused in 24 hours; 0 if they were not many."""
    ends_at: datetime | None
    """When it ends; None if that is not soon."""
    is_unused: bool
    last_at: datetime | None
    """When it was last presented; None if it never was."""


class NotedKeys(NamedTuple):
    """Keys to look at."""

    keys: list[NotedKey]
    is_cut: bool
    """Whether there are more than are told of."""


class Row(NamedTuple):
    """How many requests of an hour or a day ended in one way."""

    starts_at: int
    code: str
    number: int


def account_usage(actor: Actor, *, account_id: str, environment: str) -> AccountUsage:
    """Give how the account's keys of an environment are used, in two SQL queries; raises Refused as `require` does."""
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    counted = AccountCount.objects.filter(account=account_id, environment=environment)
    first_hour, first_day = _day_ago(), Span.DAY.start_of(_now()) - (DAYS - 1) * Span.DAY
    hours = _rows(counted, Span.HOUR, since=first_hour - Span.DAY)
    days = _rows(counted, Span.DAY, since=first_day - DAYS * Span.DAY)
    month = [row for row in days if row.starts_at >= first_day]
    reasons = Counter[str]()
    for row in month:
        if row.code != Code.OK:
            reasons[row.code] += row.number
    return AccountUsage(
        last_day=_calls(row for row in hours if row.starts_at >= first_hour),
        day_before=_calls(row for row in hours if row.starts_at < first_hour),
        days=tuple(
            _calls(row for row in month if row.starts_at == day)
            for day in range(first_day, first_day + DAYS * Span.DAY, Span.DAY)
        ),
        days_before=_calls(row for row in days if row.starts_at < first_day),
        reasons=tuple(reasons.most_common()),
    )


def keys_to_look_at(actor: Actor, *, account_id: str, environment: str) -> NotedKeys:
    """Give the account's keys of an environment that somebody should look at, in four SQL queries.

    First those with many refused requests, revoked ones too, for some server still sends them; then, of the keys that
    work, those that end soon, the next first; then those that nobody uses, the oldest first.
    Raises Refused as `require` does.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    every = ApiKey.objects.filter(account=account_id, environment=environment)
    refused = dict(_often_refused(every)[: NOTED_AT_MOST + 1])
    keys = every.select_related("product", "sighting")
    working = keys.filter(
        in_state(KeyState.ACTIVE), product__in=_working_products(account_id, environment)
    )
    kinds = [
        sorted(keys.filter(pk__in=refused), key=lambda key: (-refused[key.pk], key.pk)),
        list(_ending(working)[: NOTED_AT_MOST + 1]),
        list(_unused(working)[: NOTED_AT_MOST + 1]),
    ]
    _, ending, unused = ({key.pk for key in kind} for kind in kinds)
    found = {key.pk: key for kind in kinds for key in kind[:NOTED_AT_MOST]}
    return NotedKeys(
        [
            NotedKey(
                key=key,
                refused=refused.get(key.pk, 0),
                ends_at=key.expires_at if key.pk in ending else None,
                is_unused=key.pk in unused,
                last_at=_last_at(key),
            )
            for key in found.values()
        ],
        is_cut=any(len(kind) > NOTED_AT_MOST for kind in kinds),
    )


def _now() -> int:
    return int(timezone.now().timestamp())


def _day_ago() -> int:
    """Give the beginning of the hour in which the last 24 hours began: minutes of many keys are not read for that."""
    return Span.HOUR.start_of(_now()) - Span.DAY


def _rows(counted: QuerySet[AccountCount], span: Span, *, since: int) -> list[Row]:
    rows = counted.filter(span=span, starts_at__gte=since).order_by("starts_at", "code")
    return [Row(*row) for row in rows.values_list("starts_at", "code", "number")]


def _calls(rows: Iterable[Row]) -> Calls:
    found = list(rows)
    return Calls(
        sum(row.number for row in found), sum(row.number for row in found if row.code != Code.OK)
    )


def _often_refused(keys: QuerySet[ApiKey]) -> QuerySet[UsageCount, tuple[str, int]]:
    """Give the keys with many refused requests; if keys were joined, SQLite would read the counts of everybody's."""
    refused = UsageCount.objects.filter(
        key__in=keys.values("pk"), span=Span.HOUR, starts_at__gte=_day_ago()
    ).exclude(code=Code.OK)
    sums = refused.values_list("key_id").annotate(total=Sum("number"))
    return sums.filter(total__gte=MANY_REFUSED).order_by("-total", "key_id")


def _working_products(account_id: str, environment: str) -> QuerySet[Entitlement, str]:
    enabled = Entitlement.objects.filter(
        account=account_id,
        environment=environment,
        state=EntitlementState.ENABLED,
        product__state=ProductState.ACTIVE,
    )
    return enabled.values_list("product_id", flat=True)


def _ending(working: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    soon = timezone.now() + ENDING_WITHIN
    return working.filter(expires_at__lte=soon).order_by("expires_at", "id")


def _unused(working: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    now = timezone.now()
    long_ago = int((now - UNUSED_FOR).timestamp())
    is_forgotten = Q(sighting__last_at__lt=long_ago)
    was_never_used = Q(sighting__isnull=True, created_at__lt=now - NEVER_USED_FOR)
    return working.filter(is_forgotten | was_never_used).order_by("created_at", "id")


def _last_at(key: ApiKey) -> datetime | None:
    sighting = getattr(key, "sighting", None)
    return None if sighting is None else moment(sighting.last_at)
