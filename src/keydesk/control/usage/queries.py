"""What the pages tell of use: when, how and from where a key was used, refused requests, and unknown credentials."""

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import Max, Q, QuerySet, Sum
from django.utils import timezone
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.audit.actions import authorise
from keydesk.control.keys.models import ApiKey
from keydesk.control.keys.queries import searched_for
from keydesk.control.usage.models import (
    KeyAddress,
    KeySighting,
    RefusedRequest,
    StrangerCount,
    UsageCount,
)
from keydesk.control.usage.rules import CODE_LENGTH, Span
from keydesk.core.codes import Code
from keydesk.core.network import parse_address

DAYS: Final = 30
LAST_DAY: Final = timedelta(hours=24)
LISTED_AT_MOST: Final = 1_000
"""Rows that a list of refused requests or of unknown credentials goes through; a search finds the others."""
UNKNOWN: Final = (Code.KEY_MISSING, Code.KEY_MALFORMED, Code.KEY_UNKNOWN)
"""The outcomes of requests whose credential was no key."""


class Calls(NamedTuple):
    """The requests of a time, and how many of them were refused."""

    number: int
    refused: int


NO_USE: Final = (Calls(0, 0),) * DAYS


class MonthOfUse(Struct, frozen=True, kw_only=True):
    """The last 30 days (UTC)."""

    days: tuple[Calls, ...] = NO_USE
    """Each of them, today at the end."""

    @property
    def number(self) -> int:
        """How many requests there were."""
        return sum(day.number for day in self.days)

    @property
    def refused(self) -> int:
        """How many of them were refused."""
        return sum(day.refused for day in self.days)


class KeyUsage(MonthOfUse, frozen=True, kw_only=True):
    """How a key is used."""

    last_at: datetime | None = None
    """When it was last presented, whatever the answer was; None if it never was."""
    address: str = ""
    """From where; empty if that is not known."""


UNUSED: Final = KeyUsage()


class LastDay(NamedTuple):
    """What the last 24 hours brought."""

    number: int
    addresses: int
    """How many addresses it came from, as far as they are known."""


class SpanOfUse(NamedTuple):
    """The requests with a key in one hour or on one day (UTC), and how many of them were refused."""

    starts_at: datetime
    number: int
    refused: int


class Outcome(NamedTuple):
    """How many requests with a key ended in one way."""

    code: str
    number: int


class UseOfKey(NamedTuple):
    """What became of the requests with a key over some time."""

    spans: list[SpanOfUse]
    """Every hour or day of the time, the present one at the end."""
    outcomes: list[Outcome]
    """The most frequent first."""


class AddressOfUse(NamedTuple):
    """How many requests with a key came from an address, and when the last one came."""

    address: str
    number: int
    last_at: datetime


def usage_by_key(actor: Actor, *, account_id: str, key_ids: Collection[str]) -> dict[str, KeyUsage]:
    """Give how each of these keys of the account is used, in two SQL queries however many they are.

    Raises Refused as `require` does. A key of another account is not among them.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    if not key_ids:
        return {}
    of_these = Q(key__in=key_ids, key__account=account_id)
    seen = {row.key_id: row for row in KeySighting.objects.filter(of_these)}
    days = _days_by_key(of_these)
    return {
        key: KeyUsage(
            days=tuple(days.get(key, NO_USE)),
            last_at=moment(seen[key].last_at),
            address=seen[key].address,
        )
        if key in seen
        else UNUSED
        for key in key_ids
    }


def _days_by_key(of_these: Q) -> dict[str, list[Calls]]:
    today = Span.DAY.start_of(int(timezone.now().timestamp()))
    first = today - (DAYS - 1) * Span.DAY
    counted = (
        # Midnight may pass between the look at the clock and this.
        UsageCount.objects.filter(of_these, span=Span.DAY, starts_at__range=(first, today))
        .values_list("key_id", "starts_at")
        .annotate(total=Sum("number"), accepted=Sum("number", filter=Q(code=Code.OK), default=0))
        .order_by()
    )
    found: dict[str, list[Calls]] = {}
    for key, starts_at, total, accepted in counted:
        days = found.setdefault(key, list(NO_USE))
        days[(starts_at - first) // Span.DAY] = Calls(total, total - accepted)
    return found


def last_day_by_key(actor: Actor, *, account_id: str, key_ids: Collection[str]) -> dict[str, int]:
    """Give how many requests the last 24 hours brought with each of these keys of the account, in one SQL query.

    Raises Refused as `require` does. With a key of another account there were none.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    numbers = dict.fromkeys(key_ids, 0)
    if not numbers:
        return numbers
    since = int((timezone.now() - LAST_DAY).timestamp())
    minutes = UsageCount.objects.filter(
        key__in=key_ids, key__account=account_id, span=Span.MINUTE, starts_at__gte=since
    )
    counted = minutes.values_list("key_id").annotate(total=Sum("number")).order_by()
    return numbers | dict(counted)


