"""What goes over the wire for each decision: whole headers and bodies."""

import json
import re
from http import HTTPStatus

import pytest
from tests.fixtures.rows import account, key

from keydesk.core.codes import CODES, Code
from keydesk.core.decide import Decision, UnfitIdentityError
from keydesk.gate import answers

DIGEST = bytes(32)
ACCEPTED = Decision(Code.OK, key(DIGEST), account())
IDENTITY = {
    b"x-keydesk-account": b"acc_sinar",
    b"x-keydesk-username": b"sinarabadi",
    b"x-keydesk-product": b"disbursement",
    b"x-keydesk-key-id": b"key_sinar1",
    b"x-keydesk-environment": b"live",
    b"x-keydesk-scopes": b"payout read",
    b"x-keydesk-request-id": b"req_1",
}
DECIDING = [code for code, info in CODES.items() if info.compat is not None]


def test_an_acceptance_is_200_with_the_whole_identity_and_no_body():
    answer = answers.accepted(ACCEPTED, "req_1")
    expected = {**IDENTITY, b"x-keydesk-code": b"ok", b"cache-control": b"no-store"}
    assert (answer.status, dict(answer.headers), answer.body) == (200, expected, b"")
    assert answer.head.count(b"\r\n") == len(expected)


def test_a_key_without_scopes_still_has_the_header():
    answer = answers.accepted(Decision(Code.OK, key(DIGEST, scopes=()), account()), "req_1")
    assert dict(answer.headers)[b"x-keydesk-scopes"] == b""


def test_an_acceptance_without_key_or_account_is_impossible():
    for decision in (
        Decision(Code.OK),
        Decision(Code.OK, key(DIGEST)),
        Decision(Code.OK, None, account()),
    ):
        with pytest.raises(UnfitIdentityError):
            answers.accepted(decision, "req_1")


def test_a_refusal_is_a_problem_with_its_code_and_request_id():
    answer = answers.refused(Code.WRONG_PRODUCT, "req_1")
    assert answer.status == 403
    assert dict(answer.headers) == {
        b"content-type": b"application/problem+json",
        b"x-keydesk-code": b"wrong_product",
        b"x-keydesk-request-id": b"req_1",
        b"cache-control": b"no-store",
    }
    assert json.loads(answer.body) == {
        "type": "urn:keydesk:code:wrong_product",
        "title": "The API key is for another product.",
        "status": 403,
        "code": "wrong_product",
        "request_id": "req_1",
    }


def test_malformed_and_unknown_keys_are_one_to_the_end_client_and_two_to_the_gateway():
    malformed, unknown = (
        answers.refused(code, "req_1") for code in (Code.KEY_MALFORMED, Code.KEY_UNKNOWN)
    )
    assert malformed.body == unknown.body
    assert json.loads(malformed.body)["code"] == "key_invalid"
    codes = [dict(answer.headers)[b"x-keydesk-code"] for answer in (malformed, unknown)]
    assert codes == [b"key_malformed", b"key_unknown"]


@pytest.mark.parametrize("code", [code for code in CODES if code is not Code.OK])
def test_every_401_carries_a_challenge_and_nothing_else_does(code):
    challenge = dict(answers.refused(code, "req_1").headers).get(b"www-authenticate")
    assert challenge == (b'Bearer realm="keydesk"' if CODES[code].status == 401 else None)


def test_an_unavailable_answer_says_when_to_ask_again():
    answer = answers.refused(Code.UNAVAILABLE, "req_1", retry_after=1)
    assert (answer.status, dict(answer.headers)[b"retry-after"]) == (503, b"1")


@pytest.mark.parametrize("code", DECIDING)
def test_a_verdict_has_the_exact_code_and_every_field(code):
    verdict = answers.verdict(Decision(code, key(DIGEST), account()), "req_1")
    answer = answers.decided(verdict, "req_1")
    assert answer.status == HTTPStatus.OK
    assert json.loads(answer.body) == {
        "accepted": code is Code.OK,
        "code": code,
        "status": CODES[code].status,
        "title": CODES[code].title,
        "request_id": "req_1",
        "retry_after": None,
        "account": "acc_sinar",
        "username": "sinarabadi",
        "product": "disbursement",
        "key_id": "key_sinar1",
        "environment": "live",
        "scopes": ["payout", "read"],
        "limits": [],
    }


def test_a_verdict_names_nobody_while_nothing_is_proven():
    verdict = answers.verdict(Decision(Code.KEY_UNKNOWN), "req_1")
    unproven = (
        verdict.account,
        verdict.username,
        verdict.product,
        verdict.key_id,
        verdict.environment,
        verdict.scopes,
    )
    assert unproven == (None,) * 6


def test_request_ids_have_one_form_and_do_not_repeat():
    first, second = answers.request_ids(), answers.request_ids()
    made = [make() for make in (first, second) for _ in range(5_000)]
    assert len(set(made)) == 10_000
    assert all(re.fullmatch(r"req_[0-9a-f]{20}", request_id) for request_id in made)
