"""One connection to Valkey: commands go out as they come, and answers come back in the same order.

It speaks RESP 2 (https://valkey.io/topics/protocol/) with libvalkey's parser, and waits for no answer for longer than
it was told to.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import libvalkey

LOOKS: Final = 10
"""How often the oldest unanswered command is looked at before it is overdue. A process that was busy meanwhile looks
late and not too often, so it never takes an answer that it has only not read yet for one that did not come."""


class ConnectionLost(Exception):  # noqa: N818 - it names a state, not a mistake
    """The connection is of no use any more; the message says why."""


class Connection(asyncio.Protocol):
    """A connection that all calls of a process share."""

    def __init__(self, wait_seconds: float, *, on_lost: Callable[[str], None]) -> None:
        """Takes how long an answer may take, and what to call with the reason when the connection is lost."""
        self._look_seconds: Final = wait_seconds / LOOKS
        self._on_lost: Final = on_lost
        self._loop: Final = asyncio.get_running_loop()
        self._reader: Final = libvalkey.Reader()
        self._waiting: Final[deque[asyncio.Future[Any]]] = deque()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._oldest: asyncio.Future[Any] | None = None
        self._looks = 0

    def ask(self, *words: bytes) -> asyncio.Future[Any]:
        """Send a command and give its answer to come: a ReplyError is one too. It raises ConnectionLost."""
        if self._transport is None:
            raise ConnectionLost("it closed the connection")
        answer = self._loop.create_future()
        self._waiting.append(answer)
        self._transport.write(libvalkey.pack_command(words))
        if self._watch is None:
            self._watch = self._loop.call_later(self._look_seconds, self._look)
        return answer

    def give_up(self, reason: str) -> None:
        """Close the connection; whoever waits gets ConnectionLost."""
        if self._transport is None:
            return
        self._transport.abort()
        self._transport = None
        if self._watch is not None:
            self._watch.cancel()
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(ConnectionLost(reason))
        self._waiting.clear()
        self._on_lost(reason)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand each answer to whoever waits for it, if somebody still does."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                answer = self._waiting.popleft()
                if not answer.done():
                    answer.set_result(reply)
        except (libvalkey.ProtocolError, IndexError):
            self.give_up("it does not speak its protocol")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        """Tell everybody that nothing more comes."""
        self.give_up("it closed the connection")

    def _look(self) -> None:
        self._watch = None
        if not self._waiting:
            return
        if self._waiting[0] is not self._oldest:
            self._oldest, self._looks = self._waiting[0], 0
        self._looks += 1
        if self._looks >= LOOKS:
            self.give_up("it does not answer in time")
        else:
            self._watch = self._loop.call_later(self._look_seconds, self._look)
