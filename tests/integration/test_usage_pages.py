"""What the API Key page, the dialog that revokes and the Logs page tell of use, to those alone who may see keys."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation
from tests.fixtures.browsing import KEYS
from tests.fixtures.generating import generated

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.usage import queries
from keydesk.control.usage.actions import record_usage
from keydesk.core.codes import CODES, Code
from keydesk.core.usage import Batch, Count, Entry, RefusedCall
from keydesk.dashboard.logs import REASONS
from keydesk.dashboard.usage import share_refused
from keydesk.web.figures import ago

pytestmark = pytest.mark.django_db

LOGS = "/a/sinarabadi/settings/developer/logs/"
NEVER_OF_A_KNOWN_KEY = {
    Code.OK,
    Code.KEY_MISSING,
    Code.KEY_MALFORMED,
    Code.KEY_UNKNOWN,
    Code.UNAVAILABLE,
}


@pytest.fixture
def key(sinar, disbursement):
    return generated(sinar).id


def record(key, *counts, refused=()):
    """Count requests and keep refused ones, each so many minutes ago; gives now."""
    now = int(time.time())
    rows = [
        Count(
            key=key,
            code=code,
            minute=now // 60 * 60 - minutes * 60,
            number=number,
            last_at=now - minutes * 60,
            product="disbursement",
            environment="live",
            address=address,
        )
        for code, number, minutes, address in counts
    ]
    calls = [
        RefusedCall(
            request_id=request_id,
            key=key,
            code=code,
            at=float(now - minutes * 60),
            product="disbursement",
            environment="live",
            address="203.0.113.7",
        )
        for request_id, code, minutes in refused
    ]
    entry = Entry(sequence=1, counts=rows, refused=calls)
    source = f"web-{len(calls)}-{len(rows)}"
    record_usage(HOST_OPERATOR, batch=Batch(source=source, entries=[entry]))
    return now


def words(response):
    """Give the text of a page, each run of white space one blank."""
    text = re.sub(
        r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL
    )
    return re.sub(r"\s+", " ", text)


def test_a_key_that_nobody_used_says_so(browse, ana, key):
    shown = words(browse(ana).get(KEYS))
    assert "No requests" in shown
    assert "Never used" in shown


def test_a_key_in_use_shows_when_it_was_last_used_and_its_month(browse, ana, key):
    now = record(key, ("ok", 1230, 5, "203.0.113.7"), ("key_expired", 10, 9, "203.0.113.8"))
    page = browse(ana).get(KEYS).content.decode()
    shown = words(browse(ana).get(KEYS))
    assert "1,240" in shown
    assert "0.8% refused" in shown
    assert "5 minutes ago" in shown
    exact = datetime.fromtimestamp(now - 300, UTC)
    assert f'title="{exact:%-d %b %Y, %H:%M} UTC">5 minutes ago</time>' in page
    (drawing,) = re.findall(r'<svg class="kd-spark".*?</svg>', page)
    assert 'role="img"' in drawing
    label = re.search(r'aria-label="([^"]*)"', drawing)[1]
    assert label == "1,240 requests in 30 days, at most 1,240 a day. 0.8% refused"
    assert "style=" not in drawing


def test_in_indonesian_numbers_and_moments_are_written_as_there(browse, ana, key):
    record(key, ("ok", 1230, 125, None), ("key_expired", 10, 130, None))
    shown = words(browse(ana, headers={"accept-language": "id"}).get(KEYS))
    assert ("1.240" in shown, "0,8% ditolak" in shown, "2 jam lalu" in shown) == (True,) * 3


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([], None),
        (
            [("ok", 1200, 5, "203.0.113.7"), ("key_expired", 40, 9, "203.0.113.8")],
            "It was used in the last 24 hours: 1,240 requests from 2 addresses.",
        ),
        (
            [("ok", 3, 5, "203.0.113.7")],
            "It was used in the last 24 hours: 3 requests from 1 address.",
        ),
        ([("ok", 3, 5, None)], "It was used in the last 24 hours: 3 requests."),
        ([("ok", 3, 25 * 60, "203.0.113.7")], None),
    ],
)
def test_the_dialog_that_revokes_says_what_it_breaks(browse, ana, key, counts, told):
    record(key, *counts)
    shown = words(browse(ana, headers={"HX-Request": "true"}).get(f"{KEYS}{key}/revoke/"))
    assert (told in shown) if told else ("last 24 hours" not in shown)


@pytest.fixture
def refused(key):
    record(key, refused=[("req_old", "wrong_product", 90), ("req_new", "key_expired", 1)])


def ids(response):
    return re.findall(r">(req_\w+)<", response.content.decode())


def test_refused_requests_are_listed_newest_first_with_reason_and_cure(browse, ana, refused):
    response = browse(ana).get(LOGS)
    assert ids(response) == ["req_new", "req_old"]
    shown = words(response)
    for text in (
        "The key has expired",
        "Give the server that called the key that replaced it",
        "The key is for another product",
        "203.0.113.7",
        "Payroll",
        "disbursement · live",
    ):
        assert text in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("request_id=req_old", ["req_old"]),
        ("request_id=%20req_old%20", ["req_old"]),
        ("request_id=old", []),
        ("request_id=%00", []),
        ("key=payroll", ["req_new", "req_old"]),
        ("key=ledger", []),
        ("code=key_expired", ["req_new"]),
        ("code=no_such_code", []),
        ("page=99", ["req_new", "req_old"]),
        ("page=x", ["req_new", "req_old"]),
    ],
)
def test_a_search_narrows_the_list(browse, ana, refused, query, found):
    response = browse(ana).get(f"{LOGS}?{query}")
    assert (response.status_code, ids(response)) == (200, found)


def test_a_request_that_is_not_there_is_told_why_it_may_not_be(browse, ana, refused):
    assert "No refused request matches." in words(browse(ana).get(f"{LOGS}?request_id=req_none"))


def test_an_account_without_refusals_is_told_so(browse, ana, sinar):
    client = browse(ana)
    assert "No request with a live key was refused." in words(client.get(LOGS))
    test = client.get(f"{LOGS}?environment=test")
    assert "No request with a test key was refused." in words(test)


def test_the_switch_shows_the_other_environments_refusals_and_keeps_what_was_searched_for(
    browse, ana, refused
):
    client = browse(ana)
    page = client.get(f"{LOGS}?environment=live&key=%26payroll&code=key_expired&page=1")
    links = re.findall(rf'href="({LOGS}[?]environment=[^"]*)"', page.content.decode())
    kept = "&amp;key=%26payroll&amp;code=key_expired"
    assert links[:2] == [f"{LOGS}?environment={each}{kept}" for each in ("live", "test")]
    assert ids(client.get(f"{LOGS}?environment=test")) == []
    assert ids(client.get(f"{LOGS}?environment=test&request_id=req_old")) == ["req_old"]


def test_a_long_list_goes_page_by_page_and_not_for_ever(browse, ana, key, monkeypatch):
    monkeypatch.setattr(queries, "LISTED_AT_MOST", 30)
    monkeypatch.setattr("keydesk.dashboard.logs.LISTED_AT_MOST", 30)
    record(key, refused=[(f"req_{n:02}", "key_expired", n) for n in range(40)])
    client = browse(ana)
    assert ids(client.get(LOGS)) == [f"req_{n:02}" for n in range(25)]
    second = client.get(f"{LOGS}?page=2")
    assert ids(second) == [f"req_{n:02}" for n in range(25, 30)]
    assert "These are the newest 30." in words(second)


def test_every_reason_that_a_known_key_can_be_refused_with_is_explained_in_both_languages(
    browse, ana, key
):
    decided = {code for code, info in CODES.items() if info.compat} - NEVER_OF_A_KNOWN_KEY
    assert set(REASONS) == decided
    record(key, refused=[(f"req_{n}", code, n) for n, code in enumerate(sorted(decided))])
    english, indonesian = (
        words(browse(ana, headers={"accept-language": language}).get(LOGS))
        for language in ("en", "id")
    )
    with translation.override("en"):
        titles = [str(reason.title) for reason in REASONS.values()]
    assert [title for title in titles if title not in english] == []
    assert [title for title in titles if title in indonesian] == []


def test_another_account_s_request_is_not_there(browse, dewi, refused):
    assert browse(dewi).get(f"{LOGS}?request_id=req_old").status_code == 404
    own = browse(dewi).get(LOGS.replace("sinarabadi", "duasamudra") + "?request_id=req_old")
    assert (own.status_code, ids(own)) == (200, [])


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86399, "23 hours ago"),
        (86400, "1 day ago"),
        (29 * 86400, "29 days ago"),
        (30 * 86400, "1 Jan 2026"),
    ],
)
def test_how_long_ago_is_told_in_the_largest_whole_unit(seconds, told):
    now = datetime(2026, 1, 31, tzinfo=UTC)
    with translation.override("en"):
        assert ago(now - timedelta(seconds=seconds), now) == told


@pytest.mark.parametrize(
    ("number", "refused", "told"),
    [
        (10, 0, ""),
        (10_000, 1, "0.1% refused"),
        (1000, 8, "0.8% refused"),
        (3, 1, "33.3% refused"),
        (8, 8, "100% refused"),
    ],
)
def test_a_refused_share_is_told_to_the_tenth_and_never_as_none(number, refused, told):
    with translation.override("en"):
        assert share_refused(number, refused) == told
