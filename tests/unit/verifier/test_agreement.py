"""A3: whichever door asks, and however the credential is presented, a call gets the same decision.

Each question is asked of a gateway's door with both headers and of the services' door, over the same rows, with
limits that are counted afresh for each.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.asking import answered, request
from tests.fixtures.rows import (
    MemoryRows,
    MemoryStore,
    account,
    credential,
    entitlement,
    key,
    product,
)

from keydesk.core.codes import CODES, Code
from keydesk.core.digest import key_digester
from keydesk.core.gcra import EMPTY, spend
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import Environment
from keydesk.verifier.app import VerifierApp
from keydesk.verifier.doors import Doors
from keydesk.verifier.metrics import Tally

NOW = 1_800_000_000.0
DIGEST = key_digester(bytes(32))
KEY = KeyFormat("kd").mint(Environment.LIVE)
OTHER = KeyFormat("kd").mint(Environment.LIVE)
SERVICE = KeyFormat("kds").mint(Environment.LIVE)
BEARER = b"Bearer " + SERVICE.encode()

NETWORKS = st.sampled_from([(), ("203.0.113.0/24",), ("2001:db8::/32", "198.51.100.7")])
LIMITS = st.sampled_from([(), ("key:one=2/10s",), ("account:day=1/day", "key:one=5/1s")])
ROWS = st.builds(
    lambda **changed: changed,
    state=st.sampled_from(["ACTIVE", "ACTIVE", "ACTIVE", "REVOKED", "DISABLED", "RETIRING", "?"]),
    expires_at=st.sampled_from([None, None, int(NOW), int(NOW) + 1]),
    retires_at=st.sampled_from([None, int(NOW), int(NOW) + 1]),
    environment=st.sampled_from(["live", "live", "test"]),
    scopes=st.sampled_from([(), ("payout",), ("payout", "read")]),
    networks=NETWORKS,
    limits=LIMITS,
)
SITUATIONS = st.fixed_dictionaries(
    {
        "key": ROWS,
        "account": st.fixed_dictionaries(
            {
                "status": st.sampled_from(["APPROVED", "APPROVED", "SUSPENDED"]),
                "networks": NETWORKS,
            }
        ),
        "product": st.fixed_dictionaries(
            {
                "state": st.sampled_from(["ACTIVE", "ACTIVE", "STOPPED"]),
                "requires_username": st.booleans(),
                "lease_seconds": st.sampled_from([None, 5, 300]),
                "envelope": st.sampled_from(["problem", "compat"]),
                "limits": LIMITS,
            }
        ),
        "entitlement": st.fixed_dictionaries(
            {"state": st.sampled_from(["ENABLED", "ENABLED", "DISABLED"]), "limits": LIMITS}
        ),
        "age": st.sampled_from([0, 4, 6, 299, 301]),
    }
)
PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=70)
# What does not begin with the marker is a credential as x-api-key only, and the application's own as a bearer.
CREDENTIALS = st.one_of(
    st.sampled_from([KEY, KEY, KEY, KEY, OTHER, KEY[:-1], KEY + "0", KEY.lower(), "kd_live_"]),
    st.builds(lambda at, sign: KEY[:at] + sign + KEY[at + 1 :], st.integers(3, 56), PRINTABLE),
    PRINTABLE.map(lambda text: "kd_" + text),
)
QUESTIONS = st.fixed_dictionaries(
    {
        "key": CREDENTIALS,
        "product": st.sampled_from(["disbursement", "disbursement", "payment-link"]),
        "environment": st.sampled_from(["live", "live", "test"]),
        "username": st.sampled_from([None, "sinarabadi", "duasamudra"]),
        "address": st.sampled_from([None, "203.0.113.9", "198.51.100.7", "unknown", "10.0.0.1"]),
        "scopes": st.sampled_from([[], ["payout"], ["read", "payout"]]),
        "cost": st.sampled_from([1, 1, 2, 6]),
    }
)


class FreshLedger:
    """A ledger in which no call was ever counted."""

    def spend(self, buckets, *, cost, now):
        return spend(buckets, [EMPTY] * len(buckets), cost=cost, now=now)[0]


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    tally = Tally(tmp_path_factory.mktemp("tally"))

    def ask(rows, method, path, headers, body=b""):
        doors = Doors(
            "kd",
            DIGEST,
            store=MemoryStore(rows),
            ledger=FreshLedger(),
            tally=tally,
            clock=lambda: NOW,
        )
        return answered(VerifierApp(doors), request(method, path, headers, body=body))

    return ask


def rows_of(situation):
    return MemoryRows(
        [
            key(DIGEST(KEY), **situation["key"]),
            account(**situation["account"]),
            product(**situation["product"]),
            product(slug="payment-link"),
            entitlement(**situation["entitlement"]),
            entitlement(**situation["entitlement"], environment="test"),
            credential(DIGEST(SERVICE)),
        ],
        confirmed_at=NOW - situation["age"],
    )


def headers_of(question):
    """Give what a gateway adds to its client's headers."""
    given = {
        b"x-username": question["username"],
        b"x-keydesk-client-address": question["address"],
        b"x-keydesk-require-scopes": " ".join(question["scopes"]),
        b"x-keydesk-cost": str(question["cost"]),
    }
    return [(name, value.encode()) for name, value in given.items() if value is not None]


