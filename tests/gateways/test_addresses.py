"""The verifier is told the address that the gateway itself sees, or the one that a proxy it trusts saw (P5)."""

from functools import cache

import pytest
from tests.fixtures.gateways import Backend
from tests.gateways.test_decisions import api_key
from tests.gateways.test_outages import ACCEPTANCE

TRUSTED = "127.0.0.9"
CLIENT = "198.51.100.7"
FORGED = [
    b"X-Forwarded-For: 127.0.0.2\r\n",
    b"X-Forwarded-For: 127.0.0.2, 127.0.0.2\r\n" * 2,
    b"X-Forwarded-For: " + b", ".join([b"127.0.0.2"] * 100) + b"\r\n",
    b"X-Forwarded-For: nonsense\r\n",
    b"X-Forwarded-For: \r\n",
    b"X-Forwarded-For: 127.0.0.2:80, [::1]:80, unknown, _hidden\r\n",
    b"X-Real-IP: 127.0.0.2\r\n",
    b"Forwarded: for=127.0.0.2\r\n",
    b"True-Client-IP: 127.0.0.2\r\nCF-Connecting-IP: 127.0.0.2\r\n",
    b"X-Original-URI: /open\r\nX-Original-URL: /open\r\nX-Rewrite-URL: /open\r\n",
    b"X-Envoy-External-Address: 127.0.0.2\r\nX-Envoy-Original-Path: /open\r\n",
    b"X-Keydesk-Client-Address: 127.0.0.2\r\n",
    b"x-keydesk-client-address: 127.0.0.2\r\n" * 2,
    b"X-Keydesk-Client-Address: 127.0.0.2\r\nConnection: X-Keydesk-Client-Address\r\n",
    b"X_Keydesk_Client_Address: 127.0.0.2\r\n",
    b"X.Keydesk.Client.Address: 127.0.0.2\r\n",
]


@pytest.mark.parametrize("forged", FORGED)
def test_an_allow_list_counts_by_the_connection_whatever_a_client_says(
    gateway, backend, keys, forged
):
    listed = api_key(keys["listed"])
    assert gateway.ask(listed, source="127.0.0.2").status == 200
    refused = gateway.ask(listed + forged)
    assert refused.status in {400, 403}
    inside = gateway.ask(listed + forged, source="127.0.0.2")
    assert inside.status in {refused.status, 200}
    assert len(backend.taken()) == 1 + (inside.status == 200)


@pytest.fixture(scope="module")
def listening():
    """A verifier that accepts everything and keeps what it was asked."""
    verifier = Backend(ACCEPTANCE)
    yield verifier
    verifier.stop()


@pytest.fixture(scope="module")
def behind_proxies(started, listening, one_backend):
    """A function that gives a gateway which trusts one proxy, before the verifier that keeps its questions."""
    site = {"backend": one_backend.port, "trusted_proxies": (TRUSTED,)}
    return cache(lambda name: started(name, verifier=listening.port, **site))


def told(listening):
    """Give each address that the verifier was told since the last time."""
    return [
        [
            value.decode()
            for name, value in request.lines
            if name.lower() == b"x-keydesk-client-address"
        ]
        for request in listening.taken()
    ]


@pytest.mark.parametrize("name", ["nginx", "envoy", "haproxy"])
@pytest.mark.parametrize(
    ("forwarded", "source", "address"),
    [
        (CLIENT, TRUSTED, CLIENT),
        (f"203.0.113.1, {CLIENT}", TRUSTED, CLIENT),
        ("2001:db8::7", TRUSTED, "2001:db8::7"),
        (CLIENT, "127.0.0.1", "127.0.0.1"),
        (f"{CLIENT}, {TRUSTED}", "127.0.0.1", "127.0.0.1"),
        ("nonsense", TRUSTED, TRUSTED),
        (f"{CLIENT}, nonsense", TRUSTED, TRUSTED),
        (None, TRUSTED, TRUSTED),
    ],
)
def test_a_trusted_proxy_says_who_its_client_is(
    behind_proxies, listening, name, forwarded, source, address
):
    line = b"" if forwarded is None else b"X-Forwarded-For: " + forwarded.encode() + b"\r\n"
    assert behind_proxies(name).ask(line, source=source).status == 200
    assert told(listening) == [[address]]


@pytest.mark.parametrize("name", ["nginx", "envoy", "haproxy"])
def test_a_chain_of_a_hundred_proxies_names_the_client_or_the_trusted_proxy(
    behind_proxies, listening, name
):
    chain = ", ".join(["203.0.113.1"] * 99 + [CLIENT]).encode()
    behind_proxies(name).ask(b"X-Forwarded-For: " + chain + b"\r\n", source=TRUSTED)
    # Envoy gives up on so many.
    assert told(listening) == [[TRUSTED if name == "envoy" else CLIENT]]


def test_the_verifier_is_told_everything_that_a_gateway_sets_and_nothing_of_a_clients(
    behind_proxies, listening
):
    forged = b"X-Keydesk-Gateway: nginx\r\nX-Keydesk-Cost: 0\r\nX-Keydesk-Require-Scopes: none\r\n"
    asked = {}
    for name in ("nginx", "envoy", "haproxy"):
        behind_proxies(name).ask(forged + b"x-username: sinarabadi\r\n")
        [request] = listening.taken()
        lines = [(each.lower(), value) for each, value in request.lines]
        asked[name] = sorted(
            pair for pair in lines if b"keydesk" in pair[0] or pair[0] == b"x-username"
        )
        assert request.head.startswith(b"GET /v1/authorize/disbursement")
    address, username = (b"x-keydesk-client-address", b"127.0.0.1"), (b"x-username", b"sinarabadi")
    assert asked == {
        "nginx": [address, (b"x-keydesk-gateway", b"nginx"), username],
        "envoy": [address, username],
        "haproxy": [address, username],
    }
