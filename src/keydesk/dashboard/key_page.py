"""The page of one key: what it is, how and from where it is used, what was refused, and what happened to it."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.access.roles import Permission
from keydesk.control.audit.events import Event, Topic
from keydesk.control.audit.models import AuditEvent
from keydesk.control.audit.queries import activity_about
from keydesk.control.keys.queries import KeyRow, key_for
from keydesk.control.policies.queries import current_policies
from keydesk.control.usage.queries import (
    AddressOfUse,
    SpanOfUse,
    UseOfKey,
    addresses_of_key,
    moment,
    refused_of_key,
    use_of_key,
)
from keydesk.control.usage.rules import Span
from keydesk.core.codes import Code
from keydesk.dashboard.cards import list_url, row_view, use_of
from keydesk.dashboard.charts import chart
from keydesk.dashboard.keys import card_of, visit_to_key
from keydesk.dashboard.logs import call_view, reason_title
from keydesk.dashboard.pages import frame
from keydesk.dashboard.products import ENVIRONMENT_NAMES
from keydesk.dashboard.trail import lines_of
from keydesk.dashboard.usage import share, share_refused
from keydesk.dashboard.visit import Visit, for_members
from keydesk.web.budgets import limit_words
from keydesk.web.figures import ago, whole

LISTED: Final = 20
"""How many addresses, refused requests and events stand on the page."""


class Period(NamedTuple):
    """A time that the page can be about."""

    name: Promise
    span: Span
    length: int
    """In hours or days, the present one among them."""
    label_each: int
    """So many bars have one label under them."""


PERIODS: Final[dict[str, Period]] = {
    "24h": Period(gettext_lazy("24 hours"), Span.HOUR, 24, 6),
    "7d": Period(gettext_lazy("7 days"), Span.DAY, 7, 1),
    "30d": Period(gettext_lazy("30 days"), Span.DAY, 30, 5),
}
USUAL: Final = "30d"
"""What the list of keys shows of each one."""


@for_members(Permission.KEY_VIEW)
def key_page(request: HttpRequest, visit: Visit, key_id: str) -> HttpResponse:
    """Show one key of the account."""
    visit, row, product = visit_to_key(visit, key_id)
    card = card_of(visit, row.product)
    asked = request.GET.get("period", "")
    asked = asked if asked in PERIODS else USUAL
    used = use_of(visit, [row])[row.id]
    context = frame(visit, section="settings", is_section=False) | {
        "row": row_view(visit, row, card=card) | used,
        "expires_at": row.expires_at,
        "product": product,
        "environment_name": ENVIRONMENT_NAMES[visit.environment],
        "limits": list(map(limit_words, card.limits)),
        "lineage": lineage_views(visit, row),
        "asked": asked,
        "periods": [(name, period.name) for name, period in PERIODS.items()],
        "use": None if used["usage"]["last_at"] is None else use_view(visit, row, PERIODS[asked]),
        "lines": lines_of(visit.account.id, trail_of(visit, row)),
        "activity_url": narrowed_url(visit, "activity", topic=Topic.KEY),
        "list_url": list_url(visit),
        "switch_path": visit.url("api_keys"),
    }
    return render(request, "dashboard/key/page.html", context)


def use_view(visit: Visit, row: KeyRow, period: Period) -> dict[str, Any]:
    """Give what the page shows of the requests with a key that was used at some time."""
    place = {"account_id": visit.account.id, "key_id": row.id}
    use = use_of_key(visit.actor, **place, span=period.span, count=period.length)
    kept_days = current_policies().refused_requests_days
    since = counted_since(use.spans[0].starts_at, kept_days)
    addresses = addresses_of_key(visit.actor, **place, since=since, most=LISTED + 1)
    return {
        "is_hourly": period.span is Span.HOUR,
        "number": sum(span.number for span in use.spans),
        "chart": chart(use.spans),
        "text": chart_text(use, period),
        "labels": [start_words(span, period) for span in use.spans[:: period.label_each]],
        "spans": [span_view(span, period) for span in reversed(use.spans)],
        "outcomes": outcome_views(use),
        "addresses": [address_view(each) for each in addresses[:LISTED]],
        "are_more_addresses": len(addresses) > LISTED,
        "since": since,
        "calls": [call_view(call) for call in refused_of_key(visit.actor, **place)[:LISTED]],
        "kept_days": kept_days,
        "listed": LISTED,
        "logs_url": narrowed_url(visit, "logs", key=row.shown_prefix),
    }


def counted_since(first: datetime, kept_days: int) -> datetime:
    """Give the day from which on addresses are counted for a time that began then: they are kept for so many days."""
    kept = timezone.now() - timedelta(days=kept_days)
    return moment(Span.DAY.start_of(int(max(first, kept).timestamp())))


def chart_text(use: UseOfKey, period: Period) -> str:
    """Say what the bars show."""
    number, refused = (
        sum(each) for each in zip(*((span.number, span.refused) for span in use.spans), strict=True)
    )
    words = {
        "number": whole(number),
        "most": whole(max(span.number for span in use.spans)),
        "first": start_words(use.spans[0], period),
        "last": start_words(use.spans[-1], period),
    }
    text = (
        _("%(number)s requests from %(first)s to %(last)s, at most %(most)s an hour.")
        if period.span is Span.HOUR
        else _("%(number)s requests from %(first)s to %(last)s, at most %(most)s a day.")
    )
    return f"{text % words} {share_refused(number, refused)}".rstrip()


def start_words(span: SpanOfUse, period: Period) -> str:
    """Say which hour or day it is, in UTC."""
    return date_format(span.starts_at, "H:i" if period.span is Span.HOUR else "j M")


def span_view(span: SpanOfUse, period: Period) -> dict[str, str]:
    """Give a row of the table that has the same figures as the bars."""
    return {
        "start": date_format(span.starts_at, "j M, H:i" if period.span is Span.HOUR else "j M Y"),
        "accepted": whole(span.number - span.refused),
        "refused": whole(span.refused),
    }


def outcome_views(use: UseOfKey) -> list[dict[str, Any]]:
    """Give each way in which requests ended, in words, with its number and share."""
    number = sum(outcome.number for outcome in use.outcomes)
    return [
        {
            "code": outcome.code,
            "title": outcome_words(outcome.code),
            "number": whole(outcome.number),
            "share": share(outcome.number, number),
        }
        for outcome in use.outcomes
    ]


def outcome_words(code: str) -> Promise | str:
    """Say how a request ended."""
    return _("Accepted") if code == Code.OK else reason_title(code)


def address_view(each: AddressOfUse) -> dict[str, Any]:
    """Give what the page shows of an address."""
    return {
        "address": each.address,
        "number": whole(each.number),
        "last_at": each.last_at,
        "ago": ago(each.last_at),
    }


def lineage_views(visit: Visit, row: KeyRow) -> list[dict[str, Any]]:
    """Give the key that this one has replaced and the one that has replaced it, as far as they are there."""
    others = ((_("Replaces"), row.replaces), (_("Replaced by"), row.replaced_by))
    return [
        {
            "title": title,
            "shown_prefix": key_for(visit.actor, key_id=key_id).shown_prefix,
            "url": visit.url("key", key_id=key_id),
        }
        for title, key_id in others
        if key_id is not None
    ]


def trail_of(visit: Visit, row: KeyRow) -> list[AuditEvent]:
    """Give the newest of what happened to a key; how one that replaces another was made stands at the other."""
    account_id, made = visit.account.id, Event.KEY_REGENERATED
    events = list(activity_about(visit.actor, account_id=account_id, object_id=row.id)[:LISTED])
    if row.replaces is not None and len(events) < LISTED:
        at_other = {"account_id": account_id, "object_id": row.replaces}
        events += activity_about(visit.actor, **at_other, event=made)[:1]
    return events


def narrowed_url(visit: Visit, page: str, **query: str) -> str:
    """Give the address of another page of the account, narrowed down."""
    return f"{visit.url(page)}?{urlencode({'environment': visit.environment, **query})}"
