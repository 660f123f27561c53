"""A key's own page: every figure as it was counted, within its bounds, of this key alone; and nothing secret."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags
from tests.fixtures.browsing import KEYS, viewing
from tests.fixtures.generating import generated
from tests.fixtures.trail import execute, happen
from tests.integration.test_usage_pages import record, words

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.audit.queries import activity_about
from keydesk.control.keys.actions import regenerate_key
from keydesk.control.usage.models import KeyAddress, RefusedRequest, UsageCount
from keydesk.control.usage.queries import (
    SpanOfUse,
    addresses_of_key,
    moment,
    refused_of_key,
    use_of_key,
)
from keydesk.control.usage.rules import Span
from keydesk.dashboard.charts import bar, round_up
from keydesk.dashboard.usage import share

NOW = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
HOUR_23_AGO = 23 * 60 + 30
"""When the hour began that is the first of 24, in minutes before now."""
DAY_6_AGO = 6 * 1440 + 14 * 60 + 30
DAY_29_AGO = 29 * 1440 + 14 * 60 + 30
CROWD = 1_000

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_half_past_two():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def delivered(sinar, disbursement):
    return generated(sinar)


@pytest.fixture
def key(delivered):
    return delivered.id


@pytest.fixture
def used(key):
    """Use the key right at the bounds of each period, and right before them."""
    record(
        key,
        ("ok", 5, 0, "203.0.113.7"),
        ("rate_limited", 1, 0, "203.0.113.8"),
        ("ok", 7, HOUR_23_AGO, "203.0.113.7"),
        ("ok", 100, HOUR_23_AGO + 1, "203.0.113.7"),
        ("key_expired", 20, DAY_6_AGO, None),
        ("ok", 1_000, DAY_6_AGO + 1, "2001:db8::5"),
        ("ok", 30_000, DAY_29_AGO, None),
        ("ok", 1_000_000, DAY_29_AGO + 1, "203.0.113.9"),
    )


def table(response, label):
    """Give the cells of the rows of the table that is called by this label."""
    body = re.search(
        rf'<table[^>]* aria-label(?:ledby)?="{label}".*?<tbody[^>]*>(.*?)</tbody>',
        response.content.decode(),
        re.DOTALL,
    )[1]
    rows = (
        re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in body.split("<tr")[1:]
    )
    return [
        [unescape(" ".join(strip_tags(cell.replace("<", " <")).split())) for cell in row]
        for row in rows
    ]


def drawing(response):
    """Give what the chart is called."""
    (name,) = re.findall(r'<svg class="kd-bars[^>]*aria-label="([^"]*)"', response.content.decode())
    return name


@pytest.mark.usefixtures("used")
def test_24_hours_are_shown_by_the_hour_from_the_first_minute_to_this_one(browse, ana, key):
    page = browse(ana).get(f"{KEYS}{key}/?period=24h")
    spans = table(page, "use")
    assert [row for row in spans if row[1:] != ["0", "0"]] == [
        ["27 Nov, 14:00", "5", "1"],
        ["26 Nov, 15:00", "7", "0"],
    ]
    assert (len(spans), drawing(page)) == (
        24,
        "13 requests from 15:00 to 14:00, at most 7 an hour. 7.7% refused",
    )
    assert table(page, "outcomes") == [
        ["Accepted ok", "Requests 12", "Share 92.3%"],
        ["Too many requests at once rate_limited", "Requests 1", "Share 7.7%"],
    ]
    assert table(page, "addresses") == [
        ["203.0.113.7", "Requests 112", "Last seen just now"],
        ["203.0.113.8", "Requests 1", "Last seen just now"],
    ]
    assert "Counted by whole days since 26 Nov 2026 (UTC)" in words(page)


@pytest.mark.usefixtures("used")
def test_7_days_are_shown_by_the_day(browse, ana, key):
    page = browse(ana).get(f"{KEYS}{key}/?period=7d")
    assert table(page, "use") == [
        ["27 Nov 2026", "5", "1"],
        ["26 Nov 2026", "107", "0"],
        *([f"{day} Nov 2026", "0", "0"] for day in (25, 24, 23, 22)),
        ["21 Nov 2026", "0", "20"],
    ]
    assert drawing(page) == "133 requests from 21 Nov to 27 Nov, at most 107 a day. 15.8% refused"
    assert table(page, "outcomes") == [
        ["Accepted ok", "Requests 112", "Share 84.2%"],
        ["The key has expired key_expired", "Requests 20", "Share 15%"],
        ["Too many requests at once rate_limited", "Requests 1", "Share 0.8%"],
    ]


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("query", ["", "?period=30d", "?period=1y", "?period=%00"])
def test_30_days_are_shown_where_no_other_period_is_asked_for(browse, ana, key, query):
    page = browse(ana).get(f"{KEYS}{key}/{query}")
    spans = table(page, "use")
    assert (len(spans), spans[7], spans[-1]) == (
        30,
        ["20 Nov 2026", "1,000", "0"],
        ["29 Oct 2026", "30,000", "0"],
    )
    assert [row[1:] for row in table(page, "outcomes")] == [
        ["Requests 31,112", "Share 99.9%"],
        ["Requests 20", "Share 0.1%"],
        ["Requests 1", "Share 0.1%"],
    ]
    assert [row[:2] for row in table(page, "addresses")] == [
        ["2001:db8::5", "Requests 1,000"],
        ["203.0.113.7", "Requests 112"],
        ["203.0.113.8", "Requests 1"],
    ]
    current = re.findall(r'href="([^"]*)" aria-current="true">([^<]*)</a>', page.content.decode())
    assert current[1:] == [("?period=30d", "30 days")]


def test_an_address_is_counted_no_longer_than_it_is_kept(browse, ana, key, policies):
    policies(refused_requests_days=3)
    record(key, ("ok", 1, 3 * 1440, "203.0.113.7"), ("ok", 1, 4 * 1440, "203.0.113.8"))
    page = browse(ana).get(f"{KEYS}{key}/")
    assert [row[0] for row in table(page, "addresses")] == ["203.0.113.7"]
    said = "Counted by whole days since 24 Nov 2026 (UTC), and kept for 3 days."
    assert (said in words(page), "They are kept for 3 days." in words(page)) == (True, True)


def test_the_newest_refused_requests_stand_there_and_the_others_in_logs(browse, ana, key):
    refused = [(f"req_{n:02}", "ip_not_allowed", n) for n in range(21)]
    record(key, *(("ip_not_allowed", 1, n, f"198.51.100.{n}") for n in range(21)), refused=refused)
    page = browse(ana).get(f"{KEYS}{key}/")
    assert table(page, "refused") == [
        [
            "The address is not among those allowed ip_not_allowed",
            f"req_{n:02} 27 Nov 2026, 14:{30 - n:02} UTC",
            "203.0.113.7",
        ]
        for n in range(20)
    ]
    assert len(table(page, "addresses")) == 20
    assert "These 20 sent the most requests; there are others." in words(page)
    (logs,) = re.findall(r'href="([^"]*/logs/[^"]*)"', page.content.decode())
    assert words(browse(ana).get(unescape(logs))).count("req_") == 21


def test_a_key_that_nobody_used_says_so_and_shows_no_empty_figures(browse, ana, key):
    page = browse(ana).get(f"{KEYS}{key}/")
    shown = words(page)
    assert "Not used yet" in shown
    assert [word for word in ("Outcomes", "Addresses", "refused", "<figure") if word in shown] == []
    assert [row[0] for row in table(page, "Activity")] == ["API key generated Payroll"]


def test_a_key_that_rests_says_so_for_the_period(browse, ana, key):
    record(key, ("ok", 3, 3 * 1440, None))
    page = browse(ana).get(f"{KEYS}{key}/?period=24h")
    assert "No request came with this key in this time." in words(page)


def test_what_happened_to_a_key_is_told_on_its_page_and_to_its_account_alone(
    browse, ana, dewi, samudra, key
):
    browse(dewi).get(f"{KEYS.replace('sinarabadi', 'duasamudra')}{key}/")
    made = regenerate_key(HOST_OPERATOR, key_id=key, grant=None, request_token="again")
    old, new = (browse(ana).get(f"{KEYS}{each}/") for each in (key, made.id))
    again = ["API key re-generated Payroll", "The provider's host", "27 Nov 2026, 14:30 UTC"]
    first = ["API key generated Payroll", *again[1:]]
    assert (table(old, "Activity"), table(new, "Activity")) == ([again, first], [again])
    others = re.compile(r"(Replace[sd][^<]*)</dt><dd[^>]*><a [^>]*href=\"([^\"]*)\"")
    assert others.findall(old.content.decode()) == [("Replaced by", f"{KEYS}{made.id}/")]
    assert others.findall(new.content.decode()) == [("Replaces", f"{KEYS}{key}/")]


def test_the_controls_are_those_of_the_row_and_the_row_leads_to_the_page(browse, ana, key):
    client = browse(ana)
    listed, page = (client.get(address).content.decode() for address in (KEYS, f"{KEYS}{key}/"))
    controls = re.compile(rf'<form action="({KEYS}{key}/\w+/)"')
    assert controls.findall(page) == controls.findall(listed)
    assert controls.findall(page) == [
        f"{KEYS}{key}/{deed}/" for deed in ("reveal", "regenerate", "restrict", "revoke")
    ]
    assert f'href="{KEYS}{key}/">Payroll</a>' in listed


@pytest.mark.usefixtures("used")
def test_the_page_shows_what_begins_a_key_and_nothing_else_of_it(browse, ana, delivered):
    page = browse(ana).get(f"{KEYS}{delivered.id}/").content.decode()
    rest = delivered.plaintext.removeprefix(delivered.shown_prefix)
    assert (delivered.shown_prefix in page, rest in page, rest[:6] in page) == (True, False, False)


@pytest.mark.usefixtures("used")
def test_another_account_s_key_is_not_there(browse, ana, dewi, eko, samudra, key):
    own = f"{KEYS.replace('sinarabadi', 'duasamudra')}{key}/"
    asked = (
        (browse(dewi), f"{KEYS}{key}/"),
        (browse(dewi), own),
        (viewing(browse, eko, samudra), own),
        (browse(ana), f"{KEYS}key_none/"),
    )
    assert [client.get(address).status_code for client, address in asked] == [404] * 4


@pytest.fixture
def crowd(sinar, key):
    """Use other keys so much that whoever does not go by the key reads far more; PostgreSQL looks at what there is."""
    others, now = [generated(sinar, name=each).id for each in "ABCD"], int(NOW.timestamp())
    hour = Span.HOUR.start_of(now)
    for number in range(CROWD):
        of_one = {"key_id": others[number % len(others)]}
        KeyAddress.objects.create(**of_one, day=now, address=str(number), number=1, last_at=now)
        UsageCount.objects.create(
            **of_one, span=Span.HOUR, starts_at=hour, code=str(number), number=1
        )
        RefusedRequest.objects.create(**of_one, request_id=str(number), account=sinar, at=NOW)
    happen(CROWD, account_id=sinar.id)
    if connection.vendor == "postgresql":
        execute("ANALYZE key_addresses, usage_counts, refused_requests, audit_events")
        execute("SET LOCAL enable_seqscan = off")  # the table of keys has five rows


@pytest.mark.usefixtures("crowd")
def test_every_figure_is_read_through_an_index_of_its_key(ana, sinar, key, database):
    place = {"account_id": sinar.id, "key_id": key}
    with CaptureQueriesContext(connection) as captured:
        use_of_key(ana, **place, span=Span.HOUR, count=24)
        addresses_of_key(ana, **place, since=NOW, most=20)
    plans = [plan_of(query["sql"]) for query in captured]
    plans += [
        refused_of_key(ana, **place)[:20].explain(),
        activity_about(ana, account_id=sinar.id, object_id=key)[:20].explain(),
    ]
    indexes = {
        "sqlite": ("usage_counts_1", "key_addresses_1", "refused_by_key", "audit_by_object"),
        "postgresql": ("usage_count_once", "key_address_once", "refused_by_key", "audit_by_object"),
    }[database]
    assert [index for index, plan in zip(indexes, plans, strict=True) if index not in plan] == []
    assert [plan for plan in plans if "SCAN" in plan or "Seq Scan" in plan] == []


def plan_of(statement):
    how = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{how} {statement}")
        return "\n".join(str(row) for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("most", "half"),
    [(1, 1), (2, 1), (3, 2), (10, 5), (11, 6), (16, 8), (17, 10), (109, 60), (1_000_001, 600_000)],
)
def test_the_lines_behind_the_bars_stand_at_round_numbers(most, half):
    assert round_up(most) == half


@pytest.mark.parametrize(
    ("number", "refused", "parts"),
    [
        (100, 0, ("50.0", "50.0", "", "50.0")),
        (100, 40, ("30.0", "70.0", "20.0", "50.0")),
        (100, 100, ("", "100.0", "50.0", "50.0")),
        (2, 1, ("2.0", "98.0", "2.0", "96.0")),
        (200, 1, ("98.0", "2.0", "2.0", "0.0")),
        (200, 199, ("2.0", "98.0", "98.0", "0.0")),
    ],
)
def test_a_bar_has_accepted_below_and_refused_above_and_shows_the_smallest(number, refused, parts):
    span = SpanOfUse(moment(0), number, refused)
    drawn = bar(10, span, 200)
    names = ("accepted", "accepted_top", "refused", "refused_top")
    assert tuple(drawn[name] for name in names) == parts


@pytest.mark.parametrize(
    ("part", "number", "told"), [(1, 10_000, "0.1"), (9_999, 10_000, "99.9"), (4, 4, "100")]
)
def test_what_is_some_is_never_told_as_none_and_what_is_not_all_never_as_all(part, number, told):
    assert share(part, number) == told
