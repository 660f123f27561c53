"""Every kind of mail, sorted; each has its templates under `web/templates/mail`."""

from enum import StrEnum


class MailKind(StrEnum):
    """What a mail is about; its context is what stands behind each."""

    ACCOUNT_APPROVED = "account_approved"
    """`company`, `username`."""
    ACCOUNT_NEEDS_REVISION = "account_needs_revision"
    """`company`, `username`, `reason`."""
    ACCOUNT_REJECTED = "account_rejected"
    """`company`, `username`, `reason`."""
    ADDRESS_CONFIRM = "address_confirm"
    """`name`, `url`; the link is a secret."""
    ADDRESS_KNOWN = "address_known"
    """`url` of the log-in: somebody tried to sign up with an address that has a log-in."""
    APPLICATION_SUBMITTED = "application_submitted"
    """`company`, `username`."""
    INVITATION = "invitation"
    """`company`, `role`, `invited_by`, `url`; the link is a secret."""
    KEY_REVEALED = "key_revealed"
    """`company`, `username`, `key_name`, `prefix`, `person`."""
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a mail
    """`url`; the link is a secret."""
    PIN_LOCKED = "pin_locked"
    """`name`."""
    PIN_RESET = "pin_reset"
    """`name`, `url`; the link is a secret."""
    PRODUCT_DISABLED = "product_disabled"
    """`company`, `username`, `product`, `environment`, `reason`."""
    PRODUCT_ENABLED = "product_enabled"
    """`company`, `username`, `product`, `environment`."""
    ROLE_CHANGED = "role_changed"
    """`company`, `role`, `changed_by`."""
    SIGN_IN_NEW = "sign_in_new"
    """`name`, `ip`, `browser`."""
