"""Warning an account's people by mail before a key that works ends, each time once however many workers there are."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from keydesk.control.accounts.queries import managers_of
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.keys.mails import about
from keydesk.control.keys.models import ENDS_AT, HAS_END, ApiKey, KeyWarning
from keydesk.control.outbox.actions import in_words, post_to_all
from keydesk.control.outbox.kinds import MailKind
from keydesk.core.records import (
    AccountStatus,
    EntitlementState,
    Environment,
    KeyState,
    ProductState,
)

DAYS: Final = (1, 7, 30)
"""So many days before its end a key is warned of, the nearest first."""
AT_A_TIME: Final = 100
"""So many keys for each of those: the worker has other things to do, and what is left waits for the next run."""
FIRST_DAY: Final = timedelta(days=1)
"""Whoever has just chosen an end knows it: on its first day nobody is warned of it."""


def warn_of_endings() -> int:
    """Warn of the live keys that end soon, those that end first before others, and give how many keys those were.

    A key that several of `DAYS` have passed by, as while no worker ran, is warned of once.
    """
    now = timezone.now()
    due = [
        (key_id, days)
        for days in DAYS
        for key_id in unwarned(days, now=now).values_list("pk", flat=True)[:AT_A_TIME]
    ]
    return sum(warn(key_id, days, now=now) for key_id, days in due)


def unwarned(days: int, *, now: datetime) -> QuerySet[ApiKey]:
    """Give the live keys that work, end within so many days and none fewer, and were not warned of since.

    Where the key itself, its account or its product is stopped, nothing ends that works.
    """
    fewer = max((each for each in DAYS if each < days), default=0)
    warned = KeyWarning.objects.filter(
        key=OuterRef("pk"), ends_at=OuterRef("ends_at"), days__lte=days
    )
    enabled = Entitlement.objects.filter(
        account=OuterRef("account"),
        account__status=AccountStatus.APPROVED,
        product=OuterRef("product"),
        product__state=ProductState.ACTIVE,
        environment=Environment.LIVE,
        state=EntitlementState.ENABLED,
    )
    ending = ApiKey.objects.annotate(
        ends_at=ENDS_AT, since=Coalesce("replaced_by__created_at", "created_at")
    ).filter(
        HAS_END,
        ~Exists(warned),
        Exists(enabled),
        ends_at__gt=now + timedelta(days=fewer),
        ends_at__lte=now + timedelta(days=days),
        since__lte=F("ends_at") - timedelta(days=days) - FIRST_DAY,
        environment=Environment.LIVE,
        state__in=[KeyState.ACTIVE, KeyState.RETIRING],
    )
    return ending.order_by("ends_at", "id")


def warn(key_id: str, days: int, *, now: datetime) -> bool:
    """Queue the mail to the account's Superadmins and Admins, and give whether it was for this worker to do so.

    The note that it was done is written in the same transaction, and the database takes it once.
    """
    with transaction.atomic():
        ending = unwarned(days, now=now).filter(pk=key_id)
        key = ending.select_for_update(of=("self",), no_key=True).first()
        if key is None:
            return False
        ends_at = min(filter(None, (key.expires_at, key.retires_at)))
        _, is_first = KeyWarning.objects.get_or_create(key=key, ends_at=ends_at, days=days)
        if is_first:
            successor = getattr(key, "replaced_by", None)
            more = {
                "ends_at": in_words(ends_at),
                "new_prefix": "" if successor is None else successor.shown_prefix,
            }
            post_to_all(managers_of(key.account), MailKind.KEY_EXPIRING, context=about(key) | more)
    return is_first
