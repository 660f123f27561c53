"""How use looks on a page: its last 30 days as a line, a share in words, and whether anybody still uses a key."""

from typing import Any, Final

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keydesk.control.usage.queries import KeyUsage, MonthOfUse
from keydesk.web.figures import ago, whole

WIDTH: Final = 120
HEIGHT: Final = 28
TOP: Final = 2
"""Room above the highest day, so that the line is not cut off."""


def usage_view(usage: KeyUsage) -> dict[str, Any]:
    """Give what the template of a key's use shows."""
    number, refused = usage.number, usage.refused
    return {
        "last_at": usage.last_at,
        "ago": "" if usage.last_at is None else ago(usage.last_at),
        "number": whole(number),
        "refused": share_refused(number, refused),
        "spark": spark(usage) if number else None,
    }


def still_used(usage: KeyUsage, last_day: int) -> str:
    """Say of a key that was replaced how often it was used in the last 24 hours, or that it can be revoked."""
    if not last_day:
        return _("No requests in 24 hours: safe to revoke.")
    if not usage.address:
        text = ngettext(
            "%(number)s request in 24 hours.", "%(number)s requests in 24 hours.", last_day
        )
    else:
        text = ngettext(
            "%(number)s request in 24 hours, from %(address)s.",
            "%(number)s requests in 24 hours, the last one from %(address)s.",
            last_day,
        )
    return text % {"number": whole(last_day), "address": usage.address}


def spark(usage: MonthOfUse) -> dict[str, Any]:
    """Give the shapes of the last 30 days, and what they say in words."""
    most = max(day.number for day in usage.days)
    all_days = points([day.number for day in usage.days], most)
    refused = points([day.refused for day in usage.days], most)
    words = {"number": whole(usage.number), "most": whole(most)}
    text = _("%(number)s requests in 30 days, at most %(most)s a day.") % words
    return {
        "line": f"M{all_days}",
        "area": area(all_days),
        "refused": area(refused) if usage.refused else "",
        "text": f"{text} {share_refused(usage.number, usage.refused)}".rstrip(),
    }


def points(numbers: list[int], most: int) -> str:
    """Give the places of numbers from left to right, the highest as high as `most` is."""
    step = WIDTH / (len(numbers) - 1)
    places = (
        (place * step, HEIGHT - number / most * (HEIGHT - TOP))
        for place, number in enumerate(numbers)
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def area(line: str) -> str:
    """Give the area under a line."""
    return f"M0,{HEIGHT} L{line} L{WIDTH},{HEIGHT} Z"


def share_refused(number: int, refused: int) -> str:
    """Say which share was refused; nothing if none was."""
    return _("%(percent)s%% refused") % {"percent": share(refused, number)} if refused else ""


def share(part: int, number: int) -> str:
    """Give a share in percent, to the tenth: what is some is never none, and what is not all is never all."""
    tenths = 1000 if part == number else min(max(1, round(part / number * 1000)), 999)
    return number_format(tenths / 10, 0 if tenths % 10 == 0 else 1)
