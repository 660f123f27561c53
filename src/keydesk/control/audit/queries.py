"""Looking things up in the audit trail."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import require
from keydesk.control.access.roles import Permission
from keydesk.control.audit.events import EVENTS_ABOUT, OF_THE_PROVIDER, Event, Topic
from keydesk.control.audit.models import AuditEvent

SETS_STATUS = (
    str(Event.ACCOUNT_CREATED),
    str(Event.ACCOUNT_SIGNED_UP),
    str(Event.ACCOUNT_STATUS_CHANGED),
    str(Event.APPLICATION_APPROVED),
    str(Event.APPLICATION_REJECTED),
    str(Event.APPLICATION_REVISION_REQUESTED),
    str(Event.APPLICATION_SUBMITTED),
)
"""Each event after which an account has another status, which its details name; the first two make a draft."""


def has_happened(event: Event, *, object_id: str, since: datetime) -> bool:
    """Say whether this has happened to the object since that moment."""
    happened = AuditEvent.objects.filter(object_id=object_id, event=str(event), at__gte=since)
    return happened.exists()


def is_new_place(event: Event, *, object_id: str, ip: str | None) -> bool:
    """Say whether this has happened to the object before, but never from this address; an unknown one is not new."""
    happened = AuditEvent.objects.filter(object_id=object_id, event=str(event))
    return ip is not None and happened.exists() and not happened.filter(ip=ip).exists()


def events_of(account_id: str, *, before: int | None = None) -> QuerySet[AuditEvent]:
    """Give an account's trail, the latest first, from behind the event `before` on."""
    events = AuditEvent.objects.filter(account_id=account_id).order_by("-seq")
    return events if before is None else events.filter(seq__lt=before)


class Filter(NamedTuple):
    """What of a trail is asked for; None, where everything is."""

    topic: Topic | None = None
    user_id: int | None = None
    """One person of the account."""
    is_by_provider: bool = False
    """What the internal team or the host did, whoever it was."""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is not asked for any more."""


def activity_of(
    actor: Actor, *, account_id: str, which: Filter, before: int | None = None
) -> QuerySet[AuditEvent]:
    """Give what an account's people may read of its trail, the latest first, from behind the event `before` on.

    Raises Refused: `permission_denied`; `not_found` for another account than a member's own.
    """
    require(actor, Permission.ACTIVITY_VIEW, account_id)
    events = events_of(account_id, before=before)
    if which.topic is None:
        events = events.exclude(event__in=list(map(str, OF_THE_PROVIDER)))
    else:
        events = events.filter(event__in=list(map(str, EVENTS_ABOUT[which.topic])))
    if which.user_id is not None:
        events = events.filter(actor_kind=str(ActorKind.MEMBER), actor_id=which.user_id)
    if which.is_by_provider:
        events = events.filter(actor_kind__in=[str(ActorKind.STAFF), str(ActorKind.HOST)])
    if which.since is not None:
        events = events.filter(at__gte=which.since)
    if which.until is not None:
        events = events.filter(at__lt=which.until)
    return events


def activity_about(
    actor: Actor, *, account_id: str, object_id: str, event: Event | None = None
) -> QuerySet[AuditEvent]:
    """Give what an account's people may read of what happened to one object, the latest first.

    It is narrowed to one kind of event if one is given. Raises Refused as `activity_of` does.
    """
    about = AuditEvent.objects.filter(object_id=object_id)
    if event is not None:
        about = about.filter(event=str(event))
    # Of two indexes that fit SQLite takes the account's, and would go through all of its trail.
    trail = activity_of(actor, account_id=account_id, which=Filter())
    return trail.filter(seq__in=about.values("seq"))


def status_history(account_id: str) -> QuerySet[AuditEvent]:
    """Give how an account's status went, the latest first."""
    changes = AuditEvent.objects.filter(object_id=account_id, event__in=SETS_STATUS)
    return changes.order_by("-seq")
