"""The overview tells whoever may see keys of requests, of refusals and of the keys to look at, and nobody else."""

import re
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.fixtures.browsing import KEYS
from tests.fixtures.generating import generated
from tests.fixtures.trail import execute

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.entitlements.actions import disable_product
from keydesk.control.keys.models import ApiKey
from keydesk.control.usage import overview
from keydesk.control.usage.actions import record_usage
from keydesk.control.usage.models import AccountCount, KeySighting
from keydesk.control.usage.overview import (
    MANY_REFUSED,
    NOTED_AT_MOST,
    AccountUsage,
    account_usage,
    keys_to_look_at,
)
from keydesk.control.usage.queries import NO_USE, Calls
from keydesk.control.usage.rules import Span
from keydesk.core.usage import Batch, Count, Entry

pytestmark = pytest.mark.django_db

HOME = "/a/sinarabadi/"
HOURS = 3600
DAYS = 24 * HOURS


@pytest.fixture
def new_key(sinar, disbursement):
    """Make a key, or one with other columns than it would have."""

    def new_key(name="Payroll", environment="live", **columns):
        made = generated(sinar, name=name, environment=environment)
        ApiKey.objects.filter(pk=made.id).update(**columns)
        return made.id

    return new_key


def use(key, *counts):
    """Count requests of a key, each of them an outcome, how many, and how many seconds ago."""
    now = int(time.time())
    rows = [
        Count(
            key=key,
            code=code,
            minute=(now - ago) // 60 * 60,
            number=number,
            last_at=now - ago,
            product="disbursement",
            environment="live",
        )
        for code, number, ago in counts
    ]
    batch = Batch(source=f"of {key}", entries=[Entry(sequence=1, counts=rows)])
    record_usage(HOST_OPERATOR, batch=batch)


def told(response):
    """Give the text of a page's content, each run of white space one blank."""
    content = response.content.decode().partition("<main")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


def test_all_keys_of_an_environment_are_counted_together_by_day_and_by_reason(ana, sinar, new_key):
    use(new_key("One"), ("ok", 90, 0), ("key_expired", 6, 0), ("ok", 7, 36 * HOURS))
    use(new_key("Two"), ("ok", 3, 0), ("ip_not_allowed", 1, 0), ("ok", 5, 45 * DAYS))
    use(new_key("Three"), ("key_expired", 2, 45 * DAYS), ("ok", 1000, 70 * DAYS))
    use(new_key("Four", "test"), ("ok", 4000, 0))
    found = account_usage(ana, account_id=sinar.id, environment="live")
    days = found.days
    assert found == AccountUsage(
        last_day=Calls(100, 7),
        day_before=Calls(7, 0),
        days=days,
        days_before=Calls(7, 2),
        reasons=(("key_expired", 6), ("ip_not_allowed", 1)),
    )
    assert (len(days), days[-1], sorted(days[-3:-1])) == (
        30,
        Calls(100, 7),
        [Calls(0, 0), Calls(7, 0)],
    )
    assert (days[:-3], found.number, found.refused) == (NO_USE[3:], 107, 7)


def test_the_overview_tells_whoever_may_see_keys_of_requests_and_refusals(
    browse, ana, citra, new_key
):
    use(
        new_key(),
        ("ok", 1192, 0),
        ("key_expired", 12, 0),
        ("ok", 1, 36 * HOURS),
        ("ok", 8, 45 * DAYS),
    )
    new_key("Trial", "test")
    response = browse(ana).get(HOME)
    assert (
        "Last 24 hours 1,204 requests 12 refused (1%) 24 hours before: 1 request, none refused "
        "Last 30 days 1,205 requests 12 refused (1%) 30 days before: 8 requests, none refused "
    ) in told(response)
    label = "1,205 requests in 30 days, at most 1,204 a day. 1% refused"
    reason = f"{HOME}settings/developer/logs/?environment=live&amp;code=key_expired"
    page = response.content.decode()
    assert (f'role="img" aria-label="{label}"' in page, f'href="{reason}"' in page) == (True, True)
    assert "Requests with test keys No requests in the last 30 days." in told(
        browse(ana).get(f"{HOME}?environment=test")
    )
    colleague = told(browse(citra).get(HOME))
    assert ("Requests with" in colleague, "Keys to look at" in colleague) == (False, False)


@pytest.fixture
def noted(ana, sinar):
    """Give the live keys to look at by name, with why, and whether there are more."""

    def noted():
        found = keys_to_look_at(ana, account_id=sinar.id, environment="live")
        why = [
            (each.key.name, each.refused, each.ends_at is not None, each.is_unused)
            for each in found.keys
        ]
        return why, found.is_cut

    return noted