def last_day_of(actor: Actor, *, account_id: str, key_id: str) -> LastDay:
    """Give what the last 24 hours brought with a key of the account; raises Refused as `require` does."""
    numbers = last_day_by_key(actor, account_id=account_id, key_ids=[key_id])
    since = int((timezone.now() - LAST_DAY).timestamp())
    places = KeyAddress.objects.filter(
        key=key_id,
        key__account=account_id,
        day__gte=Span.DAY.start_of(since),
        last_at__gte=since,
    )
    return LastDay(number=numbers[key_id], addresses=places.values("address").distinct().count())


def use_of_key(actor: Actor, *, account_id: str, key_id: str, span: Span, count: int) -> UseOfKey:
    """Give what became of the requests with a key of the account in its last so many hours or days (UTC).

    The present hour or day is one of them. Takes one SQL query; a key of another account was never used. Raises
    Refused as `require` does.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    last = span.start_of(int(timezone.now().timestamp()))
    starts = range(last - (count - 1) * span, last + 1, span)
    counted = (
        UsageCount.objects.filter(key=key_id, key__account=account_id, span=span)
        .filter(starts_at__range=(starts[0], last))
        .values_list("starts_at", "code")
        .annotate(total=Sum("number"))
        .order_by()
    )
    numbers = dict.fromkeys(starts, 0)
    refused, outcomes = numbers.copy(), Counter[str]()
    for starts_at, code, total in counted:
        numbers[starts_at] += total
        refused[starts_at] += 0 if code == Code.OK else total
        outcomes[code] += total
    by_number = sorted(outcomes.items(), key=lambda each: (-each[1], each[0]))
    return UseOfKey(
        [SpanOfUse(moment(start), numbers[start], refused[start]) for start in starts],
        [Outcome(code, number) for code, number in by_number],
    )


def addresses_of_key(
    actor: Actor, *, account_id: str, key_id: str, since: datetime, most: int
) -> list[AddressOfUse]:
    """Give from where requests with a key of the account came since the beginning of a day (UTC).

    They are so many addresses at most, those of the most requests first. Raises Refused as `require` does.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    found = (
        KeyAddress.objects.filter(key=key_id, key__account=account_id)
        .filter(day__gte=int(since.timestamp()))
        .values_list("address")
        .annotate(total=Sum("number"), latest=Max("last_at"))
        .order_by("-total", "address")
    )
    return [AddressOfUse(address, total, moment(at)) for address, total, at in found[:most]]


def refused_of_key(actor: Actor, *, account_id: str, key_id: str) -> QuerySet[RefusedRequest]:
    """Give the refused requests with a key of the account, the newest first; raises Refused as `require` does."""
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    # The account is looked for at the key: by its own column all of its refused requests would be gone through.
    found = RefusedRequest.objects.select_related("key").filter(key=key_id, key__account=account_id)
    return found.order_by("-at", "-request_id")


class RefusedSearch(NamedTuple):
    """What of the refused requests is looked for; an empty text narrows nothing."""

    request_id: str = ""
    key: str = ""
    """A part of its name, or the start of its prefix."""
    code: str = ""


def refused_requests(
    actor: Actor, *, account_id: str, environment: str, search: RefusedSearch
) -> QuerySet[RefusedRequest]:
    """Give the newest refused requests with the account's keys of an environment, the newest first.

    A request id is looked up in both environments, for whoever asks for it need not know where it belongs.
    Raises Refused as `require` does.
    """
    authorise(actor, Permission.KEY_VIEW, account_id=account_id)
    request_id, key, code = search
    found = RefusedRequest.objects.select_related("key").filter(account=account_id)
    if "\0" in request_id + code or len(request_id) > CODE_LENGTH:
        return found.none()
    place = {"request_id": request_id} if request_id else {"key__environment": environment}
    found = found.filter(**place)
    if key:
        keys = ApiKey.objects.filter(searched_for(key, ""), account=account_id)
        found = found.filter(key__in=keys.values("pk"))
    if code:
        found = found.filter(code=code)
    return found.order_by("-at", "-request_id")[:LISTED_AT_MOST]


def unknown_credentials(
    actor: Actor, *, prefix: str = "", address: str = ""
) -> QuerySet[StrangerCount]:
    """Give how often requests of a day came without a key that is one, the newest first.

    They are narrowed to what may be shown of one credential and to one address, both whole; an empty text narrows
    nothing. What a verifier counted without an answer, or of known keys that were too many, is not among them.
    Raises Refused as `require` does.
    """
    authorise(actor, Permission.ACCOUNT_VIEW)
    found = StrangerCount.objects.filter(code__in=UNKNOWN)
    if "\0" in prefix + address:
        return found.none()
    if prefix:
        found = found.filter(prefix=prefix)
    if address:
        found = found.filter(address__in={address, str(parse_address(address) or address)})
    return found.order_by("-last_at", "-id")[:LISTED_AT_MOST]


def moment(seconds: int) -> datetime:
    """Give a moment that is stored as whole Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)
