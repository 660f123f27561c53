"""What control publishes and a replica holds: one frozen value for each kind of row that can decide.

A record's fields are, in order, the columns of its versioned view (`verify_keys_v2` ...). Times are whole seconds
since the Unix epoch. The MAC of a row covers every field of its record, `revision` included.
"""

from enum import StrEnum
from typing import ClassVar, Final

from msgspec import Struct

CHANNEL: Final = "keydesk_feed"
"""The PostgreSQL channel on which control hints at a new revision and replicators listen."""


class Environment(StrEnum):
    """Which of the provider's worlds a key opens."""

    LIVE = "live"
    TEST = "test"


class KeyState(StrEnum):
    """Where a key stands in its life; that it has expired follows from the time."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"
    RETIRING = "RETIRING"
    REVOKED = "REVOKED"


class AccountStatus(StrEnum):
    """Where an account stands; only `APPROVED` lets its keys work."""

    DRAFT = "DRAFT"
    WAITING_FOR_APPROVAL = "WAITING_FOR_APPROVAL"
    NEED_REVISION = "NEED_REVISION"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class ProductState(StrEnum):
    """Where a product stands; only `ACTIVE` lets keys for it work."""

    ACTIVE = "ACTIVE"
    STOPPED = "STOPPED"
    RETIRED = "RETIRED"


class EntitlementState(StrEnum):
    """Whether an account may use a product in an environment; only `ENABLED` lets its keys work there."""

    REQUESTED = "REQUESTED"
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class CredentialState(StrEnum):
    """Whether a service credential works, until it expires."""

    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"


class ServiceScope(StrEnum):
    """One thing that a service credential may ask of Keydesk."""

    REPLICATE = "replicate"
    USAGE = "usage"
    VERIFY = "verify"


class Envelope(StrEnum):
    """The form in which a product's refusals reach its callers."""

    PROBLEM = "problem"
    """A problem with the status of its code (RFC 9457)."""
    COMPAT = "compat"
    """What customers of such a provider parse today: 403 for all but limits and outages, and a code of three digits."""


class KeyRecord(Struct, frozen=True, array_like=True, gc=False):
    """An API key as a verifier sees it.

    `networks` are the addresses it may be used from, any if there are none; `limits` are its own (`core/limits.py`).
    """

    kind: ClassVar[str] = "key"

    id: str
    digest: bytes
    account: str
    product: str
    environment: str
    state: str
    expires_at: int | None
    retires_at: int | None
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    limits: tuple[str, ...]
    revision: int


class AccountRecord(Struct, frozen=True, array_like=True, gc=False):
    """An account as a verifier sees it; `networks` holds for all its keys, beside their own."""

    kind: ClassVar[str] = "account"

    id: str
    username: str
    status: str
    networks: tuple[str, ...]
    revision: int


class ProductRecord(Struct, frozen=True, array_like=True, gc=False):
    """A product as a verifier sees it.

    `lease_seconds` is how old a replica may be when it decides for the product; None allows any age.
    """

    kind: ClassVar[str] = "product"

    slug: str
    state: str
    requires_username: bool
    lease_seconds: int | None
    envelope: str
    limits: tuple[str, ...]
    revision: int


class EntitlementRecord(Struct, frozen=True, array_like=True, gc=False):
    """An account's entitlement to a product in one environment; its `limits` stand in for the product's."""

    kind: ClassVar[str] = "entitlement"

    account: str
    product: str
    environment: str
    state: str
    limits: tuple[str, ...]
    revision: int


class CredentialRecord(Struct, frozen=True, array_like=True, gc=False):
    """A service credential: the provider's own automation, which asks for decisions."""

    kind: ClassVar[str] = "credential"

    id: str
    digest: bytes
    state: str
    scopes: tuple[str, ...]
    expires_at: int
    revision: int


Record = KeyRecord | AccountRecord | ProductRecord | EntitlementRecord | CredentialRecord

RECORD_TYPES: Final[tuple[type[Record], ...]] = (
    KeyRecord,
    AccountRecord,
    ProductRecord,
    EntitlementRecord,
    CredentialRecord,
)
