"""Adding up what verifiers have counted; pure.

Every count goes into its minute, its hour and its day at once, so that a host which comes back after a week still
finds the hours and days it belongs to, and nothing is ever moved from one to another.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from keydesk.core.usage import Count, Entry, RefusedCall, Stranger

ADDRESS_LENGTH: Final = 45
CODE_LENGTH: Final = 40
SOURCE_LENGTH: Final = 64


class Span(IntEnum):
    """The lengths of time that are counted, in seconds; each begins with a multiple of itself (UTC)."""

    MINUTE = 60
    HOUR = 3600
    DAY = 86400

    def start_of(self, moment: int) -> int:
        """Give when the span that holds the moment began (Unix seconds)."""
        return moment // self * self


ACCOUNT_SPANS: Final = (Span.HOUR, Span.DAY)
"""What is counted of an account's keys together."""


class CountRow(NamedTuple):
    """What a count is of: key, length of time and its begin, outcome, and what was asked for."""

    key: str
    span: int
    starts_at: int
    code: str
    product: str
    environment: str


class Place(NamedTuple):
    """Where a key belongs."""

    account: str
    environment: str


class AccountRow(NamedTuple):
    """What a count of an account's keys is of: account, their environment, length of time and its begin, outcome."""

    account: str
    environment: str
    span: int
    starts_at: int
    code: str


class Sight(NamedTuple):
    """When a key was seen, and from where; empty if that is not known."""

    last_at: int
    address: str


class Many(NamedTuple):
    """How often something came, and when it came last (Unix seconds)."""

    number: int
    last_at: int


class Sums:
    """What several entries come to."""

    def __init__(self, *, keys: Mapping[str, Place], products: Collection[str], now: int) -> None:
        """Takes the keys and products that there are, and the moment.

        What was counted for a key that is not there, as after a database was restored, is left out; a moment that lies
        ahead, by the clock of a host that is wrong, is taken for now.
        """
        self._keys = keys
        self._products = products
        self._now = now
        self.counts: dict[CountRow, int] = {}
        self.sights: dict[str, Sight] = {}
        self.addresses: dict[tuple[str, int, str], Many] = {}
        self.strangers: dict[tuple[int, str, str, str], Many] = {}
        self.refused: list[RefusedCall] = []
        self.left_out = 0
        """Requests with keys that are not there."""

    def add(self, entries: Iterable[Entry]) -> None:
        """Add what these entries hold."""
        for entry in entries:
            for count in entry.counts:
                if count.key in self._keys:
                    self._add_count(count)
                else:
                    self.left_out += count.number
            for stranger in entry.strangers:
                self._add_stranger(stranger)
            self.refused += [call for call in entry.refused if call.key in self._keys]

    def of_accounts(self) -> dict[AccountRow, int]:
        """Give the counts of all keys of an account together."""
        found: dict[AccountRow, int] = {}
        for row, number in self.counts.items():
            if row.span in ACCOUNT_SPANS:
                whole = AccountRow(*self._keys[row.key], row.span, row.starts_at, row.code)
                found[whole] = found.get(whole, 0) + number
        return found

    def product(self, asked: str) -> str:
        """Give the product that was asked for, nothing if the provider has none of that name."""
        return asked if asked in self._products else ""

    def _add_count(self, count: Count) -> None:
        minute, last_at = min(count.minute, self._now), min(count.last_at, self._now)
        asked = (self.product(count.product), count.environment)
        for span in Span:
            row = CountRow(count.key, span, span.start_of(minute), count.code, *asked)
            self.counts[row] = self.counts.get(row, 0) + count.number
        seen = Sight(last_at, count.address or "")
        self.sights[count.key] = max(self.sights.get(count.key, seen), seen)
        if count.address is not None:
            place = (count.key, Span.DAY.start_of(minute), count.address)
            self.addresses[place] = more(self.addresses.get(place), count.number, last_at)

    def _add_stranger(self, stranger: Stranger) -> None:
        day = Span.DAY.start_of(min(stranger.minute, self._now))
        place = (day, stranger.prefix, stranger.address or "", stranger.code)
        last_at = min(stranger.last_at, self._now)
        self.strangers[place] = more(self.strangers.get(place), stranger.number, last_at)


def more(held: Many | None, number: int, last_at: int) -> Many:
    """Give what has come so far with so many more, the last of them at that moment."""
    before = held or Many(0, 0)
    return Many(before.number + number, max(before.last_at, last_at))
