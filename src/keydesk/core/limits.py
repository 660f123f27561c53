"""Limits on calls: how they are written, which of them bear on a call, and where each is counted.

A limit is written `<whose>:<name>=<calls>/<window>`: `key:burst=100/60s`, `account:daily=10000/day`. Whose is `key`,
`account` or `product`: all keys of an account share its budget for a product, all accounts share a product's. A window
in seconds makes a rate, `day` and `month` a quota that is filled up again as the day or month begins (UTC).
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final

from msgspec import Struct

from keydesk.core.records import EntitlementRecord, KeyRecord, ProductRecord

SHAPE: Final = re.compile(
    r"(key|account|product):([a-z][a-z0-9-]{0,19})=([1-9][0-9]{0,11})/(?:([1-9][0-9]{0,4})s|(day|month))",
    re.ASCII,
)
DAY_SECONDS: Final = 86_400
MOST_SECONDS: Final = DAY_SECONDS
MOST_CALLS_A_SECOND: Final = 100_000
MOST_COST: Final = 10_000
KNOWN: Final = 4096


class Whose(StrEnum):
    """Who shares a limit."""

    KEY = "key"
    ACCOUNT = "account"
    PRODUCT = "product"


# Reaching an enum's member costs more than comparing with it (Python 3.11), and calls need these.
_KEY: Final = Whose.KEY.value
_ACCOUNT: Final = Whose.ACCOUNT.value
_PRODUCT: Final = Whose.PRODUCT.value


class Window(StrEnum):
    """How long a quota lasts."""

    DAY = "day"
    MONTH = "month"


class Limit(Struct, frozen=True, gc=False):
    """So many calls in so long; a rate has `seconds`, a quota has a `window`."""

    whose: str
    name: str
    calls: int
    seconds: int | None
    window: str | None

    @property
    def text(self) -> str:
        """The limit as it is written."""
        window = self.window or f"{self.seconds}s"
        return f"{self.whose}:{self.name}={self.calls}/{window}"


class Bucket(Struct, frozen=True, gc=False):
    """One limit for one key, account or product: where it is counted, and how."""

    place: bytes
    """What tells this bucket from all others; the same bytes in every store."""
    limit: Limit


@lru_cache(KNOWN)
def parse_limit(text: str) -> Limit:
    """Give the limit that a text writes; raises ValueError if it writes none, or one that cannot be counted."""
    match = SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not like key:burst=100/60s or account:daily=10000/day.")
    whose, name, calls, seconds, window = match.groups()
    limit = Limit(whose, name, int(calls), int(seconds) if seconds else None, window)
    if limit.seconds is not None and limit.seconds > MOST_SECONDS:
        raise ValueError(f"A rate's window is at most {MOST_SECONDS} seconds: use day or month.")
    if limit.seconds is not None and limit.calls > MOST_CALLS_A_SECOND * limit.seconds:
        raise ValueError(f"A rate is at most {MOST_CALLS_A_SECOND} calls a second.")
    return limit


def buckets_for(
    key: KeyRecord, product: ProductRecord, entitlement: EntitlementRecord
) -> tuple[Bucket, ...]:
    """Give the buckets that a call with the key spends from: rates first, then quotas, each in the order written.

    They are those of `product_limits`, with the key's own on top. Raises ValueError if a row holds a text that writes
    no limit.
    """
    written = (product.limits, entitlement.limits, key.limits)
    if not any(written):
        return ()
    within = f"{product.slug}\0{key.environment}"
    owners = {_KEY: key.id, _ACCOUNT: f"{key.account}\0{within}", _PRODUCT: within}
    return tuple(
        [
            Bucket(f"{begin}{owners[whose]}{end}".encode(), limit)
            for whose, begin, end, limit in _plan(written)
        ]
    )


def product_limits(of_product: Iterable[str], of_account: Iterable[str]) -> list[Limit]:
    """Give the limits that a product sets an account's calls, from its own and from those of the entitlement.

    A limit of the entitlement stands in for the product's of the same name. Rates come first, then quotas, each in the
    order written. Raises ValueError if a text writes no limit.
    """
    standing = _by_name(of_product) | _by_name(of_account)
    return sorted(standing.values(), key=lambda limit: limit.window is not None)


@lru_cache(KNOWN)
def _plan(written: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, str, str, Limit], ...]:
    """Give what the buckets of all calls under these limits share: whose each is, and its place around the owner."""
    of_product, of_account, of_key = written
    plan = [
        (limit.whose, *_place(limit), limit) for limit in product_limits(of_product, of_account)
    ]
    # The name of a key's own limit may be one of the product's: both hold, so they are counted apart. It is the key's
    # alone, whoever else its text says.
    plan += [(_KEY, *_place(limit, "own"), limit) for limit in _by_name(of_key).values()]
    return tuple(sorted(plan, key=lambda part: part[-1].window is not None))


def _by_name(texts: Iterable[str]) -> dict[tuple[str, str], Limit]:
    return {(limit.whose, limit.name): limit for limit in map(parse_limit, texts)}


def _place(limit: Limit, mark: str = "") -> tuple[str, str]:
    return f"{limit.whose}{mark}\0", f"\0{limit.name}\0{limit.window or limit.seconds}"
