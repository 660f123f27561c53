"""All tables of the control plane, from every domain, where Django looks for them."""

from keydesk.control.accounts.models import Account
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.models import Product
from keydesk.control.chain.models import Entry, Waiting
from keydesk.control.credentials.models import ServiceCredential
from keydesk.control.entitlements.models import Entitlement, PlannedChange
from keydesk.control.entry.models import HeldUsername
from keydesk.control.feed.models import FeedHead
from keydesk.control.invitations.models import Invitation
from keydesk.control.keys.models import ApiKey, KeyWarning
from keydesk.control.onboarding.models import Application, Document, Submission
from keydesk.control.outbox.models import KeptLetter, Mail
from keydesk.control.people.models import Membership, User
from keydesk.control.policies.models import Policies
from keydesk.control.staff.models import FirstOwnerLink, StaffInvitation
from keydesk.control.stepup.models import Grant, Pin
from keydesk.control.usage.models import (
    AccountCount,
    KeyAddress,
    KeySighting,
    RefusedRequest,
    StrangerCount,
    UsageCount,
    UsageSource,
)
from keydesk.control.vault.models import DataKey, InstallationValue, KeyEncryptionKey
from keydesk.control.viewings.models import Viewing

__all__ = [
    "Account",
    "AccountCount",
    "ApiKey",
    "Application",
    "AuditEvent",
    "DataKey",
    "Document",
    "Entitlement",
    "Entry",
    "FeedHead",
    "FirstOwnerLink",
    "Grant",
    "HeldUsername",
    "InstallationValue",
    "Invitation",
    "KeptLetter",
    "KeyAddress",
    "KeyEncryptionKey",
    "KeySighting",
    "KeyWarning",
    "Mail",
    "Membership",
    "Pin",
    "PlannedChange",
    "Policies",
    "Product",
    "RefusedRequest",
    "ServiceCredential",
    "StaffInvitation",
    "StrangerCount",
    "Submission",
    "UsageCount",
    "UsageSource",
    "User",
    "Viewing",
    "Waiting",
]
