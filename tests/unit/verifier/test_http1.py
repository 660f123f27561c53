"""The connection without a network: what is closed when, and that no fault of an application is ever a 200."""

import asyncio
import gc
import re
import time

import pytest
from tests.fixtures.answering import FINE, Fine

from keydesk.gate.answers import Answer
from keydesk.verifier import http1
from keydesk.verifier.http1 import BUSY, Site
from keydesk.verifier.turns import MAX_ARRIVED, Turns

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

    abort = close

    def pause_reading(self):
        self.is_paused = True

    def resume_reading(self):
        self.is_paused = False


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


def at_once(turn):
    turn()


@pytest.fixture
def connect():
    def connect(app=None, *, most_connections=10, soon=at_once, **options):
        turns = Turns(soon, between=lambda _: None)
        site = Site(app or Fine(), turns=turns, most_connections=most_connections, **options)
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


def test_what_arrived_together_is_answered_whole_before_the_first_answer_is_written(connect):
    events, turns = [], []

    class Telling(Fine):
        def answer(self, request):
            events.append("answered")
            return super().answer(request)

    class TellingWire(Wire):
        def write(self, data):
            events.append("written")
            super().write(data)

    site = connect(Telling(), soon=turns.append)
    wires = []
    for _ in range(3):
        connection, wire = site.connect(), TellingWire()
        connection.connection_made(wire)
        connection.data_received(GET + GET)
        wires.append(wire)
    assert (events, len(turns)) == ([], 1)
    turns.pop()()
    assert (events, turns) == (["answered"] * 6 + ["written"] * 3, [])
    assert [wire.written.count(b"HTTP/1.1 200 OK") for wire in wires] == [2, 2, 2]


def test_no_answer_waits_for_more_than_so_many_pieces(connect):
    site = connect(soon=lambda _: None, most_connections=MAX_ARRIVED + 1)
    wires = []
    for _ in range(MAX_ARRIVED + 1):
        connection, wire = opened(site)
        connection.data_received(GET)
        wires.append(wire)
    assert [bool(wire.written) for wire in wires] == [True] * MAX_ARRIVED + [False]


def test_after_a_round_it_is_told_once_how_many_pieces_arrived_in_it(connect):
    ends, rounds = [], []
    site = Site(Fine(), turns=Turns(ends.append, between=rounds.append), most_connections=1)
    connection, _wire = opened(site)
    for pieces in (2 * MAX_ARRIVED + 3, 1):
        for _ in range(pieces):
            connection.data_received(GET)
        assert len(ends) == 1
        ends.pop()()
    assert (rounds, ends) == ([2 * MAX_ARRIVED + 3, 1], [])


def test_a_client_that_sends_no_more_has_its_answer_before_the_transport_closes(connect):
    connection, wire = opened(connect(soon=lambda _: None))
    connection.data_received(GET)
    assert not connection.eof_received()
    assert wire.written.startswith(b"HTTP/1.1 200 OK\r\n")


def test_what_goes_wrong_at_one_connection_keeps_no_other_waiting(connect, monkeypatch, caplog):
    turns = []
    site = connect(soon=turns.append)
    (broken, broken_wire), (sound, wire) = opened(site), opened(site)
    read = http1.Connection.read

    def fail_for_one(connection, data):
        if connection is broken:
            raise MemoryError(data)
        read(connection, data)

    monkeypatch.setattr(http1.Connection, "read", fail_for_one)
    for connection in (broken, sound):
        connection.data_received(GET)
    turns.pop()()
    assert (broken_wire.written, broken_wire.is_closed) == (b"", True)
    assert (wire.written.count(b"HTTP/1.1 200 OK"), wire.is_closed) == (1, False)
    assert len(caplog.records) == 1
    assert caplog.text.count("serving it failed: MemoryError") == 1
    assert "GET" not in caplog.text


class Closed(Wire):
    """A transport that is closed already, and says so as uvloop's does."""

    def write(self, data):
        raise RuntimeError(data)


def test_a_connection_that_cannot_be_written_to_keeps_no_other_waiting_and_later_turns_come(
    connect, caplog
):
    turns = []
    site = connect(soon=turns.append)
    closed, (sound, wire) = site.connect(), opened(site)
    closed.connection_made(Closed())
    for _ in range(2):
        for connection in (closed, sound):
            connection.data_received(GET)
        turns.pop()()
    assert (wire.written.count(b"HTTP/1.1 200 OK"), wire.is_closed, turns) == (2, False, [])
    assert caplog.text.count("serving it failed: RuntimeError") == 1
    assert "GET" not in caplog.text


def test_an_answer_to_somebody_who_left_before_its_turn_is_not_written(connect, caplog):
    turns = []
    site = connect(soon=turns.append)
    connection = site.connect()
    connection.connection_made(Closed())
    connection.data_received(GET)
    connection.read(GET)
    connection.connection_lost(None)
    turns.pop()()
    connection.data_received(GET)
    assert (len(turns), caplog.records) == (1, [])


def test_answers_go_out_before_what_ends_the_connection(connect):
    connection, wire = opened(connect())
    connection.data_received(GET + GET + b"garbage\r\n\r\n" + GET)
    statuses = re.findall(rb"HTTP/1.1 (\d+)", wire.written)
    assert (statuses, wire.is_closed) == ([b"200", b"200", b"400"], True)


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
    counted = []
    site = connect(most_connections=1, turned_away=lambda: counted.append("one"))
    first, first_wire = opened(site)
    extra, extra_wire = opened(site)
    extra.data_received(GET)
    assert (extra_wire.written, extra_wire.is_closed, counted) == (BUSY, True, ["one"])
    first.data_received(GET)
    assert first_wire.written.startswith(b"HTTP/1.1 200 OK\r\n")
    first.connection_lost(None)
    assert not opened(site)[1].is_closed


