"""How an event of the account's trail is put into words for the account's people."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from keydesk.control.access.actor import ActorKind
from keydesk.control.access.roles import Permission, Role
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.queries import products_by_name
from keydesk.control.keys.queries import key_names
from keydesk.control.people.queries import full_names
from keydesk.control.people.rules import PERSON
from keydesk.core.records import Environment
from keydesk.dashboard.products import ENVIRONMENT_NAMES
from keydesk.dashboard.roles import PERMISSION_WORDS
from keydesk.dashboard.visit import ROLE_NAMES
from keydesk.web.activity import EVENT_NAMES, STATUS_NAMES


class Line(NamedTuple):
    """One event: what happened, to what, by whom, from where."""

    at: datetime
    kind: str
    what: str
    object_id: str
    object_name: str
    note: str
    who: str
    ip: str
    """Empty for the internal team, whose addresses are the provider's."""
    request_id: str


class Names(NamedTuple):
    """What the objects of events are called, by id."""

    keys: dict[str, str]
    people: dict[int, str]
    products: dict[str, str]


def lines_of(account_id: str, events: Iterable[AuditEvent]) -> list[Line]:
    """Give the events as lines; names are looked up once for all of them."""
    found = list(events)
    ids = {event.object_id.partition("/")[0] for event in found}
    people = [int(each.removeprefix(PERSON)) for each in ids if each.startswith(PERSON)]
    names = Names(
        key_names(account_id, ids),
        full_names(people),
        {product.slug: product.name for product in products_by_name()},
    )
    return [line_of(event, names) for event in found]


def line_of(event: AuditEvent, names: Names) -> Line:
    """Give one event as a line."""
    is_member = event.actor_kind == ActorKind.MEMBER
    return Line(
        event.at,
        event.event,
        str(EVENT_NAMES[Event(event.event)]),
        event.object_id,
        object_name(event, names),
        note_of(event),
        event.actor_label if is_member else provider_name(event),
        (event.ip or "") if is_member else "",
        event.request_id,
    )


def provider_name(event: AuditEvent) -> str:
    """Give what the account's people read in the place of somebody of the provider."""
    return _("Internal team") if event.actor_kind == ActorKind.STAFF else _("The provider's host")


def object_name(event: AuditEvent, names: Names) -> str:
    """Give what the event's object is called; empty where it is the account itself, or nothing with a name."""
    text, _slash, part = event.object_id.partition("/")
    if text in names.keys:
        return names.keys[text]
    if text.startswith(PERSON):
        return names.people.get(int(text.removeprefix(PERSON)), "")
    if part in set(Environment):
        product = names.products.get(text, text)
        return f"{product} · {ENVIRONMENT_NAMES[Environment(part)]}"
    return str(event.details.get("email") or event.details.get("name") or "")


def note_of(event: AuditEvent) -> str:
    """Give what else there is to say: from where to where, or the reason."""
    details, kind = event.details, event.event
    notes = []
    if kind == Event.ACCOUNT_STATUS_CHANGED:
        notes.append(str(STATUS_NAMES[details["to"]]))
    elif kind == Event.MEMBER_ROLE_CHANGED:
        notes.append(f"{role_name(details['from'])} → {role_name(details['to'])}")
    elif kind == Event.PERMISSION_REFUSED:
        words = PERMISSION_WORDS.get(Permission(details["permission"]))
        notes.append("" if words is None else str(words))
    elif kind == Event.KEY_REGENERATED and "retires_at" in details:
        end = date_format(datetime.fromisoformat(details["retires_at"]), "j M Y, H:i")
        notes.append(_("The old key works until %(moment)s UTC.") % {"moment": end})
    elif "role" in details:
        notes.append(role_name(details["role"]))
    if details.get("reason") and kind != Event.PERMISSION_REFUSED:
        notes.append(_("Reason: %(reason)s") % {"reason": details["reason"]})
    return " · ".join(filter(None, notes))


def role_name(role: str) -> str:
    """Give what a role is called."""
    return str(ROLE_NAMES[Role(role)])
