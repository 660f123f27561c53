"""Who is read and who is written when: all that has arrived first, then all that is answered.

Not one connection after the other. What the kernel does to send an answer and to fetch the next request drives the
interpreter out of the processor's caches, and a decision then takes half as long again (decision 57).
"""

import logging
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from keydesk.gate.faults import described

logger: Final = logging.getLogger(__name__)

MAX_ARRIVED: Final = 32
"""How many pieces that arrived are kept before they are read: no answer waits for more, nor does memory fill."""


class Served(Protocol):
    """A connection, as its turn needs it."""

    def read(self, data: bytes) -> None:
        """Read what has arrived, and answer what is complete."""

    def write(self) -> None:
        """Write what is to go out, and close a connection that is at its end."""

    def abort(self) -> None:
        """Close the connection at once."""


Connection = TypeVar("Connection", bound=Served)


class Turns(Generic[Connection]):
    """The turns of a process's connections."""

    def __init__(
        self,
        soon: Callable[[Callable[[], None]], Any],
        *,
        between: Callable[[int], None],
    ) -> None:
        """Takes what runs a function once all that has arrived is fetched, and what is done between two such rounds.

        The first is a loop's `call_soon`; the second is told how many pieces arrived in the round before.
        """
        self._soon: Final = soon
        self._between: Final = between
        self._arrived: list[tuple[Connection, bytes]] = []
        self._changed: list[Connection] = []
        self._is_due = False
        self._pieces = 0

    def arrive(self, connection: Connection, data: bytes) -> None:
        """Keep what a connection received until the next turn."""
        self._arrived.append((connection, data))
        if len(self._arrived) >= MAX_ARRIVED:
            self.take()
        else:
            self._expect()

    def change(self, connection: Connection) -> None:
        """Remember, until the turn's end, a connection that has something to write, or that is at its end."""
        self._changed.append(connection)
        self._expect()

    def take(self) -> None:
        """Take the turn: read all that has arrived, then write all that is answered."""
        arrived, self._arrived = self._arrived, []
        self._pieces += len(arrived)
        for connection, data in arrived:
            try:
                connection.read(data)
            except Exception as error:  # noqa: BLE001 - what is wrong with one keeps nobody else waiting
                give_up(connection, error)
        changed, self._changed = self._changed, []
        for connection in changed:
            try:
                connection.write()
            except Exception as error:  # noqa: BLE001 - no turn would ever come again
                give_up(connection, error)

    def _expect(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._soon(self._end_round)

    def _end_round(self) -> None:
        self.take()
        self._is_due = False
        pieces, self._pieces = self._pieces, 0
        self._between(pieces)


def give_up(connection: Served, error: Exception) -> None:
    """Close a connection that cannot be served, and log where that showed, without what a caller sent."""
    logger.error("A connection is closed because serving it failed: %s", described(error))
    connection.abort()
