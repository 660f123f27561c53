"""Grants: given for a right PIN, used up inside the transaction of the action that they are for."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Greatest

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.access.tokens import digest_of
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import record
from keydesk.control.audit.events import Event
from keydesk.control.stepup.models import Challenge, Grant, Pin
from keydesk.control.stepup.queries import reveals_from
from keydesk.control.stepup.rules import GRANT_SECONDS, GuardedAction
from keydesk.control.stepup.tries import now
from keydesk.core.codes import Code

GRANT_BYTES = 16


def give(actor: Actor, *, action: GuardedAction, object_id: str) -> str:
    """Give a new grant for one action on one object, in the caller's transaction; only its digest is stored."""
    grant, moment = secrets.token_urlsafe(GRANT_BYTES), latest_moment(actor)
    Grant.objects.create(
        digest=digest_of(grant),
        **bound_to(actor, action=action, object_id=object_id),
        granted_at=moment,
        expires_at=moment + GRANT_SECONDS,
    )
    return grant


def use(actor: Actor, grant: str | None, *, action: GuardedAction, object_id: str) -> None:
    """Use up a grant, in the caller's transaction; the host operator needs none.

    Raises Refused `grant_invalid` if it was used before, is over, or is another person's, session's, account's,
    action's or object's; which of these is told to nobody.
    """
    if actor.kind is ActorKind.HOST:
        return
    moment = latest_moment(actor)
    fitting = Grant.objects.filter(
        digest=digest_of(grant or ""),
        **bound_to(actor, action=action, object_id=object_id),
        granted_at__lte=moment,
        expires_at__gt=moment,
        used_at=None,
    )
    if fitting.update(used_at=moment) != 1:
        raise Refused(Code.GRANT_INVALID)


@contextmanager
def guarded_transaction(
    actor: Actor, permission: Permission, *, account_id: str, object_id: str
) -> Iterator[Account]:
    """Run an action's authorised transaction; a grant that does not fit rolls it back and then leaves a record.

    The record also notes the moment, so that a clock that is put back later does not bring the grant back.
    """
    try:
        with authorised_transaction(
            actor, permission, account_id=account_id, object_id=object_id
        ) as account:
            yield account
    except Refused as refused:
        if refused.code is Code.GRANT_INVALID:
            with transaction.atomic():
                _pin_of(actor).update(seen_at=Greatest("seen_at", now()))
                record(actor, Event.GRANT_REFUSED, object_id=object_id)
        raise


def latest_moment(actor: Actor) -> int:
    """Give the later of now and what the row of the actor's PIN has seen, by which grants are given and used alike.

    So a clock that is put back brings no grant back, and one that ran ahead for a moment takes none away.
    """
    seen = _pin_of(actor).values_list("seen_at", flat=True).first()
    return max(now(), seen or 0)


def forget_old_grants() -> int:
    """Delete the grants and challenges that are over, used or not, and give their number; the worker calls it."""
    deleted = [
        kind.objects.filter(expires_at__lte=now()).delete()[0] for kind in (Grant, Challenge)
    ]
    return sum(deleted)


def take_back_grants(user_id: int) -> None:
    """Delete all grants and challenges of a person, in whatever session, in the caller's transaction.

    With a new PIN, everything is confirmed anew.
    """
    Grant.objects.filter(user_id=user_id).delete()
    Challenge.objects.filter(user_id=user_id).delete()


def require_reveals(actor: Actor) -> None:
    """Raise Refused `reveal_paused` (locked_until) while the actor may not see keys again; the host operator may."""
    pin = _pin_of(actor).first()
    until = None if pin is None else reveals_from(pin)
    if until is not None:
        raise Refused(Code.REVEAL_PAUSED, locked_until=until)


def _pin_of(actor: Actor) -> QuerySet[Pin]:
    return Pin.objects.none() if actor.user_id is None else Pin.objects.filter(user=actor.user_id)


def bound_to(actor: Actor, *, action: str, object_id: str) -> dict[str, Any]:
    """Give the columns that say what a grant or a challenge is for; all of them must fit when it is used."""
    return {
        "user_id": actor.user_id,
        "account_id": actor.account_id,
        "session": actor.session,
        "action": str(action),
        "object_id": object_id,
    }
