"""HTTP/1.1 for the verifier, in the very thread that decides: llhttp reads, an application answers.

A decision takes a few microseconds, so handing it from a server's thread to Python's and back would cost more than the
decision itself (decision 44), and so would putting each request into the messages of a protocol between the two
(decision 52). What has arrived when the loop looks is read first, answered then and written last, each in one go
(decision 57). A request that needs nothing but mapped memory is answered there and then; one that has to wait for a
store over the network gets a task of its own.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import cache
from http import HTTPStatus
from typing import Any, Final, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from keydesk.gate.answers import Answer
from keydesk.verifier.request import HTTP_1_1, Request
from keydesk.verifier.turns import Turns

logger: Final = logging.getLogger(__name__)

MAX_HEAD_BYTES: Final = 256 * 1024
"""The longest request line and headers together; what is longer is not read any further."""
MAX_BODY_BYTES: Final = 64 * 1024 + 1
"""How much of a body is kept: one byte more than the longest that any door reads."""
MAX_WAITING: Final = 64
"""How many requests of one connection may wait for the one before them."""
REQUEST_SECONDS: Final = 10
"""How long a request may take to arrive."""
IDLE_SECONDS: Final = 75
"""How long a connection may be silent between two requests, unless its site says otherwise."""
SWEEP_SECONDS: Final = 0.5

VERSIONS: Final = frozenset(("1.0", HTTP_1_1))
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nx-keydesk-code: unavailable\r\n"
    b"cache-control: no-store\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
HEAD: Final = b"HEAD"
LAST: Final = b"connection: close\r\n"


class Application(Protocol):
    """What answers the requests."""

    def reads_body(self, method: bytes, path: bytes) -> bool:
        """Say which requests are answered by their body; all others are answered before it has come."""

    def answer(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a request, at once where that needs nothing but memory."""


