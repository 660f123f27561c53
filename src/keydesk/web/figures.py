"""How numbers and times are written for people, as the language of the page does it."""

from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
DAYS_IN_WORDS: Final = 30
"""What is longer ago is shown as a date."""


def whole(number: int) -> str:
    """Give a whole number as the language writes it."""
    return number_format(number, force_grouping=True)


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Say how long ago a moment was."""
    seconds = int(((now or timezone.now()) - moment).total_seconds())
    if seconds < MINUTE:
        return _("just now")
    if seconds < HOUR:
        return ngettext("%(n)d minute ago", "%(n)d minutes ago", seconds // MINUTE) % {
            "n": seconds // MINUTE
        }
    if seconds < DAY:
        return ngettext("%(n)d hour ago", "%(n)d hours ago", seconds // HOUR) % {
            "n": seconds // HOUR
        }
    if seconds < DAYS_IN_WORDS * DAY:
        return ngettext("%(n)d day ago", "%(n)d days ago", seconds // DAY) % {"n": seconds // DAY}
    return date_format(moment, "j M Y")
