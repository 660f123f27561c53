"""What HAProxy is told of a key: one line that holds everything which does not depend on the request or the moment.

The checks are the decision function's own, asked beforehand; what a line cannot hold is left to the verifier (`ask`).
"""

import re
from typing import Final, Self

from msgspec import Struct
from msgspec.structs import replace

from keydesk.core.decide import (
    LONGEST_IDENTITY,
    Question,
    refusal_by_account,
    refusal_by_product,
    refusal_by_restriction,
    refusal_by_state,
)
from keydesk.core.limits import Limit, Whose, buckets_for, parse_limit
from keydesk.core.records import (
    AccountRecord,
    EntitlementRecord,
    KeyRecord,
    KeyState,
    ProductRecord,
    ProductState,
)

ASK: Final = "ask"
"""The entry of a key about which the verifier decides."""
NEVER: Final = 0
BEFORE_EVERYTHING: Final = float("-inf")
LATEST: Final = 99_999_999_999
"""The last moment that is passed on: HAProxy lets one of 2^63 or more pass as never."""

FIT: Final = re.compile(rf"[A-Za-z0-9_.:@+ -]{{0,{LONGEST_IDENTITY}}}", re.ASCII)
"""What an entry's fields may hold: nothing that ends a field, a line or a command."""
NONE: Final = "-"
PLACE: Final = re.compile(
    r"1/(?P<product>[a-z0-9-]+)/(?P<environment>live|test)/(?P<username>username|-)/(?P<envelope>problem|compat)"
    r"/(?:(?P<limit>[a-z][a-z0-9-]*):(?P<seconds>[1-9][0-9]*)|-)/(?P<scopes>[a-z0-9_.:+-]+)",
    re.ASCII,
)


class Lacking(ValueError):  # noqa: N818 - it names a state, not a mistake
    """A product needs a check that HAProxy's maps lack; the message says which."""


class Place(Struct, frozen=True):
    """What a rendered configuration decides about, as it says itself."""

    product: str
    environment: str
    requires_username: bool
    envelope: str
    limit: str | None
    """The name of the rate that each key has, if there is one."""
    seconds: int | None
    """That rate's window."""
    scopes: tuple[str, ...]

    @classmethod
    def of(cls, product: ProductRecord, environment: str, scopes: tuple[str, ...]) -> Self:
        """Give the place of a product as it is now; raises Lacking if it needs what HAProxy lacks."""
        rate = only_rate(product)
        return cls(
            product.slug,
            environment,
            product.requires_username,
            product.envelope,
            rate.name if rate else None,
            rate.seconds if rate else None,
            scopes,
        )

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Give the place that a configuration names; raises ValueError if it names none that is known here."""
        found = PLACE.fullmatch(text)
        if found is None:
            raise ValueError("HAProxy runs no configuration of `keydesk gateway haproxy --native`.")
        return cls(
            found["product"],
            found["environment"],
            found["username"] != NONE,
            found["envelope"],
            found["limit"],
            int(found["seconds"]) if found["seconds"] else None,
            () if found["scopes"] == NONE else tuple(found["scopes"].split("+")),
        )

    @property
    def text(self) -> str:
        """How a configuration names it."""
        username = "username" if self.requires_username else NONE
        limit = f"{self.limit}:{self.seconds}" if self.limit else NONE
        scopes = "+".join(self.scopes) or NONE
        return f"1/{self.product}/{self.environment}/{username}/{self.envelope}/{limit}/{scopes}"

    def fits(self, product: ProductRecord) -> bool:
        """Say whether a configuration made for this place still says what the product asks for."""
        try:
            return self == Place.of(product, self.environment, self.scopes)
        except ValueError:
            return False


def only_rate(product: ProductRecord) -> Limit | None:
    """Give the one rate that each of a product's keys has, None if it has no limits; raises Lacking for any other."""
    limits = [parse_limit(text) for text in product.limits]
    if not limits:
        return None
    if len(limits) > 1 or limits[0].whose != Whose.KEY or limits[0].seconds is None:
        raise Lacking(
            f"HAProxy counts one rate for each key, like key:burst=100/60s. The limits of {product.slug} are "
            f"{', '.join(product.limits)}: take the configuration without --native, which asks the verifier."
        )
    return limits[0]


def entry_of(
    key: KeyRecord,
    account: AccountRecord | None,
    entitlement: EntitlementRecord | None,
    *,
    product: ProductRecord,
    place: Place,
) -> str:
    """Give the entry of a key.

    Whether the product is active is not in it: that changes for all keys at once, and stands beside the maps.
    """
    active = replace(product, state=ProductState.ACTIVE.value)
    username = account.username if account else ""
    question = Question(None, place.product, place.environment, username, scopes=place.scopes)
    code = (
        refusal_by_state(key, BEFORE_EVERYTHING)
        or refusal_by_account(account, active, question)
        or refusal_by_product(key, active, entitlement, question)
    )
    calls = 0
    if code is None:
        counted = None if entitlement is None else calls_of(key, active, entitlement, place)
        if counted is None or key.networks or (account and account.networks):
            return ASK
        calls, code = counted, refusal_by_restriction(key, account, question)
    fields = (
        (code or "ok"),
        str(end_of(key)),
        key.id,
        key.account,
        username,
        " ".join(key.scopes),
        str(calls),
    )
    is_fit = all(FIT.fullmatch(field) for field in fields) and end_of(key) <= LATEST
    return "|".join(fields) if is_fit and (code or all(fields[2:5])) else ASK


def end_of(key: KeyRecord) -> int:
    """Give the moment at which a key ends (Unix seconds), 0 if never."""
    moments = (key.expires_at, key.retires_at if key.state == KeyState.RETIRING else None)
    ends = [max(1, moment) for moment in moments if moment is not None]
    return min(ends, default=NEVER)


def calls_of(
    key: KeyRecord, product: ProductRecord, entitlement: EntitlementRecord, place: Place
) -> int | None:
    """Give a key's calls in the window of its place, 0 without a limit; None where HAProxy cannot count them.

    A limit that cannot be read, which only a newer Keydesk writes, is one of these.
    """
    try:
        limits = [bucket.limit for bucket in buckets_for(key, product, entitlement)]
    except ValueError:
        return None
    if not limits and place.seconds is None:
        return 0
    if len(limits) == 1 and limits[0].whose == Whose.KEY and limits[0].seconds == place.seconds:
        return limits[0].calls if limits[0].seconds else None
    return None
