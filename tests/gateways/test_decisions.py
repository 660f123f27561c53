"""Behind each gateway a request gets the verifier's own answer, and the backend the verifier's own identity (P3)."""

import json

import pytest
from tests.fixtures.desk import wait_until_told
from tests.fixtures.gateways import exchange
from tests.gateways.conftest import DOORS

IDENTITY = {
    b"x-keydesk-account": b"acc_sinar",
    b"x-keydesk-username": b"sinarabadi",
    b"x-keydesk-product": b"disbursement",
    b"x-keydesk-key-id": b"key_good",
    b"x-keydesk-environment": b"live",
    b"x-keydesk-scopes": b"payout read",
}
TOLD = ("content-type", "cache-control", "www-authenticate", "retry-after")
NOBODYS = b"kd_live_" + b"0" * 49


def api_key(key, *, name=b"x-api-key"):
    return name + b": " + key.encode() + b"\r\n"


def told(answer):
    """Give what a client reads of a refusal: its status, its headers, and its problem without the request id."""
    body = json.loads(answer.text)
    body.pop("request_id", None)
    return answer.status, sorted(pair for pair in answer.pairs if pair[0] in TOLD), body


def directly(verifier, head):
    return exchange(
        verifier.port, b"GET /v1/authorize/disbursement HTTP/1.1\r\nHost: api\r\n" + head + b"\r\n"
    )


def test_a_good_key_passes_with_the_verifiers_identity_and_nothing_else(gateway, backend, keys):
    answer = gateway.ask(api_key(keys["good"]), path=b"/orders?page=2")
    [request] = backend.taken()
    assert (answer.status, answer.text) == (200, "backend")
    assert request.head.startswith(b"GET /orders?page=2 HTTP/1.1\r\n")
    ours = {name.lower(): value for name, value in request.lines if b"keydesk" in name.lower()}
    assert ours.pop(b"x-keydesk-request-id").startswith(b"req_")
    assert ours == IDENTITY
    assert "x-keydesk-code" not in answer.headers


@pytest.mark.parametrize("state", ["revoked", "foreign", "other", "nobody", "none"])
def test_a_refusal_reads_as_the_verifiers_own(gateway, backend, verifier, keys, state):
    known = {**keys, "nobody": NOBODYS.decode()}
    head = b"" if state == "none" else api_key(known[state])
    answer = gateway.ask(head)
    assert told(answer) == told(directly(verifier, head))
    assert answer.headers["x-keydesk-request-id"].startswith("req_")
    assert "x-keydesk-code" not in answer.headers
    assert backend.taken() == []


def test_a_refused_client_reads_the_request_id_in_the_problem_too(gateway, keys):
    answer = gateway.ask(api_key(keys["revoked"]))
    assert json.loads(answer.text)["request_id"] == answer.headers["x-keydesk-request-id"]


@pytest.mark.parametrize(
    "style", [b"x-api-key: %s", b"Authorization: Bearer %s", b"authorization: bEaReR %s"]
)
def test_the_credential_ends_at_the_gateway(gateway, backend, keys, style):
    key = keys["good"].encode()
    assert gateway.ask(style % key + b"\r\n").status == 200
    [request] = backend.taken()
    assert key not in request.head
    assert {b"authorization", b"x-api-key"} & {name.lower() for name, _ in request.lines} == set()


@pytest.mark.parametrize(
    "value", [b"Basic dXNlcjpwYXNz", b"Bearer eyJhbGciOi.kd_live_x", b"Digest a, b"]
)
def test_an_authorization_of_the_application_reaches_it(gateway, backend, keys, value):
    assert gateway.ask(api_key(keys["good"]) + b"Authorization: " + value + b"\r\n").status == 200
    [request] = backend.taken()
    assert [value for name, value in request.lines if name.lower() == b"authorization"] == [value]


def test_a_body_reaches_the_backend_whole_and_only_with_an_accepted_key(gateway, backend, keys):
    body = b"a" * 300_000
    length = b"Content-Length: %d\r\n" % len(body)
    accepted = gateway.ask(api_key(keys["good"]) + length, method=b"POST", body=body)
    refused = gateway.ask(api_key(keys["revoked"]) + length, method=b"POST", body=body)
    assert accepted.status == 200
    assert refused is None or refused.status == 401
    assert [request.body for request in backend.taken()] == [body]


def test_what_the_backend_refuses_is_the_backends_own_word(gateway, backend, keys):
    for status in (b"401", b"403", b"500", b"503"):
        backend.answer = b"HTTP/1.1 " + status + b" No\r\nContent-Length: 2\r\n\r\nmy"
        answer = gateway.ask(api_key(keys["good"]))
        assert (answer.status, answer.text) == (int(status), "my")


def test_an_identity_that_no_header_can_hold_is_an_outage_and_not_a_header(gateway, backend, keys):
    answer = gateway.ask(api_key(keys["unfit"]))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert json.loads(answer.text)["code"] == "unavailable"
    assert backend.taken() == []


def test_no_key_is_in_a_gateways_log(started, verifier, one_backend, keys):
    for name in DOORS:
        gateway = started(name, verifier=verifier.port, backend=one_backend.port)
        for key in (keys["good"], keys["revoked"]):
            for path in (b"/", b"/orders?api_key=" + key.encode()):
                for style in (b"x-api-key: %s\r\n", b"Authorization: Bearer %s\r\n"):
                    gateway.ask(style % key.encode(), path=path)
        gateway.stop()
        log = gateway.log.read_text()
        assert [key for key in keys.values() if key in log] == []
        assert name == "nginx" or "/orders" in log, f"{name} logs nothing"


@pytest.mark.parametrize("name", ["envoy", "haproxy"])
def test_a_refused_requests_id_is_in_the_gateways_log(name, started, verifier, one_backend, keys):
    gateway = started(name, verifier=verifier.port, backend=one_backend.port)
    told = gateway.ask(api_key(keys["revoked"])).headers["x-keydesk-request-id"]
    wait_until_told(gateway.log.read_text, told)


@pytest.mark.parametrize("name", DOORS)
def test_the_verifier_and_the_backend_can_be_named(name, started, verifier, backend, keys):
    gateway = started(name, verifier=verifier.port, backend=backend.port, host="localhost")
    assert gateway.ask(api_key(keys["good"])).status == 200
    assert len(backend.taken()) == 1
