"""All tables of the control plane, from every domain, where Django looks for them."""

from keydesk.control.accounts.models import Account
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.models import Product
from keydesk.control.credentials.models import ServiceCredential
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.feed.models import FeedHead
from keydesk.control.people.models import Membership, User

__all__ = [
    "Account",
    "AuditEvent",
    "Entitlement",
    "FeedHead",
    "Membership",
    "Product",
    "ServiceCredential",
    "User",
]
