"""The decision on a request: rows, question and moment in, the first failing check's code out, in the documented order.

Every door asks this one function, so that no two doors can differ. It reads nothing but what it is handed.
"""

from typing import Final, Protocol

from msgspec import Struct

from keydesk.core.codes import Code
from keydesk.core.digest import Digester
from keydesk.core.gcra import Balance, Spent
from keydesk.core.keyformat import KeyFormat
from keydesk.core.limits import Bucket, buckets_for
from keydesk.core.network import is_within
from keydesk.core.records import (
    AccountRecord,
    AccountStatus,
    EntitlementRecord,
    EntitlementState,
    KeyRecord,
    KeyState,
    ProductRecord,
    ProductState,
)

DEFAULT_LEASE_SECONDS: Final = 300
RETRY_AFTER_SECONDS: Final = 1
LONGEST_IDENTITY: Final = 256
"""How many characters each part of an identity may have."""

# Reaching an enum's member costs more than comparing with it (Python 3.11), so what each request needs is named here.
_OK: Final = Code.OK
_RETIRING: Final = KeyState.RETIRING
_USABLE_STATES: Final = frozenset((KeyState.ACTIVE, KeyState.RETIRING))
_ACCOUNT_APPROVED: Final = AccountStatus.APPROVED
_PRODUCT_ACTIVE: Final = ProductState.ACTIVE
_ENTITLEMENT_ENABLED: Final = EntitlementState.ENABLED


class Rows(Protocol):
    """One consistent view of a replica, as the decision needs it."""

    @property
    def confirmed_at(self) -> float | None:
        """When the source last confirmed these rows as current (Unix seconds), None if it never has."""

    def key(self, digest: bytes) -> KeyRecord | None:
        """Give the key with this digest."""

    def account(self, account: str) -> AccountRecord | None:
        """Give the account with this id."""

    def product(self, slug: str) -> ProductRecord | None:
        """Give the product with this slug."""

    def entitlement(self, account: str, product: str, environment: str) -> EntitlementRecord | None:
        """Give the account's entitlement to the product in the environment."""


class Question(Struct, frozen=True, gc=False):
    """What a door asks: may the holder of this credential call this product in this environment?"""

    credential: str | None
    """The one credential as presented; None if there was none, or more than one."""
    product: str
    environment: str
    username: str | None = None
    """The value of `x-username`, for products that ask for it."""
    address: str | None = None
    """The client's address, as whoever asks knows it; None if that is not known."""
    scopes: tuple[str, ...] = ()
    """The scopes that the key must have for this call."""


class Decision(Struct, frozen=True, gc=False):
    """The answer: a code, and whom it is about as far as that is proven by the credential."""

    code: Code
    key: KeyRecord | None = None
    account: AccountRecord | None = None
    retry_after: int | None = None
    """Seconds to wait before asking again, on `unavailable` and where a limit stopped the call."""
    buckets: tuple[Bucket, ...] = ()
    """What the call is still to be counted against, if all other checks let it pass."""
    balances: tuple[Balance, ...] = ()
    """How the limits stand after the call."""

    @property
    def accepted(self) -> bool:
        """Whether the request may pass."""
        return self.code is Code.OK


MISSING: Final = Decision(Code.KEY_MISSING)
MALFORMED: Final = Decision(Code.KEY_MALFORMED)
UNKNOWN: Final = Decision(Code.KEY_UNKNOWN)
UNAVAILABLE: Final = Decision(Code.UNAVAILABLE, retry_after=RETRY_AFTER_SECONDS)


class UnfitIdentityError(Exception):
    """A row holds text that cannot be a header's value, so at no door is anybody accepted with it."""


class Decider:
    """The decision function of one installation: its key format and its pepper."""

    def __init__(self, keyformat: KeyFormat, digester: Digester) -> None:
        """Takes the installation's key format and the function that digests a credential."""
        self._is_well_formed: Final = keyformat.is_well_formed
        self._digest: Final = digester

    def decide(self, rows: Rows, question: Question, now: float) -> Decision:
        """Give the decision at the moment `now` (Unix seconds).

        Row 1 needs no rows, so it is decided even when they are stale; from row 2 on, rows older than the lease of
        the product asked for give `unavailable`, never a guess. Raises UnfitIdentityError in place of accepting
        whom not every door could name.
        """
        if question.credential is None:
            return MISSING
        if not self._is_well_formed(question.credential):
            return MALFORMED
        product = rows.product(question.product)
        if is_stale(rows.confirmed_at, product, now):
            return UNAVAILABLE
        key = rows.key(self._digest(question.credential))
        return UNKNOWN if key is None else decide_for(key, product, rows, question, now=now)

    def about_itself(
        self, rows: Rows, credential: str, address: str | None, now: float
    ) -> Decision:
        """Give the decision on a call to the credential's own product, for its holder to read; nothing is counted."""
        key = account = None
        if self._is_well_formed(credential):
            key = rows.key(self._digest(credential))
        if key is not None:
            account = rows.account(key.account)
        question = Question(
            credential,
            key.product if key else "",
            key.environment if key else "",
            account.username if account else None,
            address,
        )
        return self.decide(rows, question, now)


