"""Hostile requests byte for byte (security.md 3.3, P2): never 200, never 5xx, and never two readings.

401 is ours. 400 and 431 are the server's own, for requests that it does not hand on (decision 19): each of them is
named below, and everything else is a 401.
"""

import re
import socket
import time

import pytest
from tests.fixtures.hostile import doubled, line, misframed, misspelt, oversized

CONTROLS = (0x00, 0x01, 0x0B, 0x1F, 0x7F)
NOT_HTTP = {
    "a blank in the name",
    "an empty name",
    "folded",
    "folded at the end",
    "folded at the start",
    "a bare CR inside",
    "a bare LF inside",
    "two lengths",
}
TOO_MANY_LINES = {"100 times", "101 times", "1000 times"}


def expected(name):
    """Give the one status that a hostile request of this name gets."""
    if name in TOO_MANY_LINES:
        return 431
    is_control = name[:6] in {f"{byte:02x} at " for byte in CONTROLS}
    return 400 if is_control or name in NOT_HTTP else 401


@pytest.mark.parametrize("corpus", [doubled, misframed, misspelt, oversized])
def test_every_hostile_request_is_refused_with_its_one_status(verifier, keys, corpus):
    answers, slow = {}, []
    for name, head in corpus(keys["good"].encode()):
        started = time.perf_counter()
        answers[name] = verifier.raw(head).status
        slow += [name] if time.perf_counter() - started > 5 else []
    assert answers == {name: expected(name) for name in answers}
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
def test_after_two_lengths_for_one_body_the_connection_ends(verifier, keys, last):
    key = line(keys["good"].encode())
    lengths = [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]
    head = key + b"".join(reversed(lengths) if last else lengths)
    assert exchange(verifier, request(head) + b"0\r\n\r\n" + request(key)) == [200]
