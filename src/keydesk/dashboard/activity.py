"""The Activity page: what happened in the account, newest first, with a filter and as a file."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from keydesk.control.access.roles import Permission
from keydesk.control.audit.events import Topic
from keydesk.control.audit.queries import Filter, activity_of
from keydesk.control.people.queries import members_of
from keydesk.dashboard.pages import frame
from keydesk.dashboard.trail import Line, lines_of
from keydesk.dashboard.visit import Visit, for_members
from keydesk.web.activity import DIGITS_OF_AN_EVENT, TOPIC_NAMES
from keydesk.web.digits import number_in

A_PAGE: Final = 25
A_STRETCH: Final = 1000
"""As many events as the file takes from the database at once."""
DIGITS_OF_A_PERSON: Final = 9
PROVIDER: Final = "provider"
COLUMNS: Final = ("time", "event", "what", "who", "object", "object_id", "note", "ip", "request_id")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""How a cell begins that a spreadsheet would calculate."""
BYTE_ORDER_MARK: Final = "\ufeff"


class Asked(NamedTuple):
    """What of the trail the address asks for, and what is wrong with it, by field."""

    topic: str
    who: str
    since: str
    until: str
    which: Filter
    errors: dict[str, str]

    @property
    def is_used(self) -> bool:
        """Whether anything is asked for but everything."""
        return any((self.topic, self.who, self.since, self.until))


@for_members(Permission.ACTIVITY_VIEW)
def activity(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show what happened, a page of it."""
    asked = asked_for(request)
    before = number_in(request.GET.get("before", ""), digits=DIGITS_OF_AN_EVENT)
    found = activity_of(visit.actor, account_id=visit.account.id, which=asked.which, before=before)
    events = list(found[: A_PAGE + 1])
    context = frame(visit, section="activity") | {
        "asked": asked,
        "lines": lines_of(visit.account.id, events[:A_PAGE]),
        "topics": [("", _("Everything")), *TOPIC_NAMES.items()],
        "people": people_to_choose(visit),
        "older": address(request, before=events[A_PAGE - 1].seq) if events[A_PAGE:] else "",
        "newest": address(request, before=None) if before is not None else "",
        "file": f"download/{address(request, before=None)}",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if asked.errors else HTTPStatus.OK
    return render(request, "dashboard/activity.html", context, status=status)


@for_members(Permission.ACTIVITY_VIEW)
def download(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Give all that the filter asks for as a CSV file; what is wrong with the filter, the page says."""
    asked = asked_for(request)
    if asked.errors:
        return redirect(visit.url("activity") + address(request, before=None))
    day = timezone.now().date().isoformat()
    file = file_of(visit, asked.which, translation.get_language())
    response = StreamingHttpResponse(file, content_type="text/csv")
    name = f"activity-{visit.account.username}-{day}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def file_of(visit: Visit, which: Filter, language: str) -> Iterator[str]:
    """Give the file in this language, a stretch of events at a time."""
    yield BYTE_ORDER_MARK + row_of(COLUMNS)
    before = None
    while True:
        found = activity_of(visit.actor, account_id=visit.account.id, which=which, before=before)
        events = list(found[:A_STRETCH])
        # The file is read when the request is over, and its language perhaps another's.
        with translation.override(language):
            rows = [row_of(cells_of(line)) for line in lines_of(visit.account.id, events)]
        yield "".join(rows)
        if len(events) < A_STRETCH:
            return
        before = events[-1].seq


def cells_of(line: Line) -> tuple[str, ...]:
    """Give a line's cells, in the order of the columns."""
    at = line.at.astimezone(UTC).isoformat(timespec="seconds")
    where = (line.object_name, line.object_id, line.note, line.ip, line.request_id)
    return (at, line.kind, line.what, line.who, *where)


def row_of(cells: tuple[str, ...]) -> str:
    """Give a row of the file (RFC 4180); no cell of it is calculated by a spreadsheet that opens it."""
    row = io.StringIO()
    csv.writer(row, quoting=csv.QUOTE_ALL).writerow(
        [f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell for cell in cells]
    )
    return row.getvalue()


def asked_for(request: HttpRequest) -> Asked:
    """Give what the address asks for; a topic or a person that is none is everything."""
    topic, who = request.GET.get("topic", ""), request.GET.get("who", "")
    topic = topic if topic in set(Topic) else ""
    user_id = None if who == PROVIDER else number_in(who, digits=DIGITS_OF_A_PERSON)
    who = who if who == PROVIDER or user_id is not None else ""
    errors: dict[str, str] = {}
    since, until = (day_in(request, name, errors) for name in ("since", "until"))
    if since is not None and until is not None and until < since:
        errors["until"] = _("This day is before the first one.")
        until = None
    which = Filter(
        topic=Topic(topic) if topic else None,
        user_id=user_id,
        is_by_provider=who == PROVIDER,
        since=since,
        until=None if until is None else until + timedelta(days=1),
    )
    return Asked(
        topic, who, request.GET.get("since", ""), request.GET.get("until", ""), which, errors
    )


def day_in(request: HttpRequest, name: str, errors: dict[str, str]) -> datetime | None:
    """Give the beginning of the day that a field has, in UTC; None without one, and what is wrong goes to `errors`."""
    text = request.GET.get(name, "").strip()
    if not text:
        return None
    try:
        day = datetime.combine(date.fromisoformat(text), time(), UTC)
        _next_one = day + timedelta(days=1)
    except (ValueError, OverflowError):
        errors[name] = _("Give a day such as 2026-11-27.")
        return None
    return day


def people_to_choose(visit: Visit) -> list[tuple[str, str]]:
    """Give the choices of who did it: the members by address, and the provider."""
    members = [
        (str(each.user_id), f"{each.user.full_name} ({each.user.email})")
        for each in members_of(visit.account)
    ]
    return [("", _("Everybody")), *members, (PROVIDER, _("Internal team"))]


def address(request: HttpRequest, *, before: int | None) -> str:
    """Give the query of this page from behind an event on, or from the newest on; the filter stays."""
    query = request.GET.copy()
    query.pop("before", None)
    if before is not None:
        query["before"] = str(before)
    return f"?{query.urlencode()}"