def test_who_comes_while_the_process_ends_is_turned_away_and_not_counted_as_one_too_many(connect):
    counted = []
    site = connect(turned_away=lambda: counted.append("one"))
    asyncio.run(site.stop(seconds=0))
    _, wire = opened(site)
    assert (wire.written, wire.is_closed, counted) == (BUSY, True, [])


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


@pytest.fixture
def clock(monkeypatch):
    """The server's clock, which stands still until a test moves it on."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(http1, "time", clock)
    return clock


def test_bytes_that_trickle_in_do_not_gain_time(connect, clock):
    connection, wire = opened(connect())
    for byte in GET[: http1.REQUEST_SECONDS + 1]:
        assert not wire.is_closed
        connection.data_received(bytes([byte]))
        clock.now += 1
        connection.close_if_late(clock.now)
    assert wire.is_closed


def test_a_request_has_its_own_time_however_the_one_before_it_ended(connect, clock):
    connection, wire = opened(connect())
    connection.data_received(GET[:10])
    for _ in range(2 * http1.REQUEST_SECONDS):
        connection.data_received(GET[10:] + GET[:10])
        clock.now += 1
        connection.close_if_late(clock.now)
    assert (wire.is_closed, wire.written.count(b"HTTP/1.1 200 OK")) == (
        False,
        2 * http1.REQUEST_SECONDS,
    )


def test_a_client_that_does_not_read_is_not_read_either(connect):
    connection, wire = opened(connect())
    connection.pause_writing()
    assert wire.is_paused
    connection.resume_writing()
    assert not wire.is_paused


class Echoing(Waiting):
    """Answers later, with the path that it was asked."""

    async def answer(self, request):
        await asyncio.sleep(0)
        return Answer(200, b"", request.path)


def test_requests_wait_for_the_one_before_them(connect):
    async def ask():
        connection, wire = opened(connect(Echoing()))
        connection.data_received(b"".join(GET.replace(b"/a", b"/%d" % n) for n in range(3)))
        for _ in range(20):
            await asyncio.sleep(0)
        return re.findall(rb"\r\n\r\n(/\d)", wire.written), wire.is_closed

    assert asyncio.run(ask()) == ([b"/0", b"/1", b"/2"], False)


@pytest.mark.parametrize(
    "more", [GET * (http1.MAX_WAITING + 1), b"garbage\r\n\r\n"], ids=["too many", "garbage"]
)
def test_what_ends_a_connection_never_takes_the_place_of_an_answer_that_is_still_to_come(
    connect, more
):
    async def ask():
        connection, wire = opened(connect(Echoing()))
        connection.data_received(GET + more)
        for _ in range(20):
            await asyncio.sleep(0)
        return wire.written, wire.is_closed

    head = b"HTTP/1.1 200 OK\r\ndate: now\r\nconnection: close\r\ncontent-length: 2\r\n\r\n"
    assert asyncio.run(ask()) == (head + b"/a", True)


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


def test_a_body_is_read_whatever_other_protocol_its_request_offers(connect):
    site = connect()
    connection, wire = opened(site)
    connection.data_received(b"POST /a HTTP/1.1\r\n" + OFFER + b"Content-Length: 9\r\n\r\nsome")
    connection.data_received(b"thing" + GET)
    assert wire.written.count(b"HTTP/1.1 200 OK") == 2
    assert site.app.asked.path == b"/a"
    connection.data_received(b"POST /b HTTP/1.1\r\nContent-Length: 1\r\n" + OFFER + b"\r\nx")
    assert (site.app.asked.path, site.app.asked.body) == (b"/b", b"x")


def test_an_offer_of_another_protocol_ends_the_connection_with_its_answer(connect):
    async def ask(app):
        connection, wire = opened(connect(app))
        connection.data_received(GET[:-2] + OFFER + b"\r\n" + GET)
        for _ in range(10):
            await asyncio.sleep(0)
        return wire.written.count(b"200 OK"), b"connection: close" in wire.written, wire.is_closed

    assert [asyncio.run(ask(app)) for app in (Fine(), Waiting())] == [(1, True, True)] * 2


def test_a_trailer_is_no_header(connect):
    site = connect()
    connection, _ = opened(site)
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.data_received(head + b"1\r\nx\r\n0\r\nAuthorization: Bearer kds_live_0\r\n\r\n")
    assert site.app.asked.headers == [(b"transfer-encoding", b"chunked")]


def test_a_closed_connection_leaves_nothing_for_the_collector(connect):
    def connections():
        return sum(type(each) is http1.Connection for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        site, before = connect(), connections()
        for _ in range(10):
            connection, _ = opened(site)
            connection.data_received(GET)
            connection.connection_lost(None)
        del connection
        assert connections() == before
    finally:
        gc.enable()


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


def test_a_stop_answers_what_has_arrived(connect):
    async def stop():
        site = connect(soon=lambda _: None)
        connection, wire = opened(site)
        connection.data_received(GET)
        await site.stop(seconds=0)
        return wire.written, wire.is_closed

    written, is_closed = asyncio.run(stop())
    assert (written.count(b"200 OK"), b"connection: close" in written, is_closed) == (1, True, True)


def test_whoever_leaves_is_not_answered(connect):
    async def leave():
        connection, wire = opened(connect(Waiting()))
        connection.data_received(GET * 2)
        connection.connection_lost(None)
        for _ in range(10):
            await asyncio.sleep(0)
        return wire.written, len(asyncio.all_tasks())

    assert asyncio.run(leave()) == (b"", 1)