class Site:
    """What the connections of a process share: application, turns, how many there may be, and the time of day."""

    def __init__(
        self,
        app: Application,
        *,
        turns: "Turns[Connection]",
        most_connections: int,
        idle_seconds: float = IDLE_SECONDS,
        turned_away: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes the application, whose turn it is, how many connections may be open, and how long one may be silent.

        `turned_away` is told of each connection that there is no room for.
        """
        self.app: Final = app
        self.turns: Final = turns
        self.idle_seconds: Final = idle_seconds
        self._most_connections: Final = most_connections
        self._turned_away: Final = turned_away
        self.connections: Final[set[Connection]] = set()
        self._left: Final = asyncio.Event()
        self.date_line = b""
        self.is_stopping = False
        self.look_at_clock()

    def takes_another(self, coming: int = 0) -> bool:
        """Say whether one connection more may come in, beside so many that are about to; want of room is counted."""
        if is_full := len(self.connections) + coming >= self._most_connections:
            self._turned_away()
        return not (is_full or self.is_stopping)

    def connect(self) -> "Connection":
        """Make the protocol of a new connection."""
        return Connection(self)

    def look_at_clock(self) -> None:
        """Write the time of day anew, for the `date` of answers (RFC 9110, 6.6.1)."""
        self.date_line = f"date: {formatdate(usegmt=True)}\r\n".encode()

    async def sweep(self) -> None:
        """Close connections whose request does not arrive, or that nobody uses, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.look_at_clock()
            now = time.monotonic()
            for connection in list(self.connections):
                connection.close_if_late(now)

    async def stop(self, *, seconds: float) -> None:
        """Close every connection as soon as its answers are out, and wait no longer than this for it."""
        self.is_stopping = True
        self.turns.take()
        for connection in list(self.connections):
            connection.close_if_done()
        if self.connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), seconds)

    def leave(self, connection: "Connection") -> None:
        """Forget a connection that is closed."""
        self.connections.discard(connection)
        if not self.connections and self.is_stopping:
            self._left.set()


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered one after the other, in the order they came."""

    __slots__ = (
        "_awaits_body",
        "_beginning",
        "_head_bytes",
        "_in_head",
        "_is_closing",
        "_is_last",
        "_outgoing",
        "_parser",
        "_request",
        "_since",
        "_site",
        "_task",
        "_transport",
        "_turns",
        "_waiting",
    )

    def __init__(self, site: Site) -> None:
        """Takes what the process's connections share."""
        self._site: Final = site
        self._turns: Final = site.turns
        self._transport: asyncio.Transport | None = None
        self._parser: Any = HttpRequestParser(self)
        self._request = Request()
        self._outgoing = b""
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._beginning = False
        self._awaits_body = self._in_head = False
        self._head_bytes = 0
        self._is_closing = self._is_last = False
        self._since = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or turn it away while there are as many as there may be."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._site.takes_another():
            self._transport.write(BUSY)
            self._transport.close()
            self._is_closing = True
            return
        self._site.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """Forget the connection, and whatever is still being answered on it.

        The parser holds this object, and this object the parser: let go of, both are gone at once.
        """
        self._site.leave(self)
        self._transport, self._outgoing = None, b""
        self._is_closing = True
        self._waiting.clear()
        self._request, self._parser = Request(), None
        if self._task is not None:
            # Not at once: what the task waits for is to begin before it can be told to end.
            asyncio.get_running_loop().call_soon(self._task.cancel)

    def data_received(self, data: bytes) -> None:
        """Keep what has arrived until it is this connection's turn."""
        self._turns.arrive(self, data)

    def eof_received(self) -> None:
        """Answer what has arrived of a client that sends no more, before the transport closes."""
        self._turns.take()

    def read(self, data: bytes) -> None:
        """Read what has arrived, and answer what is complete."""
        if self._is_closing or self._is_last:
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._leave_upgrade(data[upgrade.args[0] :])
        except HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST)
        else:
            if self._beginning and self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def pause_writing(self) -> None:
        """Read nothing more from a client that does not read its answers."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        if self._transport is not None:
            self._transport.resume_reading()

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._request = Request()
        self._beginning = self._in_head = True
        self._since = time.monotonic()

    def on_url(self, target: bytes) -> None:
        """Take a piece of the request's target."""
        self._request.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; blanks at its end are no part of it (RFC 9110, 5.5). A trailer is none (6.5.1)."""
        if self._in_head:
            self._request.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Answer the request, unless its answer needs the body; then let a client send it that asks first."""
        request = self._request
        request.complete(self._parser)
        self._in_head = False
        self._head_bytes = 0
        self._awaits_body = self._site.app.reads_body(request.method, request.path)
        if request.version not in VERSIONS:
            self._refuse(HTTPStatus.BAD_REQUEST)
        elif not self._awaits_body:
            self._take(request)
        elif (b"expect", b"100-continue") in request.headers:
            self._send(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, up to a byte more than any door reads."""
        self._head_bytes = 0
        room = MAX_BODY_BYTES - len(self._request.body)
        if room > 0:
            self._request.body += body[:room]

    def on_message_complete(self) -> None:
        """Answer a request whose answer needed the body."""
        self._beginning = False
        self._head_bytes = 0
        self._since = time.monotonic()
        if self._awaits_body and not self._is_closing and not self._parser.should_upgrade():
            self._take(self._request)

    def _leave_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 with a request that offers another protocol (RFC 9110, 7.8).

        For the parser such a request ends with its head. So one whose answer needs the body is read anew without the
        offer; any other was answered, or is being answered, and is the connection's last.
        """
        if not self._awaits_body:
            self._is_last = True
            return
        request, self._parser = self._request, HttpRequestParser(self)
        start = b"%b %b HTTP/%b" % (request.method, request.target, request.version.encode())
        lines = [name + b": " + value for name, value in request.headers if name != b"upgrade"]
        self.read(b"\r\n".join([start, *lines, b"", rest]))

    # --- answering ---

    def _take(self, request: Request) -> None:
        """Answer the request, or let it wait for the one before it."""
        if self._task is None and not self._waiting:
            self._answer(request)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(request)
        else:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS)

    def _answer(self, request: Request) -> None:
        if self._is_closing:
            return
        try:
            answer = self._site.app.answer(request)
        except Exception:  # noqa: BLE001 - the parser would make a 400 of it, and a fault is a 503
            log_fault()
            self._finish(request, None)
        else:
            if isinstance(answer, Answer):
                self._finish(request, answer)
            else:
                self._task = asyncio.ensure_future(self._go_through(request, answer))

    async def _go_through(self, request: Request, answering: Awaitable[Answer]) -> None:
        try:
            answer = await answering
        except Exception:  # noqa: BLE001 - nobody awaits this task, and a fault is a 503
            log_fault()
            answer = None
        self._task = None
        self._finish(request, answer)
        while self._waiting and self._task is None:
            self._answer(self._waiting.popleft())

    def _finish(self, request: Request, answer: Answer | None) -> None:
        """Write the answer, and close the connection if it is the last; without one, something went wrong."""
        if self._is_closing:
            return
        if answer is None:
            self._send(BUSY)
            self._close()
            return
        keep_alive = request.keep_alive and not (self._is_last or self._site.is_stopping)
        head = b"%b%b%b%bcontent-length: %d\r\n\r\n" % (
            status_line(answer.status),
            self._site.date_line,
            answer.head,
            b"" if keep_alive else LAST,
            len(answer.body),
        )
        self._send(head if request.method == HEAD else head + answer.body)
        if not keep_alive:
            self._close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what cannot be read as a request, and close.

        Where the request before it is still being answered, that answer is the last.
        """
        if self._task is not None:
            self._waiting.clear()
            self._is_last = True
            return
        if not self._is_closing:
            self._send(
                status_line(status)
                + self._site.date_line
                + b"content-length: 0\r\nconnection: close\r\n\r\n"
            )
        self._close()

    def _send(self, data: bytes) -> None:
        is_first, self._outgoing = not self._outgoing, self._outgoing + data
        if is_first:
            self._turns.change(self)

    def _close(self) -> None:
        self._is_closing = True
        self._turns.change(self)

    def write(self) -> None:
        """Write what is to go out, and close a connection that is at its end."""
        if self._transport is None:
            return
        if self._outgoing:
            self._transport.write(self._outgoing)
            self._outgoing = b""
        if self._is_closing:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once: closing would wait until whoever does not read has read all."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    def close_if_late(self, now: float) -> None:
        """Close the connection if its request has not arrived in time, or if it has been silent for long."""
        allowed = REQUEST_SECONDS if self._beginning else self._site.idle_seconds
        if self._task is None and now - self._since > allowed:
            self.abort()

    def close_if_done(self) -> None:
        """Close the connection unless it is being answered."""
        if self._task is None:
            self._close()


def log_fault() -> None:
    """Log that an application raised; the error's own text can hold what a caller sent, so it stays out."""
    logger.error("A request failed outside of its door.")


@cache
def status_line(status: int) -> bytes:
    """Give the first line of an answer."""
    return f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\n".encode()