def decide_for(
    key: KeyRecord, product: ProductRecord | None, rows: Rows, question: Question, *, now: float
) -> Decision:
    """Give the decision on a question whose key is known: rows 3 to 8, and what rows 9 and 10 are to count.

    Raises UnfitIdentityError.
    """
    account = rows.account(key.account)
    code = refusal_by_state(key, now) or refusal_by_account(account, product, question)
    if code is not None:
        return Decision(code, key, account)
    entitlement = rows.entitlement(key.account, key.product, key.environment)
    code = refusal_by_product(key, product, entitlement, question)
    if code is None:
        code = refusal_by_restriction(key, account, question)
    if code is not None or account is None or product is None or entitlement is None:
        return Decision(code or Code.PRODUCT_NOT_ENABLED, key, account)
    refuse_unfit(key, account)
    return Decision(_OK, key, account, buckets=buckets_for(key, product, entitlement))


def refuse_unfit(key: KeyRecord, account: AccountRecord) -> None:
    """Raise UnfitIdentityError unless each part of the identity is printable ASCII of at most 256 characters."""
    scopes = " ".join(key.scopes)
    identity = (key.account, account.username, key.product, key.id, key.environment, scopes)
    together = "".join(identity)
    if not (together.isascii() and together.isprintable()):
        raise UnfitIdentityError
    if len(together) > LONGEST_IDENTITY and max(map(len, identity)) > LONGEST_IDENTITY:
        raise UnfitIdentityError


def counted(decision: Decision, spent: Spent) -> Decision:
    """Give an acceptance as it stands once its call was counted against its buckets: rows 9 and 10."""
    return Decision(
        spent.code,
        decision.key,
        decision.account,
        retry_after=spent.retry_after,
        balances=spent.balances,
    )


def is_stale(confirmed_at: float | None, product: ProductRecord | None, now: float) -> bool:
    """Say whether rows confirmed at that moment are too old to decide for the product (default lease if unknown)."""
    if confirmed_at is None:
        return True
    lease = product.lease_seconds if product is not None else DEFAULT_LEASE_SECONDS
    return lease is not None and now - confirmed_at > lease


def refusal_by_state(key: KeyRecord, now: float) -> Code | None:
    """Row 3: the key's own state; a state this version does not know refuses as disabled."""
    state = key.state
    if state not in _USABLE_STATES:
        return Code.KEY_REVOKED if state == KeyState.REVOKED else Code.KEY_DISABLED
    if key.expires_at is not None and key.expires_at <= now:
        return Code.KEY_EXPIRED
    if state == _RETIRING and (key.retires_at is None or key.retires_at <= now):
        return Code.KEY_EXPIRED
    return None


def refusal_by_account(
    account: AccountRecord | None, product: ProductRecord | None, question: Question
) -> Code | None:
    """Rows 4 and 5: the username where the product asks for it, and the account's status."""
    if account is None:
        return Code.ACCOUNT_INACTIVE
    if product is not None and product.requires_username and question.username != account.username:
        return Code.USERNAME_MISMATCH
    return None if account.status == _ACCOUNT_APPROVED else Code.ACCOUNT_INACTIVE


def refusal_by_product(
    key: KeyRecord,
    product: ProductRecord | None,
    entitlement: EntitlementRecord | None,
    question: Question,
) -> Code | None:
    """Row 6: the key is for the product and environment asked for, and the product is enabled there."""
    if key.product != question.product:
        return Code.WRONG_PRODUCT
    if key.environment != question.environment:
        return Code.WRONG_ENVIRONMENT
    if product is None or product.state != _PRODUCT_ACTIVE:
        return Code.PRODUCT_NOT_ENABLED
    if entitlement is None or entitlement.state != _ENTITLEMENT_ENABLED:
        return Code.PRODUCT_NOT_ENABLED
    return None


def refusal_by_restriction(
    key: KeyRecord, account: AccountRecord | None, question: Question
) -> Code | None:
    """Rows 7 and 8: the address is in each allow-list that there is, and the key has the scopes that are asked for."""
    if key.networks and not is_within(question.address, key.networks):
        return Code.IP_NOT_ALLOWED
    if account is None or (account.networks and not is_within(question.address, account.networks)):
        return Code.IP_NOT_ALLOWED
    for scope in question.scopes:
        if scope not in key.scopes:
            return Code.SCOPE_MISSING
    return None