def test_keys_refused_often_ending_soon_or_unused_are_to_be_looked_at(noted, new_key):
    now = timezone.now().replace(microsecond=0)
    long_ago, soon = now - timedelta(days=40), now + timedelta(days=29)
    use(new_key("Often"), ("rate_limited", MANY_REFUSED, 0))
    use(new_key("Seldom"), ("ok", 500, 0), ("rate_limited", MANY_REFUSED - 1, 0))
    use(new_key("Once"), ("ok", 1, 0), ("rate_limited", 500, 36 * HOURS))
    use(
        new_key("Revoked", state="REVOKED", revoked_at=now, sealed=None, data_key=None),
        ("key_revoked", MANY_REFUSED + 1, 0),
    )
    new_key("Ends", expires_at=soon)
    new_key("Ends first, and nobody uses it", expires_at=now + timedelta(1), created_at=long_ago)
    new_key("Ends later", expires_at=now + timedelta(days=31))
    new_key("Over", expires_at=now - timedelta(days=1), created_at=long_ago)
    new_key("Replaced", state="RETIRING", retires_at=soon, created_at=long_ago)
    new_key("Never used", created_at=long_ago - timedelta(days=1))
    new_key("New", created_at=now - timedelta(days=29))
    use(new_key("Forgotten", created_at=now), ("ok", 1, 91 * DAYS))
    use(new_key("Quarterly", created_at=long_ago), ("ok", 1, 89 * DAYS))
    new_key("Elsewhere", "test", created_at=long_ago)
    assert noted() == (
        [
            ("Revoked", MANY_REFUSED + 1, False, False),
            ("Often", MANY_REFUSED, False, False),
            ("Ends first, and nobody uses it", 0, True, True),
            ("Ends", 0, True, False),
            ("Never used", 0, False, True),
            ("Forgotten", 0, False, True),
        ],
        False,
    )


def test_of_a_product_that_does_not_work_only_keys_that_are_refused_are_to_be_looked_at(
    sinar, noted, new_key
):
    soon = timezone.now().replace(microsecond=0) + timedelta(days=1)
    use(new_key("Often", expires_at=soon), ("product_not_enabled", 100, 0))
    new_key("Never used", created_at=timezone.now() - timedelta(days=40))
    disable_product(
        HOST_OPERATOR,
        account_id=sinar.id,
        product="disbursement",
        environment="live",
        reason="The pilot ended.",
    )
    assert noted() == ([("Often", 100, False, False)], False)


def test_the_overview_leads_to_each_key_to_look_at_and_to_no_other(browse, ana, new_key):
    last_used = timezone.now() - timedelta(days=91)
    use(new_key("Often"), ("ok", 5, 0), ("rate_limited", 1240, 0))
    new_key("Ends", expires_at=timezone.now().replace(microsecond=0) + timedelta(days=20))
    new_key("Never used", created_at=last_used)
    forgotten = new_key("Forgotten")
    KeySighting.objects.create(key_id=forgotten, last_at=int(last_used.timestamp()))
    client = browse(ana)
    response = client.get(HOME)
    assert "1,240 requests refused in 24 hours" in told(response)
    assert f"Not used since {last_used:%-d %b %Y}" in told(response)
    links = re.findall(rf'href="({KEYS}key_[^"]*/)">([^<]*)<', response.content.decode())
    assert [name for _, name in links] == ["Often", "Ends", "Never used", "Forgotten"]
    page = told(client.get(links[0][0]))
    assert [name in page for name in ("Often", "Ends", "Forgotten")] == [True, False, False]


def test_an_overview_without_a_key_to_look_at_says_so_and_one_without_a_key_says_nothing(
    browse, ana, disbursement, new_key
):
    assert "Keys to look at" not in told(browse(ana).get(HOME))
    new_key()
    assert "Keys to look at None: no key ends within 30 days" in told(browse(ana).get(HOME))


def test_many_keys_cost_the_queries_of_one_and_of_each_kind_a_few_are_told_of(
    browse, ana, noted, new_key
):
    client, costs = browse(ana), []
    for number in range(NOTED_AT_MOST + 2):
        use(new_key(f"Key {number}"), ("rate_limited", MANY_REFUSED + number, 0))
        with CaptureQueriesContext(connection) as captured:
            client.get(HOME)
        costs.append(len(captured))
    assert len(set(costs[1:])) == 1  # the first page of a session is also the one that begins it
    often = [(f"Key {n}", MANY_REFUSED + n, False, False) for n in range(2, NOTED_AT_MOST + 2)]
    assert noted() == (often[::-1], True)
    assert "There are more like these on the API Key page." in told(client.get(HOME))


def test_an_account_s_use_is_read_through_indexes(sinar, new_key, database):
    use(new_key(), ("ok", 1, 0))
    if database == "postgresql":
        execute("ANALYZE", "SET LOCAL enable_seqscan = off")
    whole = AccountCount.objects.filter(account=sinar.id, environment="live", span=Span.DAY)
    keys = ApiKey.objects.filter(account=sinar.id, environment="live")
    # SQLite tells of columns; of a few rows PostgreSQL may as well begin with the counts, but not without an index.
    steps = {
        "sqlite": ("environment=? AND span=?", "key_by_account", "key_id=? AND span=?"),
        "postgresql": ("account_count_", "usage_count_"),
    }
    plan = whole.explain() + overview._often_refused(keys).explain()
    assert [step for step in steps[database] if step not in plan] == []
