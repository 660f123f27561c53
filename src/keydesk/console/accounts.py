"""Finding accounts, and one account's page."""

from collections.abc import Sequence
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from keydesk.console.pages import frame
from keydesk.console.states import ENTITLEMENTS, KEYS, STATUSES, Named
from keydesk.console.trail import lines_of
from keydesk.console.visit import StaffVisit, for_staff
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.queries import (
    account_by_username,
    accounts_by_age,
    accounts_found,
)
from keydesk.control.accounts.rules import can_become, is_username
from keydesk.control.audit.models import AuditEvent
from keydesk.control.audit.queries import events_of, status_history
from keydesk.control.catalog.queries import products_by_name
from keydesk.control.entitlements.planned import entitlements_of, open_changes
from keydesk.control.keys.queries import keys_found, keys_of, state_now
from keydesk.control.keys.rules import is_live
from keydesk.control.people.queries import members_of, people_found
from keydesk.core.records import AccountStatus, Environment
from keydesk.web.activity import DIGITS_OF_AN_EVENT
from keydesk.web.digits import number_in

A_PAGE: Final = 25
FOUND_A_PAGE: Final = 10
DEEPEST_PAGE: Final = 50
KEYS_A_PAGE: Final = 10
MEMBERS_A_PAGE: Final = 10
DIGITS_OF_A_PAGE: Final = 3


@for_staff()
def accounts(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """List accounts by age, a page behind the account that the address names."""
    status = request.GET.get("status", "")
    status = status if status in STATUSES else ""
    order = "oldest" if request.GET.get("order") == "oldest" else "newest"
    after = plain(request.GET.get("after", ""))
    rows = list(
        accounts_by_age(status=status, after=after, is_newest_first=order == "newest")[: A_PAGE + 1]
    )
    has_more = len(rows) > A_PAGE
    rows = rows[:A_PAGE]
    context = frame(visit, section="accounts") | {
        "rows": [(account, *STATUSES[account.status]) for account in rows],
        "status": status,
        "order": order,
        "statuses": [("", None), *((key, name) for key, (_tone, name) in STATUSES.items())],
        "next_after": rows[-1].pk if has_more else None,
        "is_first": not after,
    }
    return render(request, "console/accounts.html", context)


@for_staff()
def search(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Look one text up among accounts, people and keys, each group with pages of its own."""
    text = plain(request.GET.get("q", ""))
    prefix = text.rstrip("…•")
    groups: dict[str, Any] = {}
    if text:
        groups = {
            "accounts": stretch(accounts_found(text), page_number(request, "accounts")),
            "people": stretch(people_found(text), page_number(request, "people")),
            "keys": stretch([keys_found(prefix)], page_number(request, "keys")),
        }
    context = frame(visit, section="search") | {"text": text, "statuses": STATUSES, **groups}
    return render(request, "console/search.html", context)


def plain(text: str) -> str:
    """Give a text as it can be looked up: trimmed, and nothing that no database takes."""
    return "" if "\0" in text else text.strip()[:254]


def page_number(request: HttpRequest, group: str) -> int:
    """Give which page of a group the address asks for: from 1 to the deepest."""
    number = number_in(request.GET.get(group, ""), digits=DIGITS_OF_A_PAGE)
    return min(max(number or 1, 1), DEEPEST_PAGE)


def stretch(queries: Sequence[QuerySet[Any]], number: int) -> dict[str, Any]:
    """Give one page of what the queries find, one query after the other, each row once."""
    end = number * FOUND_A_PAGE
    found: dict[Any, Any] = {}
    for query in queries:
        for row in query[: end + 1]:
            found.setdefault(row.pk, row)
        if len(found) > end:
            break
    rows = list(found.values())
    return {
        "rows": rows[end - FOUND_A_PAGE : end],
        "previous": number - 1 if number > 1 else None,
        "next": number + 1 if len(rows) > end and number < DEEPEST_PAGE else None,
    }


@for_staff()
def account(request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """Show everything that the internal team knows about one account."""
    shown = account_named(username)
    keys = Paginator(keys_of(shown.id), KEYS_A_PAGE).get_page(request.GET.get("keys"))
    members = Paginator(members_of(shown), MEMBERS_A_PAGE).get_page(request.GET.get("members"))
    seq = number_in(request.GET.get("before", ""), digits=DIGITS_OF_AN_EVENT)
    events = list(events_of(shown.id, before=seq)[: A_PAGE + 1])
    tone, status_name = STATUSES[shown.status]
    context = frame(visit, section="accounts", is_section=False) | {
        "account": shown,
        "tone": tone,
        "status_name": status_name,
        "history": [(event, *status_of(event)) for event in status_history(shown.id)[:A_PAGE]],
        "members": members,
        "matrix": matrix(shown),
        "changes": open_changes().filter(account=shown),
        "keys": keys,
        "key_rows": [(key, *KEYS[state_now(key)], is_live(state_now(key))) for key in keys],
        "lines": lines_of(shown, events[:A_PAGE]),
        "older_before": events[A_PAGE - 1].seq if len(events) > A_PAGE else None,
        **offers(visit, shown),
    }
    return render(request, "console/account.html", context)


def status_of(event: AuditEvent) -> Named:
    """Give what the status is called that an event set; an account begins as a draft."""
    return STATUSES[event.details.get("to", AccountStatus.DRAFT)]


def offers(visit: StaffVisit, shown: Account) -> dict[str, bool]:
    """Give what this person can do with the account as it stands."""
    may_set = visit.actor.can(Permission.ACCOUNT_SET_STATUS)
    is_suspended = shown.status == AccountStatus.SUSPENDED
    return {
        "may_suspend": may_set and can_become(shown.status, AccountStatus.SUSPENDED),
        "may_reinstate": may_set and is_suspended,
        "may_close": may_set and can_become(shown.status, AccountStatus.CLOSED),
        "may_set_products": visit.actor.can(Permission.ENTITLEMENT_SET),
        "may_stop_keys": visit.actor.can(Permission.KEY_STOP),
        "may_view_as": visit.actor.can(Permission.ACCOUNT_VIEW_AS),
    }


def matrix(shown: Account) -> list[dict[str, Any]]:
    """Give a line for each product: where it stands for the account in each environment."""
    held = {(each.product_id, each.environment): each for each in entitlements_of(shown.id)}
    lines = []
    for product in products_by_name():
        cells = []
        for environment in Environment:
            entitlement = held.get((product.pk, str(environment)))
            tone, name = ENTITLEMENTS["" if entitlement is None else entitlement.state]
            cells.append(
                {
                    "environment": environment,
                    "tone": tone,
                    "name": name,
                    "reason": "" if entitlement is None else entitlement.reason,
                    "is_held": entitlement is not None,
                    "limits": "" if entitlement is None else entitlement.limits,
                }
            )
        lines.append({"product": product, "cells": cells})
    return lines


def account_named(username: str) -> Account:
    """Give the account that an address names; raises Http404 if there is none."""
    found = account_by_username(username) if is_username(username) else None
    if found is None:
        raise Http404
    return found
