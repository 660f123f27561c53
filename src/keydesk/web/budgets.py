"""A limit on calls in words: how many in what time, and who shares them."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext_lazy

from keydesk.core.limits import Limit, Whose, Window
from keydesk.web.figures import whole

MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 3600

A_TIME: Final[dict[int | str, Promise]] = {
    1: ngettext_lazy("%(calls)s call a second", "%(calls)s calls a second", "number"),
    MINUTE_SECONDS: ngettext_lazy("%(calls)s call a minute", "%(calls)s calls a minute", "number"),
    HOUR_SECONDS: ngettext_lazy("%(calls)s call an hour", "%(calls)s calls an hour", "number"),
    Window.DAY.value: ngettext_lazy("%(calls)s call a day", "%(calls)s calls a day", "number"),
    Window.MONTH.value: ngettext_lazy(
        "%(calls)s call a month", "%(calls)s calls a month", "number"
    ),
}
"""The lengths of time that have a word, by their seconds or their window."""

IN_A_TIME: Final[dict[int, Promise]] = {
    HOUR_SECONDS: ngettext_lazy(
        "%(calls)s call in %(times)s hours", "%(calls)s calls in %(times)s hours", "number"
    ),
    MINUTE_SECONDS: ngettext_lazy(
        "%(calls)s call in %(times)s minutes", "%(calls)s calls in %(times)s minutes", "number"
    ),
    1: ngettext_lazy(
        "%(calls)s call in %(times)s seconds", "%(calls)s calls in %(times)s seconds", "number"
    ),
}
"""The units in which every other length of time is told, the longest that fits first."""

SHARED: Final[dict[str, Promise]] = {
    Whose.KEY.value: gettext_lazy("%(rate)s per key"),
    Whose.ACCOUNT.value: gettext_lazy("%(rate)s, shared by the account's keys"),
    Whose.PRODUCT.value: gettext_lazy("%(rate)s, shared by all customers"),
}
"""Who spends from one budget."""


def rate_words(limit: Limit) -> str:
    """Say how many calls a limit lets through in what time: "100 calls a minute"."""
    words, seconds = {"number": limit.calls, "calls": whole(limit.calls)}, limit.seconds or 0
    if text := A_TIME.get(limit.window or seconds):
        return str(text % words)
    unit = next(unit for unit in IN_A_TIME if seconds % unit == 0)
    return str(IN_A_TIME[unit] % (words | {"times": whole(seconds // unit)}))


def limit_words(limit: Limit) -> str:
    """Say what a limit of a product lets through, and who shares it: "100 calls a minute per key"."""
    return str(SHARED[limit.whose] % {"rate": rate_words(limit)})
