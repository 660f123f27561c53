"""What is wrong with a list that somebody wrote, one entry to a line: a sentence that names the entry."""

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

LISTS: Final = frozenset({"limits", "networks", "scopes"})
"""The fields that hold lists."""

NO_ENTRY: Final[dict[str, Promise]] = {
    "limits": gettext_lazy(
        "“%(entry)s” is no limit. Write whose it is, its name, the calls and the time: key:burst=100/60s or "
        "account:daily=10000/day. A time in seconds is a day at most, and 100000 calls a second are the most."
    ),
    "networks": gettext_lazy(
        "“%(entry)s” is no address and no network. Write 203.0.113.7, or a network by its first address: "
        "203.0.113.0/24."
    ),
    "scopes": gettext_lazy("The product does not have the scope “%(entry)s”. Look at them again."),
}
"""What is said of an entry that is none, by the field."""


def list_problem(details: dict[str, Any]) -> str:
    """Say what is wrong with a list, from the details of the refusal."""
    if details.get("reason") == "length":
        return _("This is too long: %(longest)d characters together at most.") % details
    if details.get("reason") == "whose":
        begins = " / ".join(f"{whose}:" for whose in details["whose"])
        words = {"entry": details["entry"], "begins": begins}
        return _("“%(entry)s” cannot be set here. A limit here begins with %(begins)s") % words
    if details.get("reason") == "twice":
        return _("“%(entry)s” is here a second time.") % details
    return str(NO_ENTRY[str(details["field"])]) % details
