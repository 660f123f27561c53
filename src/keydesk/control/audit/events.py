"""Every kind of audit event, sorted; an action leaves exactly one."""

from enum import StrEnum
from typing import Final


class Event(StrEnum):
    """What happened."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_NETWORKS_SET = "account.networks_set"
    ACCOUNT_SIGNED_UP = "account.signed_up"
    ACCOUNT_STATUS_CHANGED = "account.status_changed"
    ADDRESS_CHANGED = "address.changed"
    """A person has another e-mail address than before; the details say which."""
    ADDRESS_CHANGE_ASKED = "address.change_asked"
    """A person asked for a link to have another address; whether that one has a log-in is not kept."""
    ADDRESS_CONFIRMED = "address.confirmed"
    ADDRESS_KNOWN = "address.known"
    """Somebody tried to sign up with an address that has a log-in."""
    APPLICATION_APPROVED = "application.approved"
    APPLICATION_CLAIMED = "application.claimed"
    APPLICATION_PROPOSED = "application.proposed"
    """The first of two people approved it."""
    APPLICATION_REJECTED = "application.rejected"
    APPLICATION_RELEASED = "application.released"
    APPLICATION_REVISION_REQUESTED = "application.revision_requested"
    APPLICATION_SAVED = "application.saved"
    APPLICATION_SUBMITTED = "application.submitted"
    CONFIRMATION_ASKED = "confirmation.asked"
    CREDENTIAL_CREATED = "credential.created"
    CREDENTIAL_REVOKED = "credential.revoked"
    DATA_KEYS_REWRAPPED = "data_keys.rewrapped"
    """So many data keys, as the details say, were wrapped under the current key-encryption key."""
    DOCUMENT_ADDED = "document.added"
    DOCUMENT_REMOVED = "document.removed"
    ENTITLEMENT_CHANGE_CANCELLED = "entitlement.change_cancelled"
    ENTITLEMENT_CHANGE_CONFIRMED = "entitlement.change_confirmed"
    ENTITLEMENT_CHANGE_FAILED = "entitlement.change_failed"
    ENTITLEMENT_CHANGE_PLANNED = "entitlement.change_planned"
    ENTITLEMENT_DISABLED = "entitlement.disabled"
    ENTITLEMENT_ENABLED = "entitlement.enabled"
    ENTITLEMENT_LIMITED = "entitlement.limited"
    ENTITLEMENT_REQUESTED = "entitlement.requested"
    FACTOR_ADDED = "factor.added"
    FACTOR_FAILED = "factor.failed"
    """A code or a passkey that was not right, after a right password or to confirm."""
    FACTOR_REMOVED = "factor.removed"
    FACTOR_RENAMED = "factor.renamed"
    FACTOR_USED = "factor.used"
    FIRST_OWNER_LINK_MADE = "first_owner.link_made"
    FIRST_OWNER_MADE = "first_owner.made"
    GRANT_REFUSED = "grant.refused"
    HISTORY_BEGUN = "history.begun"
    """The feed has another epoch than before, after a restore; the details say which, and how long the chain was."""
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_RESENT = "invitation.resent"
    INVITATION_SENT = "invitation.sent"
    INVITATION_WITHDRAWN = "invitation.withdrawn"
    KEY_ENCRYPTION_KEY_REPLACED = "key_encryption_key.replaced"
    KEY_GENERATED = "key.generated"
    KEY_REGENERATED = "key.regenerated"
    KEY_RELEASED = "key.released"
    KEY_RESTRICTED = "key.restricted"
    KEY_REVEALED = "key.revealed"
    KEY_REVOKED = "key.revoked"
    KEY_SEAL_BROKEN = "key.seal_broken"
    KEY_STOPPED = "key.stopped"
    LANGUAGE_CHOSEN = "language.chosen"
    LOGIN_FAILED = "login.failed"
    MEMBER_ADDED = "member.added"
    MEMBER_DEACTIVATED = "member.deactivated"
    MEMBER_LEFT = "member.left"
    MEMBER_REACTIVATED = "member.reactivated"
    MEMBER_REMOVED = "member.removed"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    PASSKEY_CONFIRMED = "passkey.confirmed"
    """A passkey took the PIN's place."""
    PASSKEY_REFUSED = "passkey.refused"
    PASSWORD_ASKED = "password.asked"  # noqa: S105 - the name of an event
    """Somebody asked for a link to choose a new password."""
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an event
    PASSWORD_CHOSEN = "password.chosen"  # noqa: S105 - the name of an event
    PASSWORD_FAILED = "password.failed"  # noqa: S105 - the name of an event
    PERMISSION_REFUSED = "permission.refused"
    PIN_CONFIRMED = "pin.confirmed"
    PIN_FAILED = "pin.failed"
    PIN_LINK_SENT = "pin.link_sent"
    PIN_LOCKED = "pin.locked"
    PIN_REFUSED = "pin.refused"
    """A try on a locked PIN, which was not evaluated; noted once for as long as a lock lasts."""
    PIN_REPLACED = "pin.replaced"
    """A forgotten PIN was replaced; the details say on which proof."""
    PIN_RESET = "pin.reset"
    PIN_SET = "pin.set"
    POLICIES_CHANGED = "policies.changed"
    PRODUCT_CREATED = "product.created"
    PRODUCT_EDITED = "product.edited"
    PRODUCT_STATE_CHANGED = "product.state_changed"
    RECOVERY_CODES_MADE = "recovery_codes.made"
    RECOVERY_CODE_USED = "recovery_code.used"
    SECOND_FACTOR_FAILED = "second_factor.failed"
    SESSION_CONFIRMED = "session.confirmed"
    SESSION_ENDED = "session.ended"
    SESSION_STARTED = "session.started"
    STAFF_ADDED = "staff.added"
    STAFF_DEACTIVATED = "staff.deactivated"
    STAFF_INVITED_AGAIN = "staff.invited_again"
    STAFF_PASSWORD_CHOSEN = "staff.password_chosen"  # noqa: S105 - the name of an event
    STAFF_REACTIVATED = "staff.reactivated"
    STAFF_ROLE_CHANGED = "staff.role_changed"
    STAFF_SESSIONS_ENDED = "staff.sessions_ended"
    USER_CREATED = "user.created"
    VIEWING_ENDED = "viewing.ended"
    VIEWING_STARTED = "viewing.started"


