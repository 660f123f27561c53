"""What states are called on the Console's pages, each with its tone."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keydesk.control.keys.rules import ShownState
from keydesk.core.records import AccountStatus, EntitlementState, ProductState
from keydesk.web.activity import STATUS_NAMES

Named = tuple[str, Promise | str]

STATUSES: Final[dict[str, Named]] = {
    AccountStatus.DRAFT: ("", STATUS_NAMES[AccountStatus.DRAFT]),
    AccountStatus.WAITING_FOR_APPROVAL: ("warn", STATUS_NAMES[AccountStatus.WAITING_FOR_APPROVAL]),
    AccountStatus.NEED_REVISION: ("warn", STATUS_NAMES[AccountStatus.NEED_REVISION]),
    AccountStatus.APPROVED: ("good", STATUS_NAMES[AccountStatus.APPROVED]),
    AccountStatus.REJECTED: ("bad", STATUS_NAMES[AccountStatus.REJECTED]),
    AccountStatus.SUSPENDED: ("bad", STATUS_NAMES[AccountStatus.SUSPENDED]),
    AccountStatus.CLOSED: ("bad", STATUS_NAMES[AccountStatus.CLOSED]),
}

PRODUCTS: Final[dict[str, Named]] = {
    ProductState.ACTIVE: ("good", _("On offer")),
    ProductState.STOPPED: ("bad", _("Stopped")),
    ProductState.RETIRED: ("", _("Retired")),
}

ENTITLEMENTS: Final[dict[str, Named]] = {
    "": ("", _("Not enabled")),
    EntitlementState.REQUESTED: ("warn", _("Requested")),
    EntitlementState.ENABLED: ("good", _("Enabled")),
    EntitlementState.DISABLED: ("bad", _("Disabled")),
}

KEYS: Final[dict[str, Named]] = {
    ShownState.ACTIVE: ("good", _("Active")),
    ShownState.RETIRING: ("warn", _("Retiring")),
    ShownState.EXPIRED: ("warn", _("Expired")),
    ShownState.DISABLED: ("bad", _("Stopped")),
    ShownState.REVOKED: ("", _("Revoked")),
}
