"""What a key is restricted to, on pages: the fields in which it is chosen, and the words that tell of it."""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Any, Final

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec.structs import replace

from keydesk.control.access.refused import Refused
from keydesk.control.catalog.models import Product
from keydesk.control.keys.restrictions import Choices, chosen_restrictions
from keydesk.core.codes import Code
from keydesk.core.limits import parse_limit
from keydesk.web.budgets import rate_words

LIFETIMES_DAYS: Final = (30, 90, 180, 365)
ON_A_DAY: Final = "day"
BETWEEN: Final = re.compile(r"[\s,;]+")
DAY_SECONDS: Final = 24 * 3600
MOST_IN_WORDS: Final = 3
"""How many limits of a key stand in its row."""


def carried_fields(choices: Choices) -> list[tuple[str, str]]:
    """Give the fields with which the next step sends the same again."""
    fields = {
        "networks": " ".join(choices.networks),
        "scopes": " ".join(choices.scopes or ()),
        "limits": " ".join(choices.limits),
        "expires_at": "" if choices.expires_at is None else choices.expires_at.isoformat(),
        "chosen": "" if choices.scopes is None else "1",
    }
    return [(field, value) for field, value in fields.items() if value]


def choices_of(sent: QueryDict, product: Product) -> Choices:
    """Give what a form has sent for a key of the product; raises Refused(`invalid_input`) at the field."""
    choices = Choices(
        networks=entries_of(sent.get("networks", "")),
        scopes=scopes_of(sent),
        limits=entries_of(sent.get("limits", "")),
        expires_at=end_of(sent),
    )
    stored = chosen_restrictions(product, choices)
    return replace(choices, expires_at=stored.expires_at)


def entries_of(text: str) -> tuple[str, ...]:
    """Give the entries of a list as people write it: one to a line, or with commas or spaces between."""
    return tuple(entry for entry in BETWEEN.split(text) if entry)


def scopes_of(sent: QueryDict) -> tuple[str, ...] | None:
    """Give the scopes that were ticked, None if the form has not asked for any."""
    return entries_of(" ".join(sent.getlist("scopes"))) if sent.get("chosen") else None


def end_of(sent: QueryDict) -> datetime | None:
    """Give the moment from which on the key shall not work, None for never.

    A day that was chosen is the last on which it works, in UTC. Raises Refused(`invalid_input`) for what is no day.
    """
    try:
        if carried := sent.get("expires_at"):
            return datetime.fromisoformat(carried).astimezone(UTC)
        lifetime = sent.get("lifetime", "")
        if lifetime == ON_A_DAY:
            last = date.fromisoformat(sent.get("expires_on", ""))
            return datetime.combine(last + timedelta(days=1), time(), UTC)
        if not lifetime:
            return None
        return timezone.now() + timedelta(days=LIFETIMES_DAYS[LIFETIMES_DAYS.index(int(lifetime))])
    except (ValueError, OverflowError) as error:
        raise Refused(Code.INVALID_INPUT, field="expires_at", reason="invalid") from error


def fields_for(choices: Choices, product: Product, address: str | None) -> dict[str, Any]:
    """Give the form its fields filled with these choices; `address` is where whoever fills it in comes from."""
    return {
        "networks": "\n".join(choices.networks),
        "limits": "\n".join(choices.limits),
        "scopes": scope_boxes(product, choices.scopes),
        "address": address,
    }


def typed_fields(sent: QueryDict, product: Product, address: str | None) -> dict[str, Any]:
    """Give the form its fields as they were sent, or as they begin if nothing was."""
    last_day = last_day_before(sent.get("expires_at", ""))
    return {
        "networks": lines_of(sent.get("networks", "")),
        "limits": lines_of(sent.get("limits", "")),
        "scopes": scope_boxes(product, scopes_of(sent)),
        "address": address,
        "lifetime": ON_A_DAY if last_day else sent.get("lifetime", ""),
        "expires_on": last_day or sent.get("expires_on", ""),
        "lifetimes": lifetimes(),
    }


def last_day_before(end: str) -> str:
    """Give the last day on which a key works that ends at this moment; nothing for what is no moment."""
    try:
        return f"{datetime.fromisoformat(end).astimezone(UTC) - timedelta(seconds=1):%Y-%m-%d}"
    except (ValueError, OverflowError):
        return ""


def lines_of(text: str) -> str:
    """Give a list as it is shown in a field, with one entry to a line."""
    return "\n".join(BETWEEN.split(text.strip()))


def scope_boxes(product: Product, ticked: Collection[str] | None) -> list[tuple[str, bool]]:
    """Give each scope of the product, and whether its box is ticked; all are if nobody has chosen."""
    return [(scope, ticked is None or scope in ticked) for scope in product.scopes.split()]


def lifetimes() -> list[tuple[str, str]]:
    """Give the choices of how long a key works."""
    days = [
        (str(count), ngettext("%(count)d day", "%(count)d days", count) % {"count": count})
        for count in LIFETIMES_DAYS
    ]
    return [("", _("It does not expire")), *days, (ON_A_DAY, _("On a day"))]


def restriction_words(held: Any, product: Product) -> list[str]:
    """Say in a few words what a key is restricted to; `held` is a row of the list, or what was chosen."""
    words = []
    if count := len(held.networks):
        words.append(ngettext("%(count)d network", "%(count)d networks", count) % {"count": count})
    offered = set(product.scopes.split())
    if held.scopes is not None and offered - set(held.scopes):
        counts = {"count": len(offered & set(held.scopes)), "all": len(offered)}
        words.append(_("%(count)d of %(all)d scopes") % counts)
    words += own_limit_words(held.limits)
    if held.expires_at is not None and (days := days_until(held.expires_at)) > 0:
        text = ngettext("expires in %(count)d day", "expires in %(count)d days", days)
        words.append(text % {"count": days})
    return words


def own_limit_words(limits: Collection[str]) -> list[str]:
    """Say what a key's own limits let through; of many, only how many there are."""
    if len(limits) > MOST_IN_WORDS:
        text = ngettext("%(count)d limit of its own", "%(count)d limits of its own", len(limits))
        return [text % {"count": len(limits)}]
    return [
        _("at most %(rate)s") % {"rate": rate_words(limit)} for limit in map(parse_limit, limits)
    ]


def days_until(moment: datetime) -> int:
    """Give in how many days a moment is, a begun one counted; 0 or less if it is over."""
    return ceil((moment - timezone.now()).total_seconds() / DAY_SECONDS)
