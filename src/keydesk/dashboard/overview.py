"""The overview: where the account stands, what comes next for whoever looks at it, and how its keys are used."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keydesk.control.access.roles import Permission
from keydesk.control.keys.queries import first_steps
from keydesk.control.onboarding.queries import application_of
from keydesk.control.usage.overview import (
    AccountUsage,
    NotedKey,
    account_usage,
    keys_to_look_at,
)
from keydesk.control.usage.queries import Calls
from keydesk.core.records import AccountStatus
from keydesk.dashboard.logs import reason_title
from keydesk.dashboard.onboarding.progress import remark_views
from keydesk.dashboard.pages import frame
from keydesk.dashboard.standing import next_standing, next_way, stages_of
from keydesk.dashboard.usage import share, spark
from keydesk.dashboard.visit import Visit, for_members
from keydesk.web.figures import whole


@for_members()
def overview(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the account, how far it has come, what is to be done about it, and how its keys are used."""
    context = frame(visit, section="overview") | journey(visit)
    if visit.account.status == AccountStatus.NEED_REVISION and visit.may_edit_application:
        context["remarks"] = remark_views(visit, application_of(visit.account))
    return render(request, "dashboard/overview.html", context)


def journey(visit: Visit) -> dict[str, Any]:
    """Give the stages to the first key, what the next one asks for, and from the first key on how keys are used."""
    status = visit.account.status
    if not visit.actor.can(Permission.KEY_VIEW):
        return {"stages": stages_of(status, None)}
    progress = first_steps(visit.actor, account_id=visit.account.id)
    found: dict[str, Any] = {"may_view_keys": True, "stages": stages_of(status, progress)}
    if status == AccountStatus.APPROVED:
        found |= {"standing": next_standing(progress), "way": next_way(visit, progress)}
    if progress.has_key:
        found |= {"requests": requests_view(visit)}
    if progress.has_key and status == AccountStatus.APPROVED:
        found |= {"noted": noted_view(visit)}
    return found


def requests_view(visit: Visit) -> dict[str, Any]:
    """Give what the page shows of the requests with the account's keys."""
    place = {"account_id": visit.account.id, "environment": visit.environment}
    usage = account_usage(visit.actor, **place)
    return {
        "spark": spark(usage) if usage.number else None,
        "times": times_of(usage),
        "reasons": [reason_view(visit, code, number) for code, number in usage.reasons],
    }


def times_of(usage: AccountUsage) -> list[dict[str, str]]:
    """Give the last day and the last 30 in words, each beside the time before if anything is known of that."""
    month = Calls(usage.number, usage.refused)
    times = [
        (_("Last 24 hours"), usage.last_day, _("24 hours before: %(calls)s"), usage.day_before),
        (_("Last 30 days"), month, _("30 days before: %(calls)s"), usage.days_before),
    ]
    return [
        {
            "title": title,
            "number": number_of(calls),
            "refused": refused_of(calls),
            "before": text % {"calls": f"{number_of(before)}, {refused_of(before)}"}
            if before.number
            else "",
        }
        for title, calls, text, before in times
    ]


def number_of(calls: Calls) -> str:
    """Say how many requests there were."""
    text = ngettext("%(number)s request", "%(number)s requests", calls.number)
    return text % {"number": whole(calls.number)}


def refused_of(calls: Calls) -> str:
    """Say how many requests were refused, and which share."""
    if not calls.refused:
        return _("none refused")
    words = {"number": whole(calls.refused), "percent": share(calls.refused, calls.number)}
    return _("%(number)s refused (%(percent)s%%)") % words


def reason_view(visit: Visit, code: str, number: int) -> dict[str, Any]:
    """Give a reason of refusals in words, with the way to the refused requests."""
    asked = urlencode({"environment": visit.environment, "code": code})
    return {
        "title": reason_title(code),
        "number": whole(number),
        "url": f"{visit.url('logs')}?{asked}",
    }


def noted_view(visit: Visit) -> dict[str, Any]:
    """Give what the page shows of the keys to look at."""
    place = {"account_id": visit.account.id, "environment": visit.environment}
    noted = keys_to_look_at(visit.actor, **place)
    return {"rows": [noted_row(visit, each) for each in noted.keys], "is_cut": noted.is_cut}


def noted_row(visit: Visit, noted: NotedKey) -> dict[str, Any]:
    """Give what the page shows of a key to look at, with the way to its page."""
    key = noted.key
    return {
        "name": key.name,
        "shown_prefix": key.shown_prefix,
        "product": key.product.name,
        "reasons": reasons_to_look(noted),
        "url": visit.url("key", key_id=key.id),
    }


def reasons_to_look(noted: NotedKey) -> list[str]:
    """Say why a key is to be looked at."""
    reasons = []
    if noted.refused:
        words = {"number": whole(noted.refused)}
        reasons.append(_("%(number)s requests refused in 24 hours") % words)
    if noted.ends_at is not None:
        reasons.append(_("Ends on %(date)s") % {"date": date_format(noted.ends_at, "j M Y")})
    if noted.is_unused and noted.last_at is None:
        reasons.append(_("Never used"))
    elif noted.is_unused and noted.last_at is not None:
        words = {"date": date_format(noted.last_at, "j M Y")}
        reasons.append(_("Not used since %(date)s") % words)
    return reasons
