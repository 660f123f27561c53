"""Every kind of audit event, sorted; an action leaves exactly one."""

from enum import StrEnum


class Event(StrEnum):
    """What happened."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_STATUS_CHANGED = "account.status_changed"
    CREDENTIAL_CREATED = "credential.created"
    CREDENTIAL_REVOKED = "credential.revoked"
    ENTITLEMENT_DISABLED = "entitlement.disabled"
    ENTITLEMENT_ENABLED = "entitlement.enabled"
    ENTITLEMENT_REQUESTED = "entitlement.requested"
    KEY_GENERATED = "key.generated"
    KEY_REGENERATED = "key.regenerated"
    KEY_REVEALED = "key.revealed"
    KEY_REVOKED = "key.revoked"
    MEMBER_ADDED = "member.added"
    MEMBER_REMOVED = "member.removed"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    PERMISSION_REFUSED = "permission.refused"
    PIN_CONFIRMED = "pin.confirmed"
    PIN_REFUSED = "pin.refused"
    PIN_SET = "pin.set"
    PRODUCT_CREATED = "product.created"
    PRODUCT_STATE_CHANGED = "product.state_changed"
    USER_CREATED = "user.created"
