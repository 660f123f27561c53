"""Whatever is malformed is decided behind a gateway as the verifier decides it, or refused by the gateway (P2)."""

import re
import statistics
import time

import pytest
from tests.fixtures.gateways import exchange
from tests.fixtures.hostile import CREDENTIALS, framed, line

# What a gateway mends before anybody reads it, as RFC 9112 allows to an intermediary: it joins a folded line (5.2),
# ends a line at a bare LF (2.2), reads one length that was written twice and none beside chunks (6.3), leaves out a
# bare CR, an empty length or a line without a name. The verifier and the backend see the same mended request, so it is
# accepted where the verifier alone refuses the bytes.
FOLDED = {"folded at the end", "folded before the value", "folded at the end by a blank"}
ENDED_BY_LF = {"a bare LF behind the value", "a bare LF and a line of its own"}
OF_HAPROXY = {*FOLDED, *ENDED_BY_LF, "two lengths in one"}
MENDED = {
    "nginx": {
        *ENDED_BY_LF,
        *{"a line without a colon", "a bare CR behind the value", "an encoding behind a bare LF"},
    },
    "envoy": {
        *{*FOLDED, "a bearer folded", "a folded encoding"},
        *{*ENDED_BY_LF, "an encoding behind a bare LF"},
        *{"a bare CR inside", "a bare CR before the value", "a bare CR behind the value"},
        "an encoding with a bare CR",
    },
    "haproxy": OF_HAPROXY,
    "native": OF_HAPROXY,
    "caddy": {
        *{*FOLDED, "a bearer folded", "a folded encoding"},
        *{*ENDED_BY_LF, "an encoding behind a bare LF"},
        *{"an empty name", "an empty length"},
        *{"a length and chunks", "chunks and a length", "no length and chunks"},
    },
}
# Caddy says 502 to a client whose body breaks off while it is passed on.
BROKEN_OFF = {
    "caddy": {
        *{"a bad chunk size", "a huge chunk size", "a negative chunk size", "a chunk size with 0x"},
        *{"a chunk longer than its size", "chunks ended by LF"},
    }
}
UNKNOWN_CODING = 501
"""What RFC 9112 (6.1) asks of a server that does not know a transfer coding."""


def corpus(key):
    """Give name, lines and body of every malformed request."""
    for cases in CREDENTIALS:
        for name, lines in cases(key):
            yield name, lines, b"0\r\n\r\n" if b"chunked" in lines else b""
    for name, lines, body in framed():
        yield name, line(key) + lines, body


def status_of(answer):
    return 400 if answer is None else answer.status


def directly(verifier, lines, body):
    path = b"POST /v1/authorize/disbursement HTTP/1.1\r\nHost: api\r\n"
    return status_of(exchange(verifier.port, path + lines + b"\r\n" + body, method=b"POST"))


def seen(gateway, lines):
    """Give the lines that anybody behind the gateway can see: nginx drops names with more than letters and hyphens."""
    if gateway.name != "nginx":
        return lines
    kept = [
        each for each in lines.split(b"\r\n") if not re.match(rb"[^:]*[_.\x80-\xff][^:]*:", each)
    ]
    return b"\r\n".join(kept)


def is_same(gateway, name, decided, status):
    """Say whether a gateway's status is the verifier's decision or a refusal of its own."""
    if name in BROKEN_OFF.get(gateway.name, ()):
        return status in {400, 502}
    if name in MENDED[gateway.name]:
        return status == 200
    return status in {decided, UNKNOWN_CODING} or 400 <= status < 500


@pytest.mark.alone
def test_no_malformed_request_is_read_in_two_ways(gateway, backend, verifier, keys):
    differing, seconds, accepted, reached = [], [], 0, []
    for name, lines, body in corpus(keys["good"].encode()):
        started = time.perf_counter()
        status = status_of(gateway.ask(lines, method=b"POST", body=body))
        seconds.append(time.perf_counter() - started)
        accepted += status == 200
        reached += backend.taken()
        decided = directly(verifier, seen(gateway, lines), body)
        if not is_same(gateway, name, decided, status):
            differing.append((name, decided, status))
    assert differing == []
    assert len(reached) == accepted
    assert [request for request in reached if b"/inner" in request.head] == []
    assert [
        request for request in reached if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", request.head)
    ] == []
    assert statistics.median(seconds) < 0.05
