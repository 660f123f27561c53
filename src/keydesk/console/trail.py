"""How the events of an account's trail are put into words for the internal team: each with its object's name and id."""

from collections.abc import Iterable
from typing import NamedTuple

from keydesk.control.accounts.models import Account
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.queries import products_by_name
from keydesk.control.keys.queries import keys_of
from keydesk.control.people.queries import full_names
from keydesk.control.people.rules import PERSON
from keydesk.core.records import Environment
from keydesk.web.activity import EVENT_NAMES


class Line(NamedTuple):
    """One event, and in words what happened to what."""

    event: AuditEvent
    what: str
    object_name: str
    """Empty where the object never had a name, or has none any more."""


def lines_of(account: Account, events: Iterable[AuditEvent]) -> list[Line]:
    """Give the events as lines; names are looked up once for all of them, in three SQL queries."""
    found = list(events)
    ids = {event.object_id for event in found}
    names = names_of(account, ids | {each.partition("/")[0] for each in ids})
    return [
        Line(event, str(EVENT_NAMES[Event(event.event)]), object_name(event, names))
        for event in found
    ]


def names_of(account: Account, ids: set[str]) -> dict[str, str]:
    """Give what these objects of an account's trail are called, by id."""
    people = [int(each.removeprefix(PERSON)) for each in ids if each.startswith(PERSON)]
    keys = keys_of(account.id).filter(pk__in=ids)
    return {
        account.id: account.name,
        **{key.id: f"{key.name}, {key.shown_prefix}••••" for key in keys},
        **{f"{PERSON}{user_id}": name for user_id, name in full_names(people).items()},
        **{
            f"{product.slug}/{environment}": f"{product.name} · {environment.capitalize()}"
            for product in products_by_name()
            for environment in Environment
        },
    }


def object_name(event: AuditEvent, names: dict[str, str]) -> str:
    """Give what the event's object is called, or was when it happened if the event says so."""
    kept = event.details.get("email") or event.details.get("name") or ""
    return names.get(event.object_id) or names.get(event.object_id.partition("/")[0]) or str(kept)
