"""An account may have ten thousand keys: a page reads the few that it shows, and a dialog the one that it is about."""

import re
import secrets
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.fixtures.browsing import KEYS
from tests.fixtures.trail import execute

from keydesk.control.keys import queries
from keydesk.control.keys.endings import unwarned
from keydesk.control.keys.models import ApiKey

MANY = 10_000
A_PAGE = 10
A_DIALOG = f"{KEYS}generate/disbursement/live/"

pytestmark = pytest.mark.django_db


def key(number, account, **fields):
    """Give a key as it is stored, numbered from the oldest on."""
    given = {
        "name": f"Key {number}",
        "environment": "live",
        "state": "ACTIVE",
        "created_at": timezone.now() - timedelta(days=1) + timedelta(seconds=number),
    }
    return ApiKey(
        account=account,
        product_id="disbursement",
        digest=secrets.token_bytes(32),
        shown_prefix=f"kd_live_{number:04}",
        request_token=f"press {number}",
        revision=1_000_000 + number,
        mac=secrets.token_bytes(32),
        **given | fields,
    )


def count_keys():
    """Let PostgreSQL look how many keys there are, as it does by itself once they are committed."""
    if connection.vendor == "postgresql":
        execute("ANALYZE api_keys")


@pytest.fixture
def reading():
    """Give, of something that is done, how many queries it takes and how many keys it reads."""

    def reading(deed):
        seen = []
        post_init.connect(
            lambda instance, **_: seen.append(instance),
            sender=ApiKey,
            weak=False,
            dispatch_uid="reading",
        )
        try:
            with CaptureQueriesContext(connection) as captured:
                response = deed()
        finally:
            post_init.disconnect(sender=ApiKey, dispatch_uid="reading")
        return len(captured), len(seen), response

    return reading


def count_of_rows(response):
    return len(re.findall(r"kd_live_[0-9]{4}", response.content.decode()))


def test_ten_thousand_keys_cost_the_queries_and_rows_of_one_page(
    browse, ana, sinar, disbursement, reading
):
    client, pages = browse(ana), (KEYS, f"{KEYS}?page-disbursement=2&search=key&state=ACTIVE")
    ApiKey.objects.bulk_create(key(number, sinar) for number in range(2 * A_PAGE))
    client.get(KEYS)  # the first page of a session is also the one that begins it
    few = [reading(lambda page=page: client.get(page)) for page in pages]
    ApiKey.objects.bulk_create(key(number, sinar) for number in range(2 * A_PAGE, MANY))
    count_keys()
    client.get(KEYS)  # on a slow machine half a minute has passed, and a page notes that once
    many = [reading(lambda page=page: client.get(page)) for page in pages]
    assert [asked for asked, _, _ in many] == [asked for asked, _, _ in few]
    assert [keys for _, keys, _ in many] == [A_PAGE, A_PAGE]
    assert [count_of_rows(response) for _, _, response in many] == [A_PAGE, A_PAGE]
    assert "Key 9999" in many[0][2].content.decode()
    assert "Key 9980" in many[1][2].content.decode()


def test_a_page_of_keys_is_read_through_their_index_in_its_order(sinar, disbursement):
    environments = ("live", "test")
    ApiKey.objects.bulk_create(
        key(number, sinar, environment=environments[number % 2]) for number in range(1000)
    )
    count_keys()
    place = {"account": sinar, "environment": "live", "product": "disbursement"}
    plan = queries._listed().filter(**place)[:A_PAGE].explain()
    sorted_again = ("B-TREE", "Sort")
    assert "key_by_account" in plan, plan
    assert [words for words in sorted_again if words in plan] == []


def test_keys_that_end_soon_are_found_through_their_index_among_many(sinar, disbursement):
    now = timezone.now()
    ends = [None, *(now + timedelta(days=days) for days in range(1, 100))]
    ApiKey.objects.bulk_create(
        key(number, sinar, expires_at=ends[number % 100]) for number in range(1000)
    )
    if connection.vendor == "postgresql":
        execute("ANALYZE api_keys")
    plan = unwarned(7, now=now)[:A_PAGE].explain()
    assert "key_by_end" in plan, plan


def test_a_dialog_reads_no_key_but_its_own(browse, ana, sinar, disbursement, reading, with_pin):
    with_pin(ana)
    ApiKey.objects.bulk_create(key(number, sinar) for number in range(2 * A_PAGE))
    client, one = browse(ana, headers={"HX-Request": "true"}), ApiKey.objects.first().id
    steps = [A_DIALOG, *(f"{KEYS}{one}/{name}/" for name in ("reveal", "regenerate", "revoke"))]
    read = [reading(lambda step=step: client.get(step)) for step in steps]
    assert [(keys, response.status_code) for _, keys, response in read] == [
        (0, 200),
        (1, 200),
        (1, 200),
        (1, 200),
    ]


@pytest.fixture
def several(sinar, disbursement):
    """Keys in every state that people see, whose prefixes begin with their numbers."""
    now = timezone.now()
    over, to_come = now - timedelta(days=1), now + timedelta(days=1)
    ApiKey.objects.bulk_create(
        [
            key(1, sinar, name="Payroll"),
            key(2, sinar, name="payroll, old", expires_at=over),
            key(3, sinar, name="Refunds", state="REVOKED", revoked_at=now, expires_at=over),
            key(4, sinar, name="100%", state="RETIRING", retires_at=to_come),
            key(5, sinar, name="a_b", state="RETIRING", retires_at=over),
            key(6, sinar, name="axb", state="DISABLED", expires_at=to_come),
            key(7, sinar, name="Caf\u00e9", environment="test"),
        ]
    )


@pytest.mark.parametrize(
    ("search", "state", "found"),
    [
        ("", "", "654321"),
        ("PAYROLL", "", "21"),
        ("kd_live_0003", "", "3"),
        ("live", "", ""),
        ("%", "", "4"),
        ("a_", "", "5"),
        ("\0", "", ""),
        ("caf", "", ""),
        ("", "ACTIVE", "1"),
        ("", "DISABLED", "6"),
        ("", "EXPIRED", "52"),
        ("", "RETIRING", "4"),
        ("", "REVOKED", "3"),
        ("", "LOST", ""),
        ("payroll", "EXPIRED", "2"),
    ],
)
def test_a_search_finds_what_people_see(search, state, found, ana, sinar, several):
    searched = {"search": search, "state": state}
    (card,) = queries.product_cards(ana, account_id=sinar.id, environment="live", **searched)
    assert "".join(row.shown_prefix[-1] for row in card.keys) == found
    assert (card.key_count, len(card.keys)) == (6, len(found))
    assert state in {"", *(str(row.state) for row in card.keys)} or not found
