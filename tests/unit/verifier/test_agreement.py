"""A3: whichever door asks, and however the credential is presented, a call gets the same decision.

Each question is asked of a gateway's door with both headers and of the services' door, over the same rows, with
limits that are counted afresh for each.
"""

import json

import pytest
from hypothesis import given, settings
from tests.fixtures.asking import answered, request
from tests.fixtures.situations import (
    KEY,
    QUESTIONS,
    SERVICE,
    SITUATIONS,
    doors_over,
    headers_of,
    rows_of,
)

from keydesk.core.codes import CODES, Code
from keydesk.verifier.app import VerifierApp
from keydesk.verifier.metrics import Tally

BEARER = b"Bearer " + SERVICE.encode()


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    tally = Tally(tmp_path_factory.mktemp("tally"))

    def ask(rows, method, path, headers, body=b""):
        doors = doors_over(rows, tally)
        return answered(VerifierApp(doors), request(method, path, headers, body=body))

    return ask


def told_by_service(answer):
    status, headers, body = answer
    if status == 503:
        return headers[b"x-keydesk-code"].decode(), int(headers[b"retry-after"]), None
    told = json.loads(body)
    return told["code"], told["retry_after"], told["key_id"] if told["accepted"] else None


def told_first(answer):
    """Give the code of the first decision of a batch; where the whole was a fault, that one's."""
    status, headers, body = answer
    if status == 503:
        return headers[b"x-keydesk-code"].decode()
    return json.loads(body)["decisions"][0]["code"]


def told_by_gateway(answer):
    _, headers, _ = answer
    retry_after = headers.get(b"retry-after")
    return (
        headers[b"x-keydesk-code"].decode(),
        None if retry_after is None else int(retry_after),
        headers.get(b"x-keydesk-key-id", b"").decode() or None,
    )


@settings(settings.get_profile("agreement"))
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
    many = ask(rows, "POST", b"/v1/verify", [(b"authorization", BEARER)], batch)
    assert told_first(many) == told_by_gateway(as_header)[0]


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


@pytest.mark.parametrize(
    "unfit",
    [
        {"key": {"id": "key_sinar1\r\nx-keydesk-account: acc_other"}},
        {"key": {"scopes": ("payout", "réad")}},
        {"account": {"username": "sinár"}},
        {"account": {"username": "a" * 257}},
    ],
)
def test_whom_a_header_cannot_name_no_door_accepts(ask, unfit):
    rows = rows_of({"key": {}, "account": {}, "product": {}, "entitlement": {}, "age": 0, **unfit})
    in_header = [(b"x-api-key", KEY.encode())]
    check = {"key": KEY, "product": "disbursement"}
    answers = [
        ask(rows, "GET", b"/v1/authorize/disbursement", in_header),
        ask(rows, "GET", b"/v1/whoami", in_header),
        *(
            ask(
                rows, "POST", b"/v1/verify", [(b"authorization", BEARER)], json.dumps(body).encode()
            )
            for body in (check, {"checks": [check]})
        ),
    ]
    told = [
        (status, headers[b"x-keydesk-code"], headers[b"retry-after"])
        for status, headers, _ in answers
    ]
    assert told == [(503, b"unavailable", b"1")] * 4
