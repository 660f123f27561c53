"""What a door needs of a place where calls are counted."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from keydesk.core.gcra import Spent
from keydesk.core.limits import Bucket


class LedgerUnavailable(Exception):  # noqa: N818 - it names a state, not a mistake
    """Calls cannot be counted at the moment; the message says why."""


class Ledger(Protocol):
    """A place where calls are counted."""

    def spend(
        self, buckets: Sequence[Bucket], *, cost: int, now: float
    ) -> Spent | Awaitable[Spent]:
        """Count a call that costs so much at the moment `now` (Unix seconds) against all its buckets, or none.

        What came of it is there at once, or is to be awaited where counting takes a network. Raises LedgerUnavailable.
        """