def told_by_service(answer):
    status, headers, body = answer
    if status == 503:
        return headers[b"x-keydesk-code"].decode(), int(headers[b"retry-after"]), None
    told = json.loads(body)
    return told["code"], told["retry_after"], told["key_id"] if told["accepted"] else None


def told_by_gateway(answer):
    _, headers, _ = answer
    retry_after = headers.get(b"retry-after")
    return (
        headers[b"x-keydesk-code"].decode(),
        None if retry_after is None else int(retry_after),
        headers.get(b"x-keydesk-key-id", b"").decode() or None,
    )


@settings(max_examples=400, deadline=None)
@given(SITUATIONS, QUESTIONS)
def test_every_door_and_both_headers_give_one_decision(ask, situation, question):
    rows = rows_of(situation)
    door = {"live": "authorize", "test": "authorize-test"}[question["environment"]]
    path = f"/v1/{door}/{question['product']}".encode()
    others, value = headers_of(question), question["key"].encode("latin-1")
    as_header = ask(rows, "GET", path, [(b"x-api-key", value), *others])
    as_bearer = ask(rows, "GET", path, [(b"authorization", b"Bearer " + value), *others])
    body = json.dumps(question).encode()
    as_service = ask(rows, "POST", b"/v1/verify", [(b"authorization", BEARER)], body)
    assert told_by_gateway(as_header) == told_by_gateway(as_bearer) == told_by_service(as_service)
    assert as_header[0] == as_bearer[0]
    assert as_header[0] == expected_status(as_header, situation, question)
    batch = json.dumps({"checks": [question]}).encode()
    many = json.loads(ask(rows, "POST", b"/v1/verify", [(b"authorization", BEARER)], batch)[2])
    assert many["decisions"][0]["code"] == told_by_gateway(as_header)[0]


def expected_status(answer, situation, question):
    """The status of the code, in the form that the product has for its refusals."""
    status = CODES[Code(told_by_gateway(answer)[0])].status
    is_compat = question["product"] == "disbursement" and (
        situation["product"]["envelope"] == "compat"
    )
    return 403 if is_compat and status == 401 else status


@pytest.mark.parametrize("place", ["path", "cookie", "body"])
@pytest.mark.parametrize("headers", [[], [(b"x-api-key", KEY[:-1].encode())]])
def test_a_key_anywhere_else_is_not_a_credential(ask, place, headers):
    rows = rows_of({"key": {}, "account": {}, "product": {}, "entitlement": {}, "age": 0})
    extra = [(b"cookie", b"x-api-key=" + KEY.encode())] if place == "cookie" else []
    body = KEY.encode() if place == "body" else b""
    path = b"/v1/authorize/disbursement" + (b"/" + KEY.encode() if place == "path" else b"")
    status, told, _ = ask(rows, "POST", path, [*headers, *extra], body)
    expected = b"key_malformed" if headers else b"key_missing"
    assert (status, told[b"x-keydesk-code"]) == (401, expected)
