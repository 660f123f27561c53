"""What states are called on the Console's pages, each with its tone."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keydesk.control.keys.rules import ShownState
from keydesk.core.records import AccountStatus, EntitlementState

Named = tuple[str, Promise | str]

STATUSES: Final[dict[str, Named]] = {
    AccountStatus.DRAFT: ("", _("Draft")),
    AccountStatus.WAITING_FOR_APPROVAL: ("warn", _("Waiting for approval")),
    AccountStatus.NEED_REVISION: ("warn", _("Needs a revision")),
    AccountStatus.APPROVED: ("good", _("Approved")),
    AccountStatus.REJECTED: ("bad", _("Rejected")),
    AccountStatus.SUSPENDED: ("bad", _("Suspended")),
    AccountStatus.CLOSED: ("bad", _("Closed")),
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
