"""Requests without a known key: what was sent and from where, day by day, what it means and what to do about it."""

from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from keydesk.console.pages import frame
from keydesk.console.visit import StaffVisit, for_staff
from keydesk.control.accounts.models import Account
from keydesk.control.keys.queries import owners_by_prefix
from keydesk.control.policies.queries import current_policies
from keydesk.control.usage.models import StrangerCount
from keydesk.control.usage.queries import LISTED_AT_MOST, moment, unknown_credentials
from keydesk.core.codes import Code
from keydesk.core.keyformat import SHOWN_LENGTH
from keydesk.core.network import parse_address
from keydesk.core.records import Environment
from keydesk.web.figures import ago, whole
from keydesk.web.paging import page_links

ROWS_A_PAGE: Final = 25
DOTS: Final = "…•"
"""What stands behind the shown part of a key wherever people copy it from."""


class Meaning(NamedTuple):
    """What a refusal says of whoever called, and what to do about it."""

    title: Promise
    cure: Promise


MEANINGS: Final[dict[str, Meaning]] = {
    Code.KEY_UNKNOWN: Meaning(
        gettext_lazy("No such key"),
        gettext_lazy(
            "It is formed like a key of ours, and is none: of another installation, or made up. Where a customer sends "
            "it, have them copy theirs again."
        ),
    ),
    Code.KEY_MALFORMED: Meaning(
        gettext_lazy("Not a whole key"),
        gettext_lazy(
            "Cut off, mistyped, sent twice or guessed. Where it begins like a customer's key, tell them; many from one "
            "address are guesses, which find nothing and can be blocked at the gateway."
        ),
    ),
    Code.KEY_MISSING: Meaning(
        gettext_lazy("No key sent"),
        gettext_lazy(
            "The x-api-key header is not there. Scanners and health checks send none, and need nothing; a customer's "
            "server has to send it with each request."
        ),
    ),
}
"""What the internal team reads of each code with which a request without a known key is refused."""


class Narrowed(NamedTuple):
    """What the page is narrowed down to."""

    prefix: str
    address: str

    @property
    def is_used(self) -> bool:
        """Whether anything is hidden by it."""
        return any(self)


@for_staff()
def strangers(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Show requests without a known key, by day, first characters and address, newest first.

    The field takes no more than the shown part of a key; an address that holds more is left for one that does not, so
    that no page and no link repeats it.
    """
    asked = Narrowed(
        prefix=request.GET.get("prefix", "").strip().rstrip(DOTS),
        address=request.GET.get("address", "").strip().lower(),
    )
    if len(asked.prefix) > shown_length():
        kept = asked._replace(prefix=asked.prefix[: shown_length()])
        return redirect(f"{reverse('console:strangers')}?{urlencode(kept._asdict())}")
    found = unknown_credentials(visit.actor, **asked._asdict())
    page = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    owners = owners_by_prefix({row.prefix for row in page.object_list if row.prefix})
    context = frame(visit, section="strangers") | {
        "rows": [row_view(row, owners.get(row.prefix, [])) for row in page.object_list],
        "meanings": MEANINGS.items(),
        "page": page,
        "asked": asked,
        "errors": address_fault(asked.address),
        "shown_length": shown_length(),
        "example": f"{settings.KEYDESK.key_marker}_live_AbCd",
        "kept_days": current_policies().refused_requests_days,
        "is_cut": page.paginator.count == LISTED_AT_MOST,
        "listed_at_most": whole(LISTED_AT_MOST),
        **page_links(request, page),
    }
    return render(request, "console/strangers.html", context)


def shown_length() -> int:
    """Give how long the shown part of a key is."""
    return len(f"{settings.KEYDESK.key_marker}_{Environment.LIVE}_") + SHOWN_LENGTH


def address_fault(address: str) -> dict[str, str]:
    """Say at its field that what was typed is no address; nothing of one that is, and of none."""
    if not address or parse_address(address) is not None:
        return {}
    return {"address": _("“%(entry)s” is no address. Write it whole.") % {"entry": address}}


def row_view(row: StrangerCount, owners: list[Account]) -> dict[str, Any]:
    """Give what the page shows of a day's requests; `owners` have a key that begins like what was sent."""
    last_at = moment(row.last_at)
    return {
        "title": MEANINGS[row.code].title,
        "code": row.code,
        "prefix": row.prefix,
        "is_none": row.code == Code.KEY_MISSING,
        "owners": owners,
        "address": row.address,
        "number": ngettext("%(number)s request", "%(number)s requests", row.number)
        % {"number": whole(row.number)},
        "day": moment(row.day),
        "last_at": last_at,
        "ago": ago(last_at),
    }
