"""What an account's people read of its trail: all of theirs, none of another's, found quickly, kept safely."""

import csv
import io
import os
import re
import time
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from django.utils.html import strip_tags
from tests.fixtures.browsing import viewing
from tests.fixtures.generating import generated
from tests.fixtures.trail import execute

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission, Role
from keydesk.control.audit.actions import record
from keydesk.control.audit.events import EVENTS_ABOUT, OF_THE_PROVIDER, Event, Topic
from keydesk.control.audit.models import AuditEvent
from keydesk.control.audit.queries import Filter, activity_of
from keydesk.control.people.actions import change_role
from keydesk.core.codes import Code
from keydesk.dashboard.activity import A_PAGE
from keydesk.web.activity import EVENT_NAMES, TOPIC_NAMES

ACTIVITY = "/a/sinarabadi/activity/"
FILE = f"{ACTIVITY}download/"
DOUBLINGS = 10
LONGEST_SECONDS = 0.5
"""A page takes well less of a processor than this on the slowest machine that the tests run on."""

pytestmark = pytest.mark.django_db


def rows_of(response):
    """Give the cells of the page's rows, as they are read."""
    body = response.content.decode().partition("<tbody")[2].partition("</tbody>")[0]
    rows = (re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in body.split("<tr")[1:])
    return [
        [unescape(" ".join(strip_tags(cell.replace("<", " <")).split())) for cell in row]
        for row in rows
    ]


def kinds_in(response):
    """Give the file's rows by column."""
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def payroll(sinar, disbursement):
    return generated(sinar)


def event(account, number, **fields):
    """Give an event as it is stored, a second after the one before."""
    given = {"event": str(Event.KEY_REVEALED), "actor_kind": "member", "actor_id": 1}
    return AuditEvent(
        account_id=account.id,
        at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        actor_label="ana@sinarabadi.example",
        **given | fields,
    )


def test_every_event_has_its_words_and_its_topic_or_is_the_providers_own():
    about = [event for events in EVENTS_ABOUT.values() for event in events]
    assert sorted([*about, *OF_THE_PROVIDER]) == sorted(Event)
    assert (set(EVENT_NAMES), set(TOPIC_NAMES)) == (set(Event), set(Topic))
    assert all(EVENTS_ABOUT.values())


def test_a_trail_says_who_did_what_to_what_the_latest_first(browse, ana, citra, sinar, payroll):
    change_role(ana, account_id=sinar.id, user_id=citra.user_id, role=Role.VIEWER)
    first, second = rows_of(browse(ana).get(ACTIVITY))[:2]
    who = f"{ana.label} from {ana.ip}"
    assert first[:2] == ["Role changed Citra Maker → Viewer", who]
    assert second[:2] == ["API key generated Payroll", "The provider's host"]


def test_people_read_when_the_internal_team_viewed_the_account_and_why_and_not_who_that_is(
    browse, ana, eko, sinar
):
    viewing(browse, eko, sinar)
    response = browse(ana).get(f"{ACTIVITY}?topic=viewing")
    words = "The internal team viewed the account as you Reason: Ticket 12"
    assert [row[:2] for row in rows_of(response)] == [[words, "Internal team"]]
    assert eko.label not in response.content.decode()
    (row,) = kinds_in(browse(ana).get(f"{FILE}?topic=viewing"))
    assert (row["event"], row["who"], row["ip"]) == ("viewing.started", "Internal team", "")


def test_what_the_provider_decides_among_themselves_is_not_read(ana, sinar, browse):
    for event in OF_THE_PROVIDER:
        record(HOST_OPERATOR, event, account_id=sinar.id)
    shown = {row["event"] for row in kinds_in(browse(ana).get(FILE))}
    assert shown & set(map(str, OF_THE_PROVIDER)) == set()


def test_only_those_who_may_see_it_ask_for_a_trail_and_for_their_own_alone(
    ana, budi, citra, dewi, sinar
):
    def outcome(actor):
        try:
            return len(activity_of(actor, account_id=sinar.id, which=Filter())) > 0
        except Refused as refused:
            return refused.code

    assert [outcome(actor) for actor in (ana, budi, citra, dewi)] == [
        True,
        True,
        Code.PERMISSION_DENIED,
        Code.NOT_FOUND,
    ]
    assert ana.can(Permission.ACTIVITY_VIEW)


