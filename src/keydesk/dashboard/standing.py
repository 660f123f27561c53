"""What an account's status means to its people, and what comes next."""

from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keydesk.core.records import AccountStatus


class Standing(NamedTuple):
    """A note about an account that is not approved."""

    tone: str
    icon: str
    title: Promise | str
    text: Promise | str


STANDINGS: Final[dict[str, Standing]] = {
    AccountStatus.DRAFT: Standing(
        "warn",
        "file-pen",
        _("Your company has not applied yet"),
        _(
            "Complete the onboarding and send it in. API keys can be generated once the company is approved."
        ),
    ),
    AccountStatus.WAITING_FOR_APPROVAL: Standing(
        "warn",
        "hourglass",
        _("Your company is waiting for approval"),
        _(
            "Our internal team is looking at your application. There is nothing to do for you now; API keys can be "
            "generated as soon as it is approved."
        ),
    ),
    AccountStatus.NEED_REVISION: Standing(
        "warn",
        "file-pen",
        _("Your application needs a revision"),
        _(
            "Change what is asked for and send it in again. API keys can be generated once it is approved."
        ),
    ),
    AccountStatus.REJECTED: Standing(
        "bad",
        "circle-x",
        _("Your application was rejected"),
        _("Write to our internal team if you think that this is a mistake."),
    ),
    AccountStatus.SUSPENDED: Standing(
        "bad",
        "circle-pause",
        _("Your company is suspended"),
        _(
            "Its API keys do not work and no key can be generated. Write to our internal team to end this."
        ),
    ),
    AccountStatus.CLOSED: Standing(
        "bad",
        "circle-x",
        _("Your company's account is closed"),
        _("Its API keys do not work any more."),
    ),
}


def standing_of(status: str) -> Standing | None:
    """Give the note for an account's status; None for one that is approved."""
    return STANDINGS.get(status)
