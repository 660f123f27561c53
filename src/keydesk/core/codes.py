"""Every public code in one table: what it is called, which status carries it, and what a person reads.

The first part are the codes of a decision on a request, in the documented order of checks; the second are
the codes with which the desk refuses an action. A code, once published, never changes its meaning.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Code(StrEnum):
    """The stable name of an outcome, as it appears in answers, logs, metrics and documentation."""

    OK = "ok"
    KEY_MISSING = "key_missing"
    KEY_MALFORMED = "key_malformed"
    KEY_UNKNOWN = "key_unknown"
    KEY_REVOKED = "key_revoked"
    KEY_DISABLED = "key_disabled"
    KEY_EXPIRED = "key_expired"
    USERNAME_MISMATCH = "username_mismatch"
    ACCOUNT_INACTIVE = "account_inactive"
    WRONG_PRODUCT = "wrong_product"
    WRONG_ENVIRONMENT = "wrong_environment"
    PRODUCT_NOT_ENABLED = "product_not_enabled"
    IP_NOT_ALLOWED = "ip_not_allowed"
    SCOPE_MISSING = "scope_missing"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    UNAVAILABLE = "unavailable"

    ACCOUNT_NOT_APPROVED = "account_not_approved"
    GRANT_INVALID = "grant_invalid"
    INVALID_INPUT = "invalid_input"
    KEY_ALREADY_REPLACED = "key_already_replaced"
    KEY_LIMIT_REACHED = "key_limit_reached"
    KEY_NOT_LIVE = "key_not_live"
    KEY_NOT_REVEALABLE = "key_not_revealable"
    KEY_STOPPED = "key_stopped"
    NOT_FOUND = "not_found"
    PASSKEY_INVALID = "passkey_invalid"
    PASSWORD_WRONG = "password_wrong"  # noqa: S105 - the name of an outcome
    PERMISSION_DENIED = "permission_denied"
    PIN_HARD_LOCKED = "pin_hard_locked"
    PIN_LINK_INVALID = "pin_link_invalid"
    PIN_LOCKED = "pin_locked"
    PIN_NOT_SET = "pin_not_set"
    PIN_WEAK = "pin_weak"
    PIN_WRONG = "pin_wrong"
    REVEAL_PAUSED = "reveal_paused"
    SEALED = "sealed"
    SECOND_FACTOR_WRONG = "second_factor_wrong"
    SECOND_PERSON_NEEDED = "second_person_needed"
    SERVICE_CREDENTIAL_INVALID = "service_credential_invalid"
    STAFF_LINK_INVALID = "staff_link_invalid"
    STATE_CONFLICT = "state_conflict"


class CodeInfo(NamedTuple):
    """What a code means to the machine that receives it and to the person who reads it."""

    status: int
    """HTTP status that carries the code."""
    title: str
    """One sentence for an end client; it never tells a stranger more than the code may."""
    compat: str | None = None
    """The code of the compat envelope, for codes that decide on a request."""


COMPAT_MESSAGES: Final = {
    "000": "Success",
    "201": "User is not found",
    "202": "User is not active",
    "207": "IP Address is not registered",
    "208": "API Key is not valid",
    "429": "Too Many Requests",
    "999": "Unknown error",
}
"""What the compat envelope says to each of its codes."""

NOT_VALID: Final = "The API key is not valid."

CODES: Final[dict[Code, CodeInfo]] = {
    Code.OK: CodeInfo(200, "The API key is accepted.", "000"),
    Code.KEY_MISSING: CodeInfo(401, "Send exactly one API key.", "208"),
    Code.KEY_MALFORMED: CodeInfo(401, NOT_VALID, "208"),
    Code.KEY_UNKNOWN: CodeInfo(401, NOT_VALID, "208"),
    Code.KEY_REVOKED: CodeInfo(401, "The API key has been revoked.", "208"),
    Code.KEY_DISABLED: CodeInfo(401, "The API key is disabled.", "208"),
    Code.KEY_EXPIRED: CodeInfo(401, "The API key has expired.", "208"),
    Code.USERNAME_MISMATCH: CodeInfo(
        403, "The x-username header does not belong to this API key.", "201"
    ),
    Code.ACCOUNT_INACTIVE: CodeInfo(403, "The account of this API key is not active.", "202"),
    Code.WRONG_PRODUCT: CodeInfo(403, "The API key is for another product.", "208"),
    Code.WRONG_ENVIRONMENT: CodeInfo(403, "The API key is for another environment.", "208"),
    Code.PRODUCT_NOT_ENABLED: CodeInfo(403, "The product is not enabled for this account.", "202"),
    Code.IP_NOT_ALLOWED: CodeInfo(403, "The API key may not be used from this address.", "207"),
    Code.SCOPE_MISSING: CodeInfo(403, "The API key lacks a scope that this call needs.", "202"),
    Code.RATE_LIMITED: CodeInfo(429, "Too many calls at once. Wait, then try again.", "429"),
    Code.QUOTA_EXCEEDED: CodeInfo(429, "The calls of this period are used up.", "429"),
    Code.UNAVAILABLE: CodeInfo(
        503, "Verification is not available at the moment. Try again.", "999"
    ),
    Code.ACCOUNT_NOT_APPROVED: CodeInfo(409, "The account is not approved yet."),
    Code.GRANT_INVALID: CodeInfo(403, "The confirmation is no longer valid. Enter the PIN again."),
    Code.INVALID_INPUT: CodeInfo(422, "Something in the form needs another look."),
    Code.KEY_ALREADY_REPLACED: CodeInfo(409, "Somebody else has replaced this API key already."),
    Code.KEY_LIMIT_REACHED: CodeInfo(
        409, "The account has as many API keys for this product as it may have."
    ),
    Code.KEY_NOT_LIVE: CodeInfo(409, "The API key is no longer in use."),
    Code.KEY_NOT_REVEALABLE: CodeInfo(
        409, "This API key was shown once and cannot be shown again."
    ),
    Code.KEY_STOPPED: CodeInfo(409, "The internal team has stopped this API key."),
    Code.NOT_FOUND: CodeInfo(404, "There is nothing here."),
    Code.PASSKEY_INVALID: CodeInfo(422, "The passkey did not confirm this. Try it again."),
    Code.PASSWORD_WRONG: CodeInfo(422, "The password is not right."),
    Code.PERMISSION_DENIED: CodeInfo(403, "Your role does not allow this."),
    Code.PIN_HARD_LOCKED: CodeInfo(
        423, "The PIN is locked after too many wrong tries. It has to be reset."
    ),
    Code.PIN_LINK_INVALID: CodeInfo(410, "This link for a new PIN is no longer valid."),
    Code.PIN_LOCKED: CodeInfo(423, "The PIN is locked for a while after too many wrong tries."),
    Code.PIN_NOT_SET: CodeInfo(409, "Set a PIN first."),
    Code.PIN_WEAK: CodeInfo(422, "This PIN is too easy to guess."),
    Code.PIN_WRONG: CodeInfo(422, "The PIN is not right."),
    Code.REVEAL_PAUSED: CodeInfo(
        423, "API keys are not shown for a while after the PIN was replaced through a mailed link."
    ),
    Code.SEALED: CodeInfo(503, "Keydesk is sealed: its key-encryption key is not loaded."),
    Code.SECOND_FACTOR_WRONG: CodeInfo(422, "The code is not right."),
    Code.SECOND_PERSON_NEEDED: CodeInfo(409, "A second person has to confirm this."),
    Code.SERVICE_CREDENTIAL_INVALID: CodeInfo(401, "The service credential is not valid."),
    Code.STAFF_LINK_INVALID: CodeInfo(410, "This link is no longer valid."),
    Code.STATE_CONFLICT: CodeInfo(409, "The state has changed meanwhile. Look again and retry."),
}
