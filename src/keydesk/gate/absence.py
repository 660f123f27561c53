"""What a door goes on with where there is no replica, so that every door does so alike."""

from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, Self, TypeVar

from keydesk.core.decide import Rows
from keydesk.replica.layout import ReplicaMissing

Seen_co = TypeVar("Seen_co", bound=Rows, covariant=True)


class Store(Protocol[Seen_co]):
    """The replica, as a check needs it."""

    def rows(self) -> AbstractContextManager[Seen_co]:
        """Give one consistent view; raises ReplicaMissing."""


class NoRows:
    """What there is to read where there is no replica: nothing, never confirmed."""

    confirmed_at = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing open."""

    def nothing(self, *_: Any) -> None:
        """Give no row."""

    key = account = product = entitlement = credential = nothing


NO_ROWS: Final[Any] = NoRows()


def rows_of(store: Store[Seen_co]) -> AbstractContextManager[Seen_co]:
    """Give one consistent view of the replica, in which there is nothing if there is no replica."""
    try:
        return store.rows()
    except ReplicaMissing:
        view: AbstractContextManager[Seen_co] = NO_ROWS
        return view
