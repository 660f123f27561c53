"""Hostile requests byte for byte (security.md 3.3, P2): never 200, never 5xx, and never two readings.

401 is a decision. 400 is for what cannot be read as HTTP (decision 19): four kinds of cases, and what is named below
of the others.
"""

import re
import socket
import time

import pytest
from tests.fixtures.hostile import CREDENTIALS, NOT_HTTP, line

CONTROLS = (0x00, 0x01, 0x0B, 0x1F, 0x7F)
NOR_THESE = {"both lengths", "in two bytes each", *(f"{byte:02x}" for byte in CONTROLS)}


def expected(corpus, name):
    """Give the one status that a hostile request of this name gets."""
    is_http = corpus not in NOT_HTTP and name.partition(" at ")[0] not in NOR_THESE
    return 401 if is_http else 400


@pytest.mark.parametrize("corpus", CREDENTIALS)
def test_every_hostile_request_is_refused_with_its_one_status(verifier, keys, corpus):
    answers, slow = {}, []
    for name, head in corpus(keys["good"].encode()):
        started = time.perf_counter()
        answers[name] = verifier.raw(head).status
        slow += [name] if time.perf_counter() - started > 5 else []
    assert answers == {name: expected(corpus, name) for name in answers}
    assert slow == []
    assert verifier.authorize(keys["good"]).status == 200


@pytest.mark.parametrize("blank", [b" ", b"\t", b" \t "])
def test_blanks_around_a_value_belong_to_http_and_not_to_it(verifier, keys, blank):
    key = keys["good"].encode()
    assert verifier.raw(line(blank + key + blank)).status == 200
    bearer = line(b"Bearer " + key + blank, b"Authorization")
    assert verifier.raw(bearer).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/v1/authorize/disbursement/..%2f..%2fadmin", 200),
        (b"/v1/authorize/disbursement/../../../etc/passwd", 200),
        (b"/v1/authorize/disbursement/../payout", 200),
        (b"/v1/authorize/disbursement?product=payout", 200),
        (b"/v1/authorize/payout/../disbursement", 403),
        (b"/v1/authorize/./disbursement", 403),
        (b"/v1/authorize/%64isbursement", 403),
        (b"/v1/authorize//disbursement", 403),
        (b"/v1/authorize/disbursement\\x", 403),
        (b"/v1/Authorize/disbursement", 404),
        (b"//v1/authorize/disbursement", 404),
    ],
)
def test_a_path_is_read_as_it_was_sent(verifier, keys, path, status):
    answer = verifier.raw(line(keys["good"].encode()), path=path)
    assert answer.status == status


def exchange(verifier, sent):
    """Send bytes, and give every answer's status until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", verifier.port), timeout=10) as opened:
        opened.sendall(sent)
        received = b"".join(iter(lambda: opened.recv(65536), b""))
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


def request(head, *, method=b"POST", path=b"/v1/authorize/disbursement"):
    return method + b" " + path + b" HTTP/1.1\r\nHost: api\r\n" + head + b"\r\n"


def test_a_request_inside_a_body_that_nobody_reads_stays_a_body(verifier, keys):
    key = line(keys["good"].encode())
    inner = request(b"", path=b"/inner")
    last = request(b"Connection: close\r\n", method=b"GET", path=b"/livez")
    sent = request(key + b"Content-Length: %d\r\n" % len(inner)) + inner + last
    assert exchange(verifier, sent) == [200, 200]


@pytest.mark.parametrize("last", [False, True], ids=["length first", "length last"])
def test_two_lengths_for_one_body_are_refused_and_end_the_connection(verifier, keys, last):
    key = line(keys["good"].encode())
    lengths = [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]
    head = key + b"".join(reversed(lengths) if last else lengths)
    assert exchange(verifier, request(head) + b"0\r\n\r\n" + request(key)) == [400]


def test_requests_sent_at_once_are_answered_one_by_one_in_their_order(verifier, keys, service):
    key = line(keys["good"].encode())
    bearer = line(b"Bearer " + service.encode(), b"Authorization")
    asked = b'{"key": null, "product": "p"}'
    verify = request(bearer + b"Content-Length: %d\r\n" % len(asked), path=b"/v1/verify") + asked
    sent = [
        request(key, method=b"GET"),
        verify,
        request(b"", method=b"GET"),
        verify,
        request(key + b"Connection: close\r\n", method=b"GET"),
    ]
    assert exchange(verifier, b"".join(sent)) == [200, 200, 401, 200, 200]


@pytest.mark.parametrize("step", [1, 7, 64])
def test_a_request_in_pieces_is_the_same_request(verifier, keys, service, step):
    bearer = line(b"Bearer " + service.encode(), b"Authorization")
    body = b'{"key": "%s", "product": "disbursement"}' % keys["good"].encode()
    head = bearer + b"Transfer-Encoding: chunked\r\nConnection: close\r\n"
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    sent = request(head, path=b"/v1/verify") + chunks
    with socket.create_connection(("127.0.0.1", verifier.port), timeout=10) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(0, len(sent), step):
            opened.sendall(sent[place : place + step])
        received = b"".join(iter(lambda: opened.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"code":"ok"' in received


def test_a_client_that_asks_before_it_sends_a_body_is_let_go_on(verifier, service):
    bearer = line(b"Bearer " + service.encode(), b"Authorization")
    body = b'{"key": null, "product": "p"}'
    head = bearer + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n" % len(
        body
    )
    with socket.create_connection(("127.0.0.1", verifier.port), timeout=10) as opened:
        opened.sendall(request(head, path=b"/v1/verify"))
        assert opened.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(body)
        assert b"key_missing" in b"".join(iter(lambda: opened.recv(65536), b""))


@pytest.mark.parametrize(
    ("first", "statuses"),
    [
        (b"GET http://api.example.com/v1/authorize/disbursement HTTP/1.1\r\nConnection: close\r\n", [200]),
        (b"GET /v1/authorize/disbursement HTTP/1.0\r\n", [200]),
        (b"OPTIONS * HTTP/1.1\r\nConnection: close\r\n", [404]),
        (b"GET /v1/authorize/disbursement HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n", [200]),
        (b"GET /v1/authorize/disbursement HTTP/2.0\r\n", [400]),
        (b"GET /v1/authorize/disbursement\r\n", [400]),
        (b"\x16\x03\x01\x02\x00\x01\x00", [400]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    ],
)  # fmt: skip
def test_each_kind_of_request_line_has_its_one_answer(verifier, keys, first, statuses):
    sent = first + b"Host: api\r\n" + line(keys["good"].encode()) + b"\r\n"
    assert exchange(verifier, sent) == statuses


def test_a_head_without_end_is_cut_off(verifier):
    with socket.create_connection(("127.0.0.1", verifier.port), timeout=10) as opened:
        opened.sendall(b"GET / HTTP/1.1\r\nx-padding: ")
        received = b""
        try:
            for _ in range(64):
                opened.sendall(b"a" * 65536)
            received = opened.recv(65536)
        except ConnectionError:
            pass
    assert received == b"" or received.startswith(b"HTTP/1.1 431 ")
    assert verifier.get("/livez").status == 200
