"""While the verifier does not decide, a client reads 503 and passes again within a second of its end (P7)."""

import json
import socket
import time
from contextlib import contextmanager, suppress
from functools import cache

import pytest
from tests.fixtures.desk import free_ports, wait_until
from tests.fixtures.gateways import Backend
from tests.fixtures.verifier import RunningVerifier, fill, kill
from tests.gateways.conftest import GATEWAYS, RECORDS

NAMES = ("Account", "Username", "Product", "Key-Id", "Environment", "Scopes", "Request-Id")
ACCEPTANCE = b"".join(
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
        *(b"X-Keydesk-%s: real\r\n" % name.encode() for name in NAMES),
        b"\r\n",
    ]
)
EMPTY = b" x\r\nContent-Length: 0\r\n\r\n"
FAULTS = {
    "never answers": None,
    "500": b"HTTP/1.1 500" + EMPTY,
    "502": b"HTTP/1.1 502" + EMPTY,
    "503": b"HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Type: application/problem+json\r\n"
    b'Content-Length: 22\r\n\r\n{"code":"unavailable"}',
    "200 without an identity": b"HTTP/1.1 200" + EMPTY,
    "204": b"HTTP/1.1 204 x\r\n\r\n",
    "302": b"HTTP/1.1 302 x\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
    "404": b"HTTP/1.1 404" + EMPTY,
    "no HTTP": b"\x00\x01\x02\x03\r\n\r\n",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Le",
    "ends the connection": b"",
}
pytestmark = pytest.mark.alone

RECOVERY_SECONDS = 1
ANSWER_SECONDS = 1


class Faulty(Backend):
    """A verifier that answers whatever it is told to; anything else than a whole answer ends the connection."""

    def reply(self, request, stream):
        super().reply(request, stream)
        if self.answer not in (ACCEPTANCE, None) and b"\r\n\r\n" not in self.answer:
            raise ConnectionError


@pytest.fixture(scope="module")
def placed(started, one_backend):
    """A function that gives a gateway before a verifier of this module's own, and that verifier's port."""

    def place(name):
        port = free_ports(1)[0]
        return started(name, verifier=port, backend=one_backend.port), port

    return cache(place)


@pytest.fixture(params=GATEWAYS)
def place(request, placed):
    return placed(request.param)


def assert_outage(answer, backend):
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.text)["code"] == "unavailable"
    assert backend.taken() == []


def assert_recovery(gateway, backend, head=b"x-api-key: x\r\n"):
    started = time.monotonic()
    wait_until(
        lambda: gateway.ask(head).status == 200,
        seconds=RECOVERY_SECONDS,
        what=f"{gateway.name} recovers",
    )
    assert time.monotonic() - started < RECOVERY_SECONDS
    backend.taken()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_is_no_decision_is_an_outage(place, backend, fault):
    gateway, port = place
    verifier = Faulty(ACCEPTANCE, port=port)
    try:
        assert_recovery(gateway, backend)
        verifier.answer = FAULTS[fault]
        started = time.monotonic()
        assert_outage(gateway.ask(b"x-api-key: x\r\n"), backend)
        assert time.monotonic() - started < ANSWER_SECONDS
        verifier.answer = ACCEPTANCE
        assert_recovery(gateway, backend)
    finally:
        verifier.stop()


@contextmanager
def full(port):
    """A socket that takes no connection any more, as that of an overloaded verifier does."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect(("127.0.0.1", port))
        yield
        for each in waiting:
            each.close()


def test_a_verifier_that_is_down_or_overloaded_is_an_outage(place, backend):
    gateway, port = place
    assert_outage(gateway.ask(b"x-api-key: x\r\n"), backend)
    with full(port):
        assert_outage(gateway.ask(b"x-api-key: x\r\n"), backend)
    verifier = Faulty(ACCEPTANCE, port=port)
    try:
        assert_recovery(gateway, backend)
    finally:
        verifier.stop()
    assert_outage(gateway.ask(b"x-api-key: x\r\n"), backend)


def test_a_killed_verifier_is_an_outage_everywhere_until_it_runs_again(
    started, backend, keys, tmp_path
):
    fill(tmp_path / "replica", RECORDS)
    good = b"x-api-key: " + keys["good"].encode() + b"\r\n"
    with RunningVerifier(tmp_path) as verifier:
        gateways = [
            started(name, verifier=verifier.port, backend=backend.port) for name in GATEWAYS
        ]
        for gateway in gateways:
            assert_recovery(gateway, backend, good)
        for pid in [verifier.process.pid, *verifier.workers()]:
            kill(pid)
    for gateway in gateways:
        for _ in range(3):
            assert_outage(gateway.ask(good), backend)
    with RunningVerifier(tmp_path, VERIFIER_PORT=verifier.port):
        for gateway in gateways:
            assert_recovery(gateway, backend, good)