class Topic(StrEnum):
    """What an event is about, as an account's people look for it; sorted like the events."""

    ACCOUNT = "account"
    APPLICATION = "application"
    KEY = "key"
    PERSON = "person"
    """How somebody gets in, and their PIN."""
    PRODUCT = "product"
    REFUSAL = "refusal"
    TEAM = "team"
    VIEWING = "viewing"
    """The internal team looked at the account as its people see it."""


_TOPICS: Final = {
    "account": Topic.ACCOUNT,
    "address": Topic.PERSON,
    "application": Topic.APPLICATION,
    "confirmation": Topic.PERSON,
    "document": Topic.APPLICATION,
    "entitlement": Topic.PRODUCT,
    "factor": Topic.PERSON,
    "grant": Topic.REFUSAL,
    "invitation": Topic.TEAM,
    "key": Topic.KEY,
    "language": Topic.PERSON,
    "login": Topic.PERSON,
    "member": Topic.TEAM,
    "passkey": Topic.PERSON,
    "password": Topic.PERSON,
    "permission": Topic.REFUSAL,
    "pin": Topic.PERSON,
    "recovery_code": Topic.PERSON,
    "recovery_codes": Topic.PERSON,
    "second_factor": Topic.PERSON,
    "session": Topic.PERSON,
    "user": Topic.PERSON,
    "viewing": Topic.VIEWING,
}

OF_THE_PROVIDER: Final = frozenset(
    event
    for event in Event
    if event.partition(".")[0] not in _TOPICS
    or event
    in {
        Event.APPLICATION_CLAIMED,
        Event.APPLICATION_PROPOSED,
        Event.APPLICATION_RELEASED,
        Event.ENTITLEMENT_CHANGE_CANCELLED,
        Event.ENTITLEMENT_CHANGE_CONFIRMED,
        Event.ENTITLEMENT_CHANGE_FAILED,
        Event.ENTITLEMENT_CHANGE_PLANNED,
    }
)
"""What the provider does among themselves, before it touches an account: its people do not read it."""

EVENTS_ABOUT: Final[dict[Topic, list[Event]]] = {
    topic: [
        event
        for event in Event
        if event not in OF_THE_PROVIDER and _TOPICS[event.partition(".")[0]] is topic
    ]
    for topic in Topic
}
"""What an account's people read, by what it is about."""
