"""The Console's page of requests without a known key: what it tells, how it is searched, and what it never shows."""

import html
import re
import time

import pytest

from keydesk.console.strangers import MEANINGS
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.keys.models import ApiKey
from keydesk.control.usage import queries
from keydesk.control.usage.actions import record_usage
from keydesk.control.usage.queries import UNKNOWN, unknown_credentials
from keydesk.core.codes import Code
from keydesk.core.usage import Batch, Entry, Stranger

pytestmark = pytest.mark.django_db

PAGE = "/console/unknown-keys/"
TYPING_ERROR = "kd_live_AbCd"


def record(*rows, source="web-1"):
    """Count requests without a known key: code, prefix, address, how many, and so many minutes ago."""
    now = int(time.time())
    strangers = [
        Stranger(
            code=code,
            prefix=prefix,
            address=address,
            number=number,
            minute=(now - minutes * 60) // 60 * 60,
            last_at=now - minutes * 60,
        )
        for code, prefix, address, number, minutes in rows
    ]
    entry = Entry(sequence=1, strangers=strangers)
    record_usage(HOST_OPERATOR, batch=Batch(source=source, entries=[entry]))


def text_of(response):
    """Give the text of a page, each run of white space one blank."""
    text = re.sub(
        r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL
    )
    return re.sub(r"\s+", " ", html.unescape(text))


def rows_of(response):
    """Give the cells of the list that a page shows, as text."""
    page = response.content.decode()
    rows = re.findall(r"<tr role=\"row\">(.*?)</tr>", page[page.find("<tbody") :], re.DOTALL)
    return [
        [
            re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", cell))).strip()
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        ]
        for row in rows
    ]


@pytest.fixture
def client(browse, eko):
    return browse(eko)


def test_without_such_requests_the_page_says_so(client):
    assert "Every request had a key that we know." in text_of(client.get(PAGE))


def test_requests_are_listed_newest_first_with_what_they_mean(client):
    record(
        ("key_missing", "", "203.0.113.80", 1412, 125),
        ("key_unknown", "kd_live_0000", "198.51.100.23", 3, 65),
        ("key_malformed", "", None, 1, 5),
    )
    page = client.get(PAGE)
    shown = [(row[0], row[1], row[2], row[3].split(" on ")[0], row[4]) for row in rows_of(page)]
    assert shown == [
        ("Not a whole key", "not kept", "not known", "1 request", "5 minutes ago"),
        ("No such key", "kd_live_0000 ••••••••", "198.51.100.23", "3 requests", "1 hour ago"),
        ("No key sent", "none", "203.0.113.80", "1,412 requests", "2 hours ago"),
    ]
    for meaning in MEANINGS.values():
        assert str(meaning.cure) in text_of(page)


def test_in_indonesian_the_page_speaks_so(client):
    record(("key_missing", "", "203.0.113.80", 1412, 125))
    page = client.get(PAGE, headers={"accept-language": "id"})
    (row,) = rows_of(page)
    assert (row[0], row[3].split(" pada ")[0], row[4]) == (
        "Tanpa kunci",
        "1.412 permintaan",
        "2 jam lalu",
    )


def test_the_same_from_the_same_address_is_one_row_a_day(client):
    record(("key_unknown", "kd_live_0000", "198.51.100.23", 3, 2 * 24 * 60))
    record(("key_unknown", "kd_live_0000", "198.51.100.23", 4, 0), source="web-2")
    record(("key_unknown", "kd_live_0000", "198.51.100.23", 1, 0), source="web-3")
    counted = [row[3].split(" on ")[0] for row in rows_of(client.get(PAGE))]
    assert counted == ["5 requests", "3 requests"]


