"""Counting calls against limits: the generic cell rate algorithm for rates, a counter with a refill for quotas.

GCRA (ITU-T I.371, Annex A) needs one moment a bucket, the theoretical arrival time, and gives the behaviour of a leaky
bucket: a burst of all calls of the window at once, and after it a call whenever one has drained. All arithmetic is in
whole microseconds, so that every store counts alike and none is off by a rounding.
"""

from calendar import timegm
from collections.abc import Sequence
from functools import lru_cache
from time import gmtime
from typing import Final, NamedTuple

from msgspec import Struct

from keydesk.core.codes import Code
from keydesk.core.limits import DAY_SECONDS, Bucket, Limit, Window

MICROSECONDS: Final = 1_000_000
MONTHS: Final = 12
LONGEST_MONTH_SECONDS: Final = 31 * DAY_SECONDS


class Count(Struct, frozen=True, gc=False):
    """What a store keeps for a bucket, whole numbers.

    For a rate the theoretical arrival time in microseconds and 0, for a quota the period (a number that grows) and the
    calls spent in it.
    """

    mark: int
    spent: int
    until: int = 0
    """From when on it says nothing any more (Unix seconds), for stores that do not forget by themselves."""


EMPTY: Final = Count(0, 0)
# Reaching an enum's member costs more than comparing with it (Python 3.11), and every call needs these.
_OK: Final = Code.OK
_DAY: Final = Window.DAY.value


class Period(NamedTuple):
    """One day or month: its number, and when it ends (Unix seconds)."""

    number: int
    ends_at: int


class Balance(Struct, frozen=True, gc=False):
    """How a limit stands after a call, for `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11)."""

    limit: Limit
    remaining: int
    reset_seconds: int
    """When all calls of the limit are there again, rounded up."""


class Spent(Struct, frozen=True, gc=False):
    """What came of a call at its limits: all of them let it pass, or the first that did not stopped it."""

    code: Code
    balances: tuple[Balance, ...]
    retry_after: int | None = None
    """Seconds until the same call can pass, where one was stopped."""


def spend(
    buckets: Sequence[Bucket],
    counts: Sequence[Count],
    *,
    cost: int,
    now: int,
) -> tuple[Spent, list[Count] | None]:
    """Give what comes of a call that costs so much at the moment `now` (Unix microseconds), and the counts to keep.

    Takes one count for each bucket, in the same order. A call that is stopped spends nothing at all, so there is
    nothing to keep then.
    """
    kept, balances = [], []
    for bucket, count in zip(buckets, counts, strict=True):
        limit = bucket.limit
        pass_through = pass_rate if limit.window is None else pass_quota
        after, balance, wait = pass_through(limit, count, cost, now)
        if wait is not None:
            code = Code.RATE_LIMITED if limit.window is None else Code.QUOTA_EXCEEDED
            return Spent(code, (balance,), max(1, wait)), None
        kept.append(after)
        balances.append(balance)
    return Spent(_OK, tuple(balances)), kept


def pass_rate(limit: Limit, count: Count, cost: int, now: int) -> tuple[Count, Balance, int | None]:
    """Give the count after a call at a rate, how it then stands, and the seconds to wait if the call is stopped.

    A mark further ahead than the limit reaches was made by a clock that has gone back since: up to twice as far it
    counts as full, beyond that as void, so that nobody waits for the clock to be right again.
    """
    interval = interval_of(limit)
    window = interval * limit.calls
    level = count.mark - now
    if level < 0 or level > 2 * window:
        level = 0
    elif level > window:
        level = window
    after = level + cost * interval
    if after > window:
        balance = Balance(limit, (window - level) // interval, _seconds(level))
        return count, balance, _seconds(after - window)
    balance = Balance(limit, (window - after) // interval, _seconds(after))
    mark = now + after
    return Count(mark, 0, mark // MICROSECONDS + 1), balance, None


def pass_quota(
    limit: Limit, count: Count, cost: int, now: int
) -> tuple[Count, Balance, int | None]:
    """Give the count after a call at a quota, how it then stands, and the seconds to wait if the call is stopped."""
    seconds = now // MICROSECONDS
    number, ends_at = period_of(limit.window, seconds // DAY_SECONDS)
    spent = count.spent if count.mark == number else 0
    reset = ends_at - seconds
    if spent + cost > limit.calls:
        return count, Balance(limit, max(0, limit.calls - spent), reset), reset
    spent += cost
    balance = Balance(limit, limit.calls - spent, reset)
    return Count(number, spent, ends_at), balance, None


def interval_of(limit: Limit) -> int:
    """Give the microseconds in which one call of a rate drains, rounded up, so that no more than the rate passes."""
    return -(-(limit.seconds or 0) * MICROSECONDS // limit.calls)


def kept_seconds(limit: Limit) -> int:
    """Give the seconds after which a count that no call has touched says nothing any more, so that it can go."""
    if limit.window is None:
        return _seconds(interval_of(limit) * limit.calls)
    return DAY_SECONDS if limit.window == _DAY else LONGEST_MONTH_SECONDS


@lru_cache(4)
def period_of(window: str | None, day: int) -> Period:
    """Give the day itself or the month of a quota in which a day lies, in UTC; days are counted from the Unix epoch."""
    if window == _DAY:
        return Period(day, (day + 1) * DAY_SECONDS)
    at = gmtime(day * DAY_SECONDS)
    number = at.tm_year * MONTHS + at.tm_mon - 1
    year, month = divmod(number + 1, MONTHS)
    return Period(number, timegm((year, month + 1, 1, 0, 0, 0)))


def _seconds(microseconds: int) -> int:
    return -(-microseconds // MICROSECONDS)
