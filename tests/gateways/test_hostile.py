"""Whatever is malformed is decided behind a gateway as the verifier decides it, or refused by the gateway (P2)."""

import statistics
import time

import pytest
from tests.fixtures.gateways import exchange
from tests.fixtures.hostile import doubled, framed, misframed, misspelt, oversized

# nginx drops a line whose name has an underscore or a dot before anybody reads it, so to the verifier and to the
# backend alike it was never there.
DROPPED = {"nginx": (b"_", b".")}


def corpus(key):
    """Give name, lines and body of every malformed request."""
    for cases in (doubled, misframed, misspelt, oversized):
        yield from ((name, lines, b"") for name, lines in cases(key))
    yield from ((name, b"x-api-key: " + key + b"\r\n" + lines, body) for name, lines, body in framed(key))


def status_of(answer):
    return 400 if answer is None else answer.status


def directly(verifier, lines, body):
    path = b"POST /v1/authorize/disbursement HTTP/1.1\r\nHost: api\r\n"
    return status_of(exchange(verifier.port, path + lines + b"\r\n" + body, method=b"POST"))


def seen(gateway, lines):
    """Give the lines that anybody behind the gateway can see."""
    signs = DROPPED.get(gateway.name, ())
    kept = [
        line
        for line in lines.split(b"\r\n")
        if not any(sign in line.partition(b":")[0] for sign in signs)
    ]
    return b"\r\n".join(kept)


def test_no_malformed_request_is_read_in_two_ways(gateway, backend, verifier, keys):
    differing, slow, accepted = [], [], 0
    for name, lines, body in corpus(keys["good"].encode()):
        started = time.perf_counter()
        status = status_of(gateway.ask(lines, method=b"POST", body=body))
        slow.append(time.perf_counter() - started)
        decided = directly(verifier, seen(gateway, lines), body)
        accepted += status == 200
        if not (status == decided or 400 <= status < 500):
            differing.append((name, decided, status))
    assert differing == []
    assert len(backend.taken()) == accepted
    assert statistics.median(slow) < 0.05


def test_a_request_inside_a_body_is_never_one_of_its_own(gateway, backend, keys):
    for _, lines, body in framed(keys["good"].encode()):
        gateway.ask(b"x-api-key: " + keys["good"].encode() + b"\r\n" + lines, method=b"POST", body=body)
        assert [request for request in backend.taken() if b"/inner" in request.head] == []
