"""What verifiers have counted reaches the account's pages exactly once, and is forgotten when the provider says so."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.fixtures.generating import generated

from keydesk.control.access.actor import HOST_OPERATOR, Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.usage import retention
from keydesk.control.usage.actions import Recorded, record_usage
from keydesk.control.usage.models import (
    AccountCount,
    KeyAddress,
    KeySighting,
    RefusedRequest,
    StrangerCount,
    UsageCount,
    UsageSource,
)
from keydesk.control.usage.queries import (
    UNUSED,
    Calls,
    LastDay,
    RefusedSearch,
    last_day_of,
    refused_requests,
    usage_by_key,
)
from keydesk.control.usage.retention import forget_old_usage
from keydesk.control.usage.rules import Span
from keydesk.core.codes import Code
from keydesk.core.usage import Batch, Count, Entry, RefusedCall, Stranger

pytestmark = pytest.mark.django_db

NOW = int(time.time())
MINUTE = NOW // 60 * 60
TODAY = NOW // 86400 * 86400


@pytest.fixture
def new_key(sinar, disbursement):
    def new_key(name="Payroll", account=sinar, environment="live"):
        return generated(account, name=name, environment=environment).id

    return new_key


@pytest.fixture
def key(new_key):
    return new_key()


def count(key, number=1, **fields):
    good = {
        "code": "ok",
        "minute": MINUTE,
        "last_at": NOW,
        "product": "disbursement",
        "environment": "live",
        "address": "10.0.0.1",
    }
    return Count(key=key, number=number, **{**good, **fields})


def call(key, request_id, **fields):
    good = {"code": "wrong_product", "at": float(NOW), "product": "", "environment": "live"}
    return RefusedCall(key=key, request_id=request_id, **{**good, **fields})


def record(*entries, source="web-1", actor=HOST_OPERATOR):
    return record_usage(actor, batch=Batch(source=source, entries=list(entries)))


def counted(key, span=Span.DAY):
    rows = UsageCount.objects.filter(key=key, span=span)
    return {(row.starts_at, row.code, row.product, row.environment): row.number for row in rows}


def test_a_count_goes_into_its_minute_its_hour_and_its_day(key):
    day = TODAY - 86400
    minutes = (day, day + 60, day + 3600, day - 60)
    record(Entry(sequence=1, counts=[count(key, 2, minute=minute) for minute in minutes]))
    asked = ("ok", "disbursement", "live")
    assert counted(key, Span.MINUTE) == {(minute, *asked): 2 for minute in minutes}
    assert counted(key, Span.HOUR) == {
        (day, *asked): 4,
        (day + 3600, *asked): 2,
        (day - 3600, *asked): 2,
    }
    assert counted(key, Span.DAY) == {(day, *asked): 6, (day - 86400, *asked): 2}


def test_entries_are_added_to_what_is_there_by_code_product_and_environment(key, inquiry):
    asked = {"code": "wrong_product", "product": "account-inquiry", "environment": "test"}
    for sequence in (1, 2):
        record(Entry(sequence=sequence, counts=[count(key, 3), count(key, 1, **asked)]))
    assert counted(key) == {
        (TODAY, "ok", "disbursement", "live"): 6,
        (TODAY, "wrong_product", "account-inquiry", "test"): 2,
    }


def test_an_entry_counts_once_however_often_and_in_whatever_company_it_is_delivered(key):
    entries = [Entry(sequence=number, counts=[count(key)]) for number in range(1, 6)]
    assert record(*entries[:3]) == Recorded(taken=3, left_out=0)
    assert record(*entries[:3]) == Recorded(taken=0, left_out=0)
    assert record(*entries[1:]) == Recorded(taken=2, left_out=0)
    assert record(entries[4]) == Recorded(taken=0, left_out=0)
    assert record(entries[0], source="web-2") == Recorded(taken=1, left_out=0)
    assert sum(counted(key).values()) == 6


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_several_deliver_at_once_counts_once(key):
    entries = [Entry(sequence=number, counts=[count(key)]) for number in range(1, 21)]

    def deliver(_):
        try:
            return record(*entries).taken
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(deliver, range(4)))
    assert sorted(taken) == [0, 0, 0, 20]
    assert sum(counted(key).values()) == 20


@pytest.mark.django_db(transaction=True)
def test_several_processes_may_count_one_key_at_once(new_key):
    keys = [new_key(f"Key {number}") for number in range(5)]

    def deliver(number):
        try:
            for sequence in range(1, 11):
                counts = [count(key) for key in (keys if number % 2 else reversed(keys))]
                record(Entry(sequence=sequence, counts=counts), source=f"web-{number}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, range(4)))
    assert [sum(counted(key).values()) for key in keys] == [40] * 5


def test_a_batch_that_fails_has_changed_nothing(key, monkeypatch):
    entry = Entry(sequence=1, counts=[count(key)], refused=[call(key, "req_1")])

    def fail(*_args, **_options):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(RefusedRequest.objects, "bulk_create", fail)
        with pytest.raises(RuntimeError):
            record(entry)
    assert (counted(key), UsageSource.objects.count()) == ({}, 0)
    assert record(entry) == Recorded(taken=1, left_out=0)


def test_keys_that_are_not_there_are_left_out_and_products_without_a_name_have_none(key):
    entry = Entry(
        sequence=1,
        counts=[count(key, product="no-such-product"), count("key_gone", 7)],
        refused=[call(key, "req_1", product="no-such-product"), call("key_gone", "req_2")],
    )
    assert record(entry) == Recorded(taken=1, left_out=7)
    assert counted(key) == {(TODAY, "ok", "", "live"): 1}
    kept = RefusedRequest.objects.values_list("request_id", "product")
    assert list(kept) == [("req_1", "")]


def test_a_host_whose_clock_is_ahead_counts_into_now(key):
    ahead = NOW + 10 * 86400
    stranger = Stranger(code="key_missing", minute=ahead, number=1, last_at=ahead)
    entry = Entry(
        sequence=1,
        counts=[count(key, minute=ahead // 60 * 60, last_at=ahead)],
        strangers=[stranger],
        refused=[call(key, "req_1", at=2.0**39)],
    )
    record(entry)
    latest = int(time.time())
    assert KeySighting.objects.get(key=key).last_at <= latest
    assert max(starts_at for starts_at, *_ in counted(key, Span.MINUTE)) <= latest
    assert StrangerCount.objects.get().last_at <= latest
    assert RefusedRequest.objects.get().at.timestamp() <= latest + 1


def test_the_last_use_is_the_latest_one_whatever_comes_later(key, ana, sinar):
    for sequence, (last_at, address) in enumerate(
        [(NOW - 100, "10.0.0.1"), (NOW - 5, "10.0.0.2"), (NOW - 50, "10.0.0.3")], start=1
    ):
        counts = [count(key, code="key_revoked", last_at=last_at, address=address)]
        record(Entry(sequence=sequence, counts=counts))
    (usage,) = usage_by_key(ana, account_id=sinar.id, key_ids=[key]).values()
    assert (usage.last_at, usage.address) == (datetime.fromtimestamp(NOW - 5, UTC), "10.0.0.2")


def test_strangers_are_counted_by_what_may_be_shown_and_by_address():
    for sequence in (1, 2):
        strangers = [
            Stranger(
                code="key_unknown",
                minute=MINUTE,
                number=2,
                last_at=NOW,
                prefix="kd_live_AbCd",
                address="10.0.0.9",
            ),
            Stranger(code="key_missing", minute=MINUTE, number=1, last_at=NOW - 1),
        ]
        record(Entry(sequence=sequence, strangers=strangers))
    rows = StrangerCount.objects.order_by("code")
    assert list(rows.values_list("day", "prefix", "address", "code", "number", "last_at")) == [
        (TODAY, "", "", "key_missing", 2, NOW - 1),
        (TODAY, "kd_live_AbCd", "10.0.0.9", "key_unknown", 4, NOW),
    ]


def test_the_last_thirty_days_are_told_with_their_refused_share(key, new_key, ana, sinar):
    unused = new_key("Unused")
    days = [
        count(key, 5, minute=TODAY - 29 * 86400),
        count(key, 3, code="key_expired", minute=TODAY - 29 * 86400),
        count(key, 100, minute=TODAY - 30 * 86400),
        count(key, 2, minute=TODAY),
    ]
    record(Entry(sequence=1, counts=days))
    usage = usage_by_key(ana, account_id=sinar.id, key_ids=[key, unused])
    assert usage[unused] == UNUSED
    assert (usage[key].number, usage[key].refused, len(usage[key].days)) == (10, 3, 30)
    assert (usage[key].days[0], usage[key].days[-1]) == (Calls(8, 3), Calls(2, 0))


def test_what_is_counted_as_midnight_passes_is_of_no_day_that_is_shown_yet(key, ana, sinar):
    record(Entry(sequence=1, counts=[count(key, 2, minute=TODAY)]))
    UsageCount.objects.create(
        key_id=key, span=Span.DAY, starts_at=TODAY + 86400, code="ok", number=700
    )
    usage = usage_by_key(ana, account_id=sinar.id, key_ids=[key])[key]
    assert (usage.number, usage.days[-1]) == (2, Calls(2, 0))


def test_however_many_keys_a_page_shows_their_use_takes_two_queries(new_key, ana, sinar):
    keys = [new_key(f"Key {number}") for number in range(6)]
    record(Entry(sequence=1, counts=[count(key) for key in keys]))
    taken = []
    for some in (keys[:1], keys):
        with CaptureQueriesContext(connection) as captured:
            assert len(usage_by_key(ana, account_id=sinar.id, key_ids=some)) == len(some)
        taken.append(len(captured))
    assert taken == [2, 2]


def test_the_last_day_counts_requests_and_addresses(key, ana, sinar):
    counts = [
        count(key, 3, address="10.0.0.1"),
        count(key, 2, address="10.0.0.2", code="wrong_product"),
        count(key, 1, address=None),
        count(key, 50, address="10.0.0.3", minute=MINUTE - 2 * 86400, last_at=NOW - 2 * 86400),
    ]
    record(Entry(sequence=1, counts=counts))
    assert last_day_of(ana, account_id=sinar.id, key_id=key) == LastDay(6, 2)


@pytest.fixture
def refused(new_key):
    payroll, ledger = new_key("Payroll"), new_key("Ledger")
    calls = [
        call(payroll, "req_1", at=NOW - 3.0),
        call(ledger, "req_2", at=NOW - 2.0, code="key_expired"),
        call(payroll, "req_3", at=NOW - 1.5, code="key_expired"),
    ]
    record(Entry(sequence=1, refused=calls))
    record(Entry(sequence=1, refused=[call(ledger, "req_1")]), source="web-2")


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({}, "321"),
        ({"request_id": "req_2"}, "2"),
        ({"request_id": "req_"}, ""),
        ({"request_id": "\0"}, ""),
        ({"request_id": "x" * 5000}, ""),
        ({"key": "payr"}, "31"),
        ({"key": "\0"}, ""),
        ({"code": "key_expired"}, "32"),
        ({"code": "key_expired", "key": "LEDGER"}, "2"),
        ({"code": "no_such_code"}, ""),
    ],
)
def test_refused_requests_are_found_newest_first(refused, ana, sinar, search, found):
    rows = refused_requests(
        ana, account_id=sinar.id, environment="live", search=RefusedSearch(**search)
    )
    assert "".join(row.request_id[-1] for row in rows) == found


@pytest.mark.parametrize(
    ("environment", "search", "found"),
    [
        ("live", {}, "1"),
        ("test", {}, "2"),
        ("live", {"key": "key"}, "1"),
        ("test", {"code": "wrong_environment"}, "2"),
        ("live", {"request_id": "req_2"}, "2"),
        ("test", {"request_id": "req_1"}, "1"),
    ],
)
def test_refused_requests_are_those_of_the_environments_keys_and_an_id_is_found_in_either(
    new_key, ana, sinar, environment, search, found
):
    live, test = new_key("Live key"), new_key("Test key", environment="test")
    asked = {"code": "wrong_environment"}
    calls = [call(live, "req_1", environment="test", **asked), call(test, "req_2", **asked)]
    record(Entry(sequence=1, refused=calls))
    rows = refused_requests(
        ana, account_id=sinar.id, environment=environment, search=RefusedSearch(**search)
    )
    assert [row.request_id for row in rows] == [f"req_{found}"]


def test_another_account_s_use_is_nobody_s_to_see(refused, key, ana, dewi, sinar, citra):
    record(Entry(sequence=1, counts=[count(key)]), source="web-3")
    samudra = dewi.account_id
    search = {"environment": "live", "search": RefusedSearch(request_id="req_1")}
    assert list(refused_requests(dewi, account_id=samudra, **search)) == []
    assert usage_by_key(dewi, account_id=samudra, key_ids=[key]) == {key: UNUSED}
    assert last_day_of(dewi, account_id=samudra, key_id=key) == LastDay(0, 0)
    for actor, code in ((dewi, Code.NOT_FOUND), (citra, Code.PERMISSION_DENIED)):
        for ask in (
            lambda actor: usage_by_key(actor, account_id=sinar.id, key_ids=[key]),
            lambda actor: last_day_of(actor, account_id=sinar.id, key_id=key),
            lambda actor: refused_requests(actor, account_id=sinar.id, **search),
        ):
            with pytest.raises(Refused) as raised:
                ask(actor)
            assert raised.value.code is code


def service(*scopes):
    return Actor(kind=ActorKind.SERVICE, label="crd_1", scopes=scopes)


def test_only_the_host_and_a_service_with_the_scope_may_record(key, ana, eko):
    entry = Entry(sequence=1, counts=[count(key)])
    for actor in (ana, eko, service(), service("verify", "replicate")):
        with pytest.raises(Refused) as raised:
            record(entry, actor=actor)
        assert raised.value.code is Code.PERMISSION_DENIED
    assert record(entry, actor=service("usage")).taken == 1


def test_what_is_old_is_forgotten_and_days_are_kept_for_ever(key, policies):
    policies(usage_minutes_hours=50, usage_hours_days=40, refused_requests_days=3)
    ages = {"new": 0, "old minute": 51 * 3600, "old hour": 41 * 86400}
    counts = [count(key, minute=MINUTE - age, last_at=NOW - age) for age in ages.values()]
    strangers = [
        Stranger(code="key_missing", minute=MINUTE - age, number=1, last_at=NOW - age)
        for age in (0, 5 * 86400)
    ]
    calls = [call(key, "req_new"), call(key, "req_old", at=NOW - 3.1 * 86400)]
    record(Entry(sequence=1, counts=counts, strangers=strangers, refused=calls))
    UsageSource.objects.create(
        source="web-2", sequence=1, taken_at=timezone.now() - timedelta(days=401)
    )
    assert forget_old_usage() == 2 + 2 + 1 + 1 + 1 + 1
    assert {span: len(counted(key, span)) for span in Span} == {
        Span.MINUTE: 1,
        Span.HOUR: 2,
        Span.DAY: 3,
    }
    assert [row.request_id for row in RefusedRequest.objects.all()] == ["req_new"]
    assert KeyAddress.objects.count() == 2
    assert list(UsageSource.objects.values_list("source", flat=True)) == ["web-1"]
    assert forget_old_usage() == 0


def summed_up():
    """Give the hours and days of all keys as they are counted by account, in their order."""
    columns = ("account", "environment", "span", "starts_at", "code")
    rows = AccountCount.objects.order_by(*columns)
    return list(rows.values_list(*columns, "number"))


def test_the_counts_of_an_account_are_the_sums_of_its_keys(new_key):
    keys = [
        new_key("One"),
        new_key("Two"),
        new_key("Test", environment="test"),
    ]
    outcomes = ("ok", "key_expired")
    for sequence, code in enumerate(outcomes * 2, start=1):
        counts = [
            count(key, sequence, code=code, minute=MINUTE - 977 * 60 * sequence, environment=asked)
            for key in keys
            for asked in ("live", "test")
        ]
        record(Entry(sequence=sequence, counts=counts))
    keys_own = (
        UsageCount.objects.exclude(span=Span.MINUTE)
        .values_list("key__account", "key__environment", "span", "starts_at", "code")
        .annotate(total=Sum("number"))
    )
    assert summed_up() == sorted(keys_own)


def test_much_is_forgotten_in_short_transactions_one_after_the_other(key, monkeypatch):
    monkeypatch.setattr(retention, "ROWS_AT_A_TIME", 4)
    monkeypatch.setattr(retention, "ROUNDS_A_RUN", 2)
    old = NOW - 100 * 86400
    record(Entry(sequence=1, refused=[call(key, f"req_{n}", at=float(old)) for n in range(10)]))
    assert [forget_old_usage() for _ in range(3)] == [8, 2, 0]


def test_totals_agree_in_every_length_of_time(key):
    entries = [
        Entry(sequence=n, counts=[count(key, n, minute=MINUTE - 977 * 60 * n)])
        for n in range(1, 40)
    ]
    record(*entries)
    sums = UsageCount.objects.values_list("span").annotate(total=Sum("number")).order_by("span")
    assert list(sums) == [(int(span), sum(range(1, 40))) for span in Span]
