"""How calls are counted: exactly as many as a limit says, never one more, and none for a call that is stopped."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keydesk.core.codes import Code
from keydesk.core.gcra import EMPTY, MICROSECONDS, Balance, Count, Spent, spend
from keydesk.core.limits import Bucket, parse_limit

NOON = datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp()
BURST = parse_limit("key:burst=5/10s")
DAILY = parse_limit("account:daily=3/day")
MONTHLY = parse_limit("product:monthly=3/month")


class Book:
    """Buckets and their counts, as a store keeps them."""

    def __init__(self, *limits):
        self.buckets = [Bucket(limit.text.encode(), limit) for limit in limits]
        self.counts = [EMPTY] * len(limits)

    def call(self, now=NOON, cost=1):
        moment = int(now * MICROSECONDS)
        spent, counts = spend(self.buckets, self.counts, cost=cost, now=moment)
        self.counts = counts or self.counts
        return spent


def test_a_burst_is_the_whole_limit_and_not_one_call_more():
    book = Book(BURST)
    found = [book.call() for _ in range(6)]
    assert [spent.code for spent in found] == [Code.OK] * 5 + [Code.RATE_LIMITED]
    assert [spent.balances[0].remaining for spent in found] == [4, 3, 2, 1, 0, 0]
    assert found[-1] == Spent(Code.RATE_LIMITED, (Balance(BURST, 0, 10),), retry_after=2)


def test_a_call_drains_in_its_share_of_the_window():
    book = Book(BURST)
    for _ in range(5):
        book.call()
    assert book.call(NOON + 1.999).code is Code.RATE_LIMITED
    assert book.call(NOON + 2).code is Code.OK
    assert book.call(NOON + 2).code is Code.RATE_LIMITED


@given(
    calls=st.integers(1, 10_000),
    seconds=st.integers(1, 3600),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
    costs=st.lists(st.integers(1, 50), min_size=200, max_size=200),
)
def test_no_window_ever_has_more_than_the_burst_and_what_has_drained(calls, seconds, gaps, costs):
    limit = parse_limit(f"key:any={calls}/{seconds}s")
    book, now, passed = Book(limit), NOON, []
    for gap, cost in zip(gaps, costs, strict=False):
        now += gap
        if book.call(now, cost).code is Code.OK:
            passed.append((now, cost))
    for place, (start, _) in enumerate(passed):
        total = 0
        for moment, cost in passed[place:]:
            total += cost
            # The clock of the test is a float, so a microsecond may be lost.
            assert total <= calls + calls * (moment - start + 1e-5) / seconds


def test_a_call_costs_what_it_costs():
    book = Book(BURST, DAILY)
    assert book.call(cost=2).balances == (Balance(BURST, 3, 4), Balance(DAILY, 1, 12 * 3600))
    assert book.call(cost=2).code is Code.QUOTA_EXCEEDED
    assert book.call(cost=1).code is Code.OK


def test_a_call_that_a_quota_stops_spends_nothing_of_the_rate_before_it():
    book = Book(BURST, parse_limit("account:daily=2/day"))
    for _ in range(2):
        book.call()
    before = list(book.counts)
    assert [book.call().code for _ in range(20)] == [Code.QUOTA_EXCEEDED] * 20
    assert book.counts == before


def test_a_call_that_a_rate_stops_spends_nothing_of_the_quota_after_it():
    book = Book(parse_limit("key:burst=1/10s"), DAILY)
    book.call()
    assert [book.call().code for _ in range(5)] == [Code.RATE_LIMITED] * 5
    assert book.call(NOON + 60).balances[1].remaining == 1


@pytest.mark.parametrize(
    ("limit", "last", "first"),
    [
        (DAILY, datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        (MONTHLY, datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        (MONTHLY, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_quota_is_filled_up_as_its_period_begins(limit, last, first):
    book = Book(limit)
    for _ in range(3):
        book.call(last.timestamp())
    stopped = book.call(last.timestamp())
    assert stopped == Spent(Code.QUOTA_EXCEEDED, (Balance(limit, 0, 1),), retry_after=1)
    assert book.call(first.timestamp()).balances[0].remaining == 2


@pytest.mark.parametrize("back", [1, 300, 86_400, 10**9])
def test_a_clock_that_goes_back_makes_nobody_wait_for_it_and_lets_one_burst_pass_at_most(back):
    book = Book(BURST)
    for _ in range(5):
        book.call()
    found = [book.call(NOON - back).code for _ in range(20)]
    assert found.count(Code.OK) in {0, 5}
    assert book.call(NOON - back + 20).code is Code.OK


def test_a_clock_that_goes_back_gives_a_quota_at_most_once_more():
    book = Book(DAILY)
    for _ in range(3):
        book.call()
    found = [book.call(NOON - 86_400).code for _ in range(4)]
    assert found == [Code.OK] * 3 + [Code.QUOTA_EXCEEDED]


def test_a_count_of_another_period_is_not_carried_over():
    book = Book(DAILY)
    book.counts = [Count(1, 10**12)]
    assert book.call().balances == (Balance(DAILY, 2, 12 * 3600),)
