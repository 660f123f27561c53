"""Where an account stands, what that means to its people, and what comes next."""

from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keydesk.control.keys.queries import FirstSteps
from keydesk.core.records import AccountStatus
from keydesk.dashboard.visit import Visit


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


class Way(NamedTuple):
    """What somebody can do about where their account stands."""

    name: Promise | str
    url: str


class Stage(NamedTuple):
    """A stage on the way to the first key."""

    name: Promise | str
    state: str
    """`done`, `here`, `stopped` or `ahead`."""


ONBOARDING_WAYS: Final[dict[str, Promise]] = {
    AccountStatus.DRAFT: _("Go on with the onboarding"),
    AccountStatus.NEED_REVISION: _("Revise the application"),
    AccountStatus.WAITING_FOR_APPROVAL: _("See what was submitted"),
    AccountStatus.REJECTED: _("See what was submitted"),
}

STAGES: Final = (_("Onboarding"), _("Review"), _("Approved"))
DEVELOPER_STAGES: Final = (_("Products enabled"), _("First key"))
"""Stages that only those hear of who may see keys."""

PLACES: Final[dict[str, tuple[int, str]]] = {
    AccountStatus.DRAFT: (0, "here"),
    AccountStatus.NEED_REVISION: (0, "here"),
    AccountStatus.WAITING_FOR_APPROVAL: (1, "here"),
    AccountStatus.REJECTED: (1, "stopped"),
    AccountStatus.SUSPENDED: (2, "stopped"),
}
"""At which stage an account of each status is, and how; how far one came that is closed, its status does not say."""

PRODUCTS_NEXT: Final = Standing(
    "good",
    "circle-check",
    _("Your company is approved"),
    _(
        "Next, our internal team enables the products that you requested. Request what you need if you have not yet; "
        "API keys can be generated then."
    ),
)
KEY_NEXT: Final = Standing(
    "good",
    "circle-check",
    _("Your company is approved, and a product is enabled"),
    _("Generate the first API key and make your first call."),
)


def standing_of(status: str) -> Standing | None:
    """Give the note for an account's status; None for one that is approved."""
    return STANDINGS.get(status)


def way_on(visit: Visit) -> Way | None:
    """Give what the person can do about where the account stands, None where there is nothing for them."""
    name = ONBOARDING_WAYS.get(visit.account.status)
    if name is None or not visit.may_edit_application:
        return None
    return Way(name, visit.url("onboarding"))


def reason_for(visit: Visit) -> str:
    """Give the reason of the status; what a reviewer remarked is for those alone who fill in the application."""
    is_remark = visit.account.status == AccountStatus.NEED_REVISION
    return "" if is_remark and not visit.may_edit_application else visit.account.status_reason


def stages_of(status: str, progress: FirstSteps | None) -> list[Stage]:
    """Give the stages to the first key with where the account is; none once all of them lie behind it.

    Without a progress, the stages of products and keys are left out.
    """
    names = STAGES if progress is None else STAGES + DEVELOPER_STAGES
    here, state = PLACES.get(status) or (approved_stage(progress), "here")
    if status == AccountStatus.CLOSED or here >= len(names):
        return []
    return [
        Stage(name, "done" if place < here else state if place == here else "ahead")
        for place, name in enumerate(names)
    ]


def approved_stage(progress: FirstSteps | None) -> int:
    """Give at which stage an approved account is."""
    if progress is None or not progress.has_product:
        return len(STAGES)
    return len(STAGES) + 1 + progress.has_key


def next_standing(progress: FirstSteps) -> Standing | None:
    """Give the note for an approved account on its way to the first key, None if it has one."""
    if progress.has_key:
        return None
    return KEY_NEXT if progress.has_product else PRODUCTS_NEXT


def next_way(visit: Visit, progress: FirstSteps) -> Way | None:
    """Give what somebody can do on the way from the approval to the first key."""
    if progress.has_key:
        return None
    if progress.has_product:
        return Way(_("Generate the first key"), visit.url("api_keys"))
    return Way(_("See the products"), visit.url("products"))
