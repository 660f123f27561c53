"""What a door goes on with where there is no replica, so that every door does so alike."""

from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from keydesk.core.decide import Rows
from keydesk.core.records import Envelope
from keydesk.replica.layout import ReplicaMissing


class Store(Protocol):
    """The replica, as a check needs it."""

    def rows(self) -> AbstractContextManager[Rows]:
        """Give one consistent view; raises ReplicaMissing."""


class NoRows:
    """What there is to read where there is no replica: nothing, never confirmed."""

    confirmed_at = None

    def nothing(self, *_: Any) -> None:
        """Give no row."""

    key = account = product = entitlement = credential = nothing


NO_ROWS: Final = NoRows()


def envelope_of(store: Store, product: str) -> str:
    """Give the form of a product's refusals, by its slug; a problem where nothing is known of it."""
    try:
        with store.rows() as rows:
            found = rows.product(product)
    except ReplicaMissing:
        return Envelope.PROBLEM
    return Envelope.PROBLEM if found is None else found.envelope