def test_a_filter_finds_by_topic_by_person_and_by_day(browse, ana, budi, sinar, payroll):
    record(budi, Event.KEY_REVOKED, object_id=payroll.id)
    client, today = browse(ana), timezone.now().astimezone(UTC).date()

    def found(query):
        return [row[0] for row in rows_of(client.get(f"{ACTIVITY}?{query}"))]

    keys = ["API key revoked Payroll", "API key generated Payroll"]
    assert found("topic=key") == keys
    assert found(f"topic=key&who={budi.user_id}") == keys[:1]
    assert found("topic=key&who=provider") == keys[1:]
    assert found(f"topic=key&since={today}&until={today}") == keys
    assert found(f"topic=key&until={today - timedelta(days=1)}") == []
    assert found(f"topic=key&since={today + timedelta(days=1)}") == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=2026-13-01", "Give a day such as"),
        ("until=9999-12-31", "Give a day such as"),
        ("since=2026-02-02&until=2026-02-01", "This day is before the first one."),
    ],
)
def test_a_day_that_is_none_is_said_at_its_field_and_no_file_is_made(browse, ana, query, said):
    client = browse(ana)
    page = client.get(f"{ACTIVITY}?{query}")
    text = page.content.decode()
    assert (page.status_code, said in text, text.count("aria-invalid")) == (422, True, 1)
    answer = client.get(f"{FILE}?{query}")
    assert (answer.status_code, answer["Location"]) == (302, f"{ACTIVITY}?{query}")


@pytest.mark.parametrize("query", ["topic=nothing", "who=%00", "before=x", "before=" + "9" * 40])
def test_an_address_that_asks_for_nothing_that_there_is_gets_everything(browse, ana, query):
    client = browse(ana)
    assert rows_of(client.get(f"{ACTIVITY}?{query}")) == rows_of(client.get(ACTIVITY))


def test_a_trail_is_read_to_its_end_page_by_page_and_no_event_twice(browse, ana, sinar):
    AuditEvent.objects.bulk_create(event(sinar, number) for number in range(2 * A_PAGE + 3))
    client, address, ats = browse(ana), "?topic=key", []
    while address:
        text = client.get(f"{ACTIVITY}{address}").content.decode()
        ats += re.findall(r'datetime="([^"]+)"', text.partition("<tbody")[2])
        older = re.search(r'href="([^"]+)" rel="next"', text)
        address = older and older[1].replace("&amp;", "&")
    assert (len(ats), ats) == (2 * A_PAGE + 3, sorted(set(ats), reverse=True))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "|calc"])
def test_a_cell_of_the_file_is_never_a_formula(browse, ana, sinar, name):
    record(HOST_OPERATOR, Event.KEY_STOPPED, account_id=sinar.id, details={"name": name})
    response = browse(ana).get(f"{FILE}?topic=key")
    (row,) = kinds_in(response)
    assert row["object"] == f"'{name}"
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"].startswith('attachment; filename="activity-sinarabadi-')


def test_a_file_has_all_that_the_filter_asks_for(browse, ana, sinar):
    AuditEvent.objects.bulk_create(event(sinar, number) for number in range(2500))
    rows = kinds_in(browse(ana).get(f"{FILE}?topic=key"))
    assert [row["time"] for row in rows] == sorted((row["time"] for row in rows), reverse=True)
    assert len({row["time"] for row in rows}) == 2500


def seconds_of(deed):
    """Give how long a processor works on it at best, here and in the database, whatever else the machine does."""
    taken = []
    for _ in range(3):
        began = worked()
        deed()
        taken.append(worked() - began)
    return min(taken)


def worked():
    """Give the seconds that a processor has worked for this process, and for the one that the database has for it."""
    if connection.vendor == "sqlite":
        return time.process_time()
    process = Path("/proc", str(connection.connection.info.backend_pid), "stat")
    ticks = process.read_text().rpartition(")")[2].split()[11:13]
    return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def hundred_thousand(sinar):
    """So many events of a day, which the database itself copies from the first hundred."""
    AuditEvent.objects.bulk_create(event(sinar, 900 * number) for number in range(100))
    columns = ", ".join(field.column for field in AuditEvent._meta.fields if not field.primary_key)
    copy = f"INSERT INTO audit_events ({columns}) SELECT {columns} FROM audit_events"
    execute(*[copy] * DOUBLINGS)
    if connection.vendor == "postgresql":
        execute("ANALYZE audit_events")


def test_a_page_of_a_hundred_thousand_events_stays_quick(browse, ana, hundred_thousand):
    client = browse(ana)
    assert AuditEvent.objects.count() > 100_000
    asked = ("", "topic=viewing", "topic=key", "who=2", "who=provider", "until=2026-01-01")
    taken = {
        query: seconds_of(lambda query=query: client.get(f"{ACTIVITY}?{query}")) for query in asked
    }
    assert {query: round(each, 3) for query, each in taken.items() if each > LONGEST_SECONDS} == {}
