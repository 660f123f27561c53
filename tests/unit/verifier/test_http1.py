"""The connection without a network: what is closed when, and that no fault of an application is ever a 200."""

import asyncio
import time

import pytest

from keydesk.gate.answers import Answer
from keydesk.verifier import http1
from keydesk.verifier.http1 import BUSY, Site

GET = b"GET /a?b HTTP/1.1\r\nHost: x\r\nX-One:  two \r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what was written."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.is_closed = self.is_paused = False

    def write(self, data):
        self.written += data

    def close(self):
        self.is_closed = True

    def pause_reading(self):
        self.is_paused = True

    def resume_reading(self):
        self.is_paused = False


FINE = Answer(200, b"x-a: 1\r\n", b"yes")


class Fine:
    """Answers at once, and keeps what it was asked."""

    asked = None

    def reads_body(self, method, _path):
        return method == b"POST"

    def answer(self, request):
        self.asked = request
        return FINE


class Failing(Fine):
    def answer(self, request):
        raise RuntimeError(request)


class Waiting(Fine):
    async def answer(self, request):
        await asyncio.sleep(0)
        return super().answer(request)


class FailingLater(Fine):
    async def answer(self, request):
        await asyncio.sleep(0)
        raise RuntimeError(request)


@pytest.fixture
def connect():
    def connect(app=None, *, most_connections=10):
        site = Site(app or Fine(), most_connections=most_connections)
        site.date_line = b"date: now\r\n"
        return site

    return connect


def opened(site):
    connection, wire = site.connect(), Wire()
    connection.connection_made(wire)
    return connection, wire


def test_an_answer_is_written_whole_and_the_connection_stays(connect):
    site = connect()
    connection, wire = opened(site)
    connection.data_received(GET)
    assert wire.written == (
        b"HTTP/1.1 200 OK\r\ndate: now\r\nx-a: 1\r\ncontent-length: 3\r\n\r\nyes"
    )
    asked = site.app.asked
    assert (asked.method, asked.path, asked.query) == (b"GET", b"/a", b"b")
    assert (asked.headers, asked.body) == ([(b"host", b"x"), (b"x-one", b"two")], b"")
    assert not wire.is_closed


@pytest.mark.parametrize("app", [Failing(), FailingLater()], ids=["at once", "later"])
def test_an_application_that_raises_is_503_and_never_a_400_and_not_quoted(connect, app, caplog):
    async def ask():
        connection, wire = opened(connect(app))
        connection.data_received(GET)
        for _ in range(10):
            await asyncio.sleep(0)
        return wire.written, wire.is_closed

    assert asyncio.run(ask()) == (BUSY, True)
    assert [record.getMessage() for record in caplog.records] == [
        "A request failed outside of its door."
    ]


def test_a_body_comes_in_pieces_and_of_one_too_large_only_a_byte_too_many_is_kept(connect):
    site = connect()
    connection, wire = opened(site)
    connection.data_received(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nsome")
    assert (wire.written, site.app.asked) == (b"", None)
    connection.data_received(b"thing")
    assert site.app.asked.body == b"something"
    connection.data_received(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(3):
        connection.data_received(b"7530\r\n" + b" " * 30_000 + b"\r\n")
    connection.data_received(b"0\r\n\r\n")
    assert site.app.asked.body == b" " * http1.MAX_BODY_BYTES


def test_one_connection_too_many_is_told_to_come_back_and_the_others_are_served(connect):
    site = connect(most_connections=1)
    first, first_wire = opened(site)
    extra, extra_wire = opened(site)
    extra.data_received(GET)
    assert (extra_wire.written, extra_wire.is_closed) == (BUSY, True)
    first.data_received(GET)
    assert first_wire.written.startswith(b"HTTP/1.1 200 OK\r\n")
    first.connection_lost(None)
    assert not opened(site)[1].is_closed


@pytest.mark.parametrize(
    ("sent", "seconds", "is_closed"),
    [
        (GET[:10], http1.REQUEST_SECONDS - 1, False),
        (GET[:10], http1.REQUEST_SECONDS + 1, True),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{", http1.REQUEST_SECONDS + 1, True),
        (GET, http1.REQUEST_SECONDS + 1, False),
        (GET, http1.IDLE_SECONDS + 1, True),
        (b"", http1.IDLE_SECONDS + 1, True),
    ],
)
def test_a_request_that_does_not_arrive_and_a_connection_that_nobody_uses_are_closed(
    connect, sent, seconds, is_closed
):
    connection, wire = opened(connect())
    if sent:
        connection.data_received(sent)
    connection.close_if_late(time.monotonic() + seconds)
    assert wire.is_closed is is_closed


def test_bytes_that_trickle_in_do_not_gain_time(connect):
    connection, wire = opened(connect())
    for byte in GET[:10]:
        connection.data_received(bytes([byte]))
    connection.close_if_late(time.monotonic() + http1.REQUEST_SECONDS + 1)
    assert wire.is_closed


def test_a_client_that_does_not_read_is_not_read_either(connect):
    connection, wire = opened(connect())
    connection.pause_writing()
    assert wire.is_paused
    connection.resume_writing()
    assert not wire.is_paused


def test_requests_wait_for_the_one_before_them_and_too_many_end_the_connection(connect):
    async def ask():
        connection, wire = opened(connect(Waiting()))
        connection.data_received(GET * 3)
        for _ in range(20):
            await asyncio.sleep(0)
        few = wire.written.count(b"HTTP/1.1 200 OK")
        connection.data_received(GET * (http1.MAX_WAITING + 2))
        return few, wire.written.count(b"429"), wire.is_closed

    assert asyncio.run(ask()) == (3, 1, True)


def test_a_stop_closes_idle_connections_and_lets_answers_come_to_their_end(connect):
    async def stop():
        released = asyncio.Event()

        class Held(Fine):
            async def answer(self, _):
                await released.wait()
                return FINE

        site = connect(Held())
        (_, idle), (busy, busy_wire) = opened(site), opened(site)
        busy.data_received(GET)
        await site.stop(seconds=0)
        before = (idle.is_closed, busy_wire.is_closed)
        released.set()
        for _ in range(10):
            await asyncio.sleep(0)
        return before, busy_wire.is_closed, b"connection: close" in busy_wire.written

    assert asyncio.run(stop()) == ((True, False), True, True)


def test_whoever_leaves_is_not_answered(connect):
    async def leave():
        connection, wire = opened(connect(Waiting()))
        connection.data_received(GET * 2)
        connection.connection_lost(None)
        for _ in range(10):
            await asyncio.sleep(0)
        return wire.written

    assert asyncio.run(leave()) == b""