def test_a_key_that_begins_like_a_customers_names_them(client, ana, generate):
    generate(ana)
    ApiKey.objects.update(shown_prefix=TYPING_ERROR)
    record(
        ("key_malformed", TYPING_ERROR, "203.0.113.9", 1, 1),
        ("key_unknown", "kd_live_0000", "203.0.113.9", 1, 2),
    )
    page = client.get(PAGE)
    assert [row[1] for row in rows_of(page)] == [
        "kd_live_AbCd •••••••• Begins like a key of PT Sinar Abadi",
        "kd_live_0000 ••••••••",
    ]
    assert '<a class="underline underline-offset-4" href="/console/accounts/sinarabadi/">' in (
        page.content.decode()
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"prefix": TYPING_ERROR}, ["203.0.113.9"]),
        ({"prefix": f" {TYPING_ERROR}… "}, ["203.0.113.9"]),
        ({"prefix": f"{TYPING_ERROR}••••••••"}, ["203.0.113.9"]),
        ({"prefix": "kd_live_abcd"}, []),
        ({"prefix": "kd_live_"}, []),
        ({"prefix": "kd_\0"}, []),
        ({"prefix": "' OR 1=1"}, []),
        ({"address": "203.0.113.9"}, ["203.0.113.9"]),
        ({"address": " 2001:DB8:0::5 "}, ["2001:db8::5"]),
        ({"address": "::ffff:203.0.113.9"}, ["203.0.113.9"]),
        ({"address": "203.0.113"}, []),
        ({"address": "203.0.113.9\0"}, []),
        ({"address": "2001:db8::5", "prefix": TYPING_ERROR}, []),
        ({"address": "203.0.113.9", "prefix": TYPING_ERROR}, ["203.0.113.9"]),
        ({"page": "2"}, ["203.0.113.9", "2001:db8::5"]),
        ({"page": "none"}, ["203.0.113.9", "2001:db8::5"]),
    ],
)
def test_first_characters_and_addresses_are_looked_up_whole(client, asked, found):
    record(
        ("key_malformed", TYPING_ERROR, "203.0.113.9", 1, 1),
        ("key_unknown", "kd_live_0000", "2001:db8::5", 1, 2),
    )
    answer = client.get(PAGE, asked)
    assert (answer.status_code, [row[2] for row in rows_of(answer)]) == (200, found)


def test_what_is_no_address_is_told_at_its_field_and_kept_there(client):
    page = client.get(PAGE, {"address": '"><b>office', "prefix": "kd_live_0000"})
    assert '“"><b>office” is no address. Write it whole.' in text_of(page)
    assert 'aria-describedby="address-note "' in page.content.decode()
    assert 'value="&quot;&gt;&lt;b&gt;office"' in page.content.decode()
    assert 'value="kd_live_0000"' in page.content.decode()


def test_of_a_key_that_is_pasted_whole_only_what_may_be_shown_is_taken(client):
    record(("key_malformed", TYPING_ERROR, "203.0.113.9", 1, 1))
    asked = {"prefix": f"{TYPING_ERROR}{'e' * 45}", "address": "203.0.113.9"}
    answer = client.get(PAGE, asked)
    where = f"{PAGE}?prefix={TYPING_ERROR}&address=203.0.113.9"
    assert (answer.status_code, answer["Location"], answer.content) == (302, where, b"")
    page = client.get(where)
    assert [row[2] for row in rows_of(page)] == ["203.0.113.9"]
    assert f'maxlength="{len(TYPING_ERROR)}"' in page.content.decode()


def test_requests_that_were_not_decided_or_had_a_known_key_are_not_listed(client):
    record(("unavailable", "kd_live_0000", "203.0.113.9", 1, 1), ("ok", "", None, 1, 1))
    assert rows_of(client.get(PAGE)) == []


def test_each_outcome_that_is_listed_is_explained():
    assert set(MEANINGS) == set(UNKNOWN)


def test_the_list_comes_in_pages_and_ends_at_the_newest_of_them(client, monkeypatch):
    monkeypatch.setattr(queries, "LISTED_AT_MOST", 30)
    monkeypatch.setattr("keydesk.console.strangers.LISTED_AT_MOST", 30)
    record(*(("key_unknown", f"kd_live_{n:04}", "198.51.100.23", 1, n) for n in range(40)))
    first, last = (client.get(PAGE, {"address": "198.51.100.23", "page": n}) for n in (1, 2))
    shown = [row[1][:12] for page in (first, last) for row in rows_of(page)]
    assert shown == [f"kd_live_{n:04}" for n in range(30)]
    assert "1 to 25 of 30" in text_of(first)
    assert 'href="?address=198.51.100.23&amp;page=2" rel="next"' in first.content.decode()
    assert "These are the newest 30. Search to find others." in text_of(last)


def test_it_costs_no_more_queries_for_more_rows(client, django_assert_max_num_queries):
    client.get(PAGE)
    record(*(("key_unknown", f"kd_live_{n:04}", "198.51.100.23", 1, n) for n in range(25)))
    with django_assert_max_num_queries(10):
        client.get(PAGE)


def test_no_member_of_an_account_reads_the_list(ana, gita):
    for actor in (ana, gita):
        with pytest.raises(Refused) as refused:
            unknown_credentials(actor)
        assert refused.value.code == Code.PERMISSION_DENIED
