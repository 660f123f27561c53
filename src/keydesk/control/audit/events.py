"""Every kind of audit event, sorted; an action leaves exactly one."""

from enum import StrEnum


class Event(StrEnum):
    """What happened."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_SIGNED_UP = "account.signed_up"
    ACCOUNT_STATUS_CHANGED = "account.status_changed"
    ADDRESS_CONFIRMED = "address.confirmed"
    ADDRESS_KNOWN = "address.known"
    """Somebody tried to sign up with an address that has a log-in."""
    CONFIRMATION_ASKED = "confirmation.asked"
    CREDENTIAL_CREATED = "credential.created"
    CREDENTIAL_REVOKED = "credential.revoked"
    ENTITLEMENT_DISABLED = "entitlement.disabled"
    ENTITLEMENT_ENABLED = "entitlement.enabled"
    ENTITLEMENT_REQUESTED = "entitlement.requested"
    GRANT_REFUSED = "grant.refused"
    KEY_GENERATED = "key.generated"
    KEY_REGENERATED = "key.regenerated"
    KEY_REVEALED = "key.revealed"
    KEY_REVOKED = "key.revoked"
    KEY_SEAL_BROKEN = "key.seal_broken"
    LANGUAGE_CHOSEN = "language.chosen"
    LOGIN_FAILED = "login.failed"
    MEMBER_ADDED = "member.added"
    MEMBER_REMOVED = "member.removed"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    PASSWORD_ASKED = "password.asked"  # noqa: S105 - the name of an event
    """Somebody asked for a link to choose a new password."""
    PASSWORD_CHOSEN = "password.chosen"  # noqa: S105 - the name of an event
    PASSWORD_FAILED = "password.failed"  # noqa: S105 - the name of an event
    PERMISSION_REFUSED = "permission.refused"
    PIN_CONFIRMED = "pin.confirmed"
    PIN_FAILED = "pin.failed"
    PIN_LOCKED = "pin.locked"
    PIN_REFUSED = "pin.refused"
    """A try on a locked PIN, which was not evaluated; noted once for as long as a lock lasts."""
    PIN_RESET = "pin.reset"
    PIN_SET = "pin.set"
    POLICIES_CHANGED = "policies.changed"
    PRODUCT_CREATED = "product.created"
    PRODUCT_STATE_CHANGED = "product.state_changed"
    SESSION_ENDED = "session.ended"
    SESSION_STARTED = "session.started"
    USER_CREATED = "user.created"
