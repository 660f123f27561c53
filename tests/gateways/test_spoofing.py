"""No identity but the verifier's reaches a backend, however a client spells or places its own (P1, P4)."""

import re
from functools import cache

import pytest
from tests.fixtures.gateways import exchange_all
from tests.fixtures.spoofs import NAMES, spoofs, trailing
from tests.gateways.test_decisions import IDENTITY

FOLDED = bytes.maketrans(b"_.", b"--")
BEHIND_PROXIES = {
    f"{name} behind proxies": name for name in ("nginx", "envoy", "haproxy", "native")
}
LEAST_CASES = 500


def sift(request):
    """Give the identity that a request carries: its own names, and what some server folds into one of them."""
    lines = [(name.lower(), value) for name, value in request.lines]
    return [pair for pair in lines if pair[0].translate(FOLDED) in NAMES]


def judge(backend, answers):
    """Give what is wrong about the requests that reached the backend, after answers with these statuses."""
    reached, faults = backend.taken(), []
    for request in reached:
        identity = sift(request)
        known = {name: value for name, value in identity if name != b"x-keydesk-request-id"}
        is_whole = known == IDENTITY and len(identity) == len(IDENTITY) + 1
        is_split = re.search(rb"\r(?!\n)|(?<!\r)\n|\0", request.head)
        if not is_whole or is_split or b"mallory" in request.trailers:
            faults.append(request)
    strange = [status for status in answers if status not in {200, 400, 401, 403, 411, None}]
    return faults, strange, len(reached) - answers.count(200)


@pytest.fixture(scope="module")
def every_option(started, verifier, one_backend):
    """A function that gives a gateway with every option that bears on headers."""
    site = {"scopes": "payout", "trusted_proxies": ("127.0.0.0/8",)}
    return cache(
        lambda name: started(name, verifier=verifier.port, backend=one_backend.port, **site)
    )


@pytest.mark.parametrize("name", ["nginx", "envoy", "haproxy", "caddy", "native", *BEHIND_PROXIES])
def test_every_head_with_a_made_up_identity_arrives_without_it_or_not_at_all(
    by_name, every_option, backend, keys, name
):
    gateway = every_option(BEHIND_PROXIES[name]) if name in BEHIND_PROXIES else by_name(name)
    heads = list(spoofs(keys["good"].encode()))
    assert len(heads) >= LEAST_CASES
    answers = [getattr(gateway.ask(head), "status", None) for head in heads]
    assert judge(backend, answers) == ([], [], 0)
    assert answers.count(200) > len(heads) // 4


def test_an_identity_after_the_body_does_not_reach_the_backend(gateway, backend, keys):
    answers = [
        getattr(gateway.ask(head, method=b"POST", body=body), "status", None)
        for head, body in trailing(keys["good"].encode())
    ]
    assert judge(backend, answers) == ([], [], 0)


def test_over_http_2_no_made_up_identity_arrives_either(by_name, backend, keys):
    gateway = by_name("envoy")  # the only one that speaks it without TLS
    good = (b"x-api-key", keys["good"].encode())
    fields = [
        *[[(spelt, b"mallory")] for made in NAMES for spelt in (made, made.replace(b"-", b"_"))],
        *[[(made, b"mallory")] * 2 for made in NAMES],
        *[[(b"te", b"trailers"), (made, b"mallory")] for made in NAMES],
        # Envoy takes a second over each of these: it ends the connection.
        [(NAMES[0].upper(), b"mallory")],
        [(NAMES[0], b"mallory\r\nx-keydesk-account: mallory")],
        [(b"x-other", b"a\r\nx-keydesk-account: mallory")],
        [(b"connection", NAMES[0]), (NAMES[0], b"mallory")],
    ]
    answers = [gateway.ask_h2([good, *given]) for given in fields]
    answers += [
        gateway.ask_h2([good], body=b"hello", trailers=[(made, b"mallory")]) for made in NAMES
    ]
    assert judge(backend, answers) == ([], [], 0)


@pytest.mark.parametrize(
    "lines",
    [
        b"Connection: x-api-key\r\n",
        b"Connection: close, X-Api-Key\r\n",
        b"Connection: authorization, x-username\r\n",
        b"Connection: x-keydesk-client-address, x-keydesk-require-scopes\r\n",
        b"Connection: content-length\r\n",
        b"Connection: transfer-encoding\r\n",
        b"Connection: host, x-forwarded-for\r\n",
        b"Connection: keep-alive\r\nConnection: x-api-key\r\n",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n",
        b"Proxy-Connection: x-api-key\r\nKeep-Alive: x-api-key\r\n",
        b"TE: trailers, chunked\r\nConnection: TE\r\n",
        b"Proxy-Authorization: Basic eA==\r\n",
        b"Proxy: http://127.0.0.1:1\r\n",
    ],
)
def test_what_belongs_to_a_connection_ends_at_the_gateway_or_the_request_does(
    gateway, backend, keys, lines
):
    answer = gateway.ask(b"x-api-key: " + keys["good"].encode() + b"\r\n" + lines)
    reached = backend.taken()
    assert answer.status in {200, 400, 401, 403}
    assert len(reached) == (answer.status == 200)
    for request in reached:
        given = {name.lower(): value.lower() for name, value in request.lines}
        assert given.get(b"connection", b"keep-alive") in {b"keep-alive", b"close"}
        assert (
            given.keys() & {b"upgrade", b"http2-settings", b"proxy-connection", b"proxy"} == set()
        )
        assert {name: given.get(name) for name in IDENTITY} == IDENTITY


def test_no_method_opens_a_tunnel_past_the_gateway(gateway, backend, keys):
    good = b"x-api-key: " + keys["good"].encode() + b"\r\n"
    answer = gateway.ask(good, method=b"CONNECT", path=b"api:80")
    assert answer.status in {400, 404, 405}
    assert backend.taken() == []


def test_two_hosts_are_one_too_many(gateway, backend, keys):
    answer = gateway.ask(b"x-api-key: " + keys["good"].encode() + b"\r\nHost: other\r\n")
    assert answer.status in {400, 401}
    assert backend.taken() == []


def test_a_refused_head_request_leaves_the_next_one_on_its_connection_whole(gateway, backend, keys):
    head = b" / HTTP/1.1\r\nHost: api\r\nx-api-key: %s\r\n"
    refused = b"HEAD" + head % keys["revoked"].encode() + b"\r\n"
    accepted = b"GET" + head % keys["good"].encode() + b"Connection: close\r\n\r\n"
    received = exchange_all(gateway.port, refused + accepted)
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"401", b"200"]
    assert b"{" not in received
    assert received.endswith(b"\r\n\r\nbackend")
    assert len(backend.taken()) == 1
