"""Rows 1 to 6 of the contract over real sockets: status, code, headers and body, at both doors."""

import json

import pytest

from keydesk.core.codes import CODES, Code

IDENTITY = {
    "x-keydesk-account": "acc_sinar",
    "x-keydesk-username": "sinarabadi",
    "x-keydesk-product": "disbursement",
    "x-keydesk-key-id": "key_good",
    "x-keydesk-environment": "live",
    "x-keydesk-scopes": "payout read",
}
ASKED = [
    ("good", "disbursement", {}, Code.OK),
    ("revoked", "disbursement", {}, Code.KEY_REVOKED),
    ("disabled", "disbursement", {}, Code.KEY_DISABLED),
    ("expired", "disbursement", {}, Code.KEY_EXPIRED),
    ("retired", "disbursement", {}, Code.KEY_EXPIRED),
    ("named", "payout", {"x-username": "sinarabadi"}, Code.OK),
    ("named", "payout", {}, Code.USERNAME_MISMATCH),
    ("named", "payout", {"x-username": "duasamudra"}, Code.USERNAME_MISMATCH),
    ("foreign", "disbursement", {}, Code.ACCOUNT_INACTIVE),
    ("good", "payout", {"x-username": "sinarabadi"}, Code.WRONG_PRODUCT),
    ("good", "nothing", {}, Code.WRONG_PRODUCT),
    ("test", "disbursement", {}, Code.WRONG_ENVIRONMENT),
    ("stopped", "stopped", {}, Code.PRODUCT_NOT_ENABLED),
    ("requested", "requested", {}, Code.PRODUCT_NOT_ENABLED),
]
STYLES = [
    lambda key: {"x-api-key": key},
    lambda key: {"X-API-KEY": key},
    lambda key: {"authorization": f"Bearer {key}"},
    lambda key: {"Authorization": f"bEARER {key}"},
    lambda key: {"x-api-key": key, "authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
]


@pytest.mark.parametrize(("name", "product", "headers", "code"), ASKED)
def test_a_gateway_and_a_service_get_the_same_code(
    verifier, keys, service, name, product, headers, code
):
    answer = verifier.authorize(keys[name], f"/v1/authorize/{product}", **headers)
    assert (answer.status, answer.headers["x-keydesk-code"]) == (CODES[code].status, code)
    question = {"key": keys[name], "product": product, "username": headers.get("x-username")}
    told = json.loads(verifier.verify(service, question).text)
    expected = (CODES[code].status, code, code is Code.OK)
    assert (told["status"], told["code"], told["accepted"]) == expected


@pytest.mark.parametrize("style", range(len(STYLES)))
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PURGE"])
def test_an_accepted_request_gets_exactly_200_and_the_whole_identity(verifier, keys, style, method):
    answer = verifier.ask(method, "/v1/authorize/disbursement", STYLES[style](keys["good"]))
    assert (answer.status, answer.text) == (200, "")
    assert {**answer.headers, **IDENTITY} == answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-keydesk-request-id"].startswith("req_")


def test_head_decides_too_and_has_no_body(verifier, keys):
    for key, status in ((keys["good"], 200), ("kd_live_0", 401)):
        answer = verifier.ask("HEAD", "/v1/authorize/disbursement", {"x-api-key": key})
        assert (answer.status, answer.text) == (status, "")


def test_the_test_door_takes_test_keys_only(verifier, keys):
    path = "/v1/authorize-test/disbursement"
    assert verifier.authorize(keys["test"], path).status == 200
    assert verifier.authorize(keys["good"], path).headers["x-keydesk-code"] == "wrong_environment"


def test_a_body_is_not_read_to_decide(verifier, keys):
    head = b"x-api-key: " + keys["good"].encode() + b"\r\nContent-Length: 1000000\r\n"
    assert verifier.raw(head, method=b"POST").status == 200


@pytest.mark.parametrize(
    ("key", "code"), [(None, "key_missing"), ("", "key_malformed"), ("kd_live_0", "key_malformed")]
)
def test_row_one_is_a_problem_with_a_challenge(verifier, key, code):
    answer = verifier.get("/v1/authorize/disbursement", {} if key is None else {"x-api-key": key})
    public = "key_missing" if code == "key_missing" else "key_invalid"
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="keydesk"')
    assert answer.headers["x-keydesk-code"] == code
    assert json.loads(answer.text) == {
        "type": f"urn:keydesk:code:{public}",
        "title": CODES[Code(code)].title,
        "status": 401,
        "code": public,
        "request_id": answer.headers["x-keydesk-request-id"],
    }


def test_unknown_and_malformed_keys_look_the_same_to_the_end_client(verifier):
    unknown = verifier.authorize("kd_live_" + "0" * 43 + "23vm2K")
    malformed = verifier.authorize("kd_live_" + "0" * 43 + "23vm2L")
    codes = [answer.headers["x-keydesk-code"] for answer in (unknown, malformed)]
    assert codes == ["key_unknown", "key_malformed"]
    bodies = [json.loads(answer.text) for answer in (unknown, malformed)]
    for body in bodies:
        del body["request_id"]
    assert bodies[0] == bodies[1]


def test_a_batch_of_a_hundred_is_decided_in_one_answer(verifier, keys, service):
    codes = {name: code for name, product, _, code in ASKED if product == "disbursement"}
    asked = (list(codes) * 100)[:100]
    checks = [{"key": keys[name], "product": "disbursement"} for name in asked]
    decisions = json.loads(verifier.verify(service, {"checks": checks}).text)["decisions"]
    assert [each["code"] for each in decisions] == [codes[name] for name in asked]


@pytest.mark.parametrize(
    "body", ["", "{}", "[" * 60_000, '{"key":"a","key":"b","product":"p"}', " " * 65_537], ids=len
)
def test_a_body_that_asks_nothing_is_400(verifier, service, body):
    headers = {"authorization": f"Bearer {service}"}
    answer = verifier.ask("POST", "/v1/verify", headers, body=body)
    assert (answer.status, json.loads(answer.text)["code"]) == (400, "invalid_input")


def test_a_service_needs_a_service_credential(verifier, keys, service):
    question = {"key": keys["good"], "product": "disbursement"}
    for credential in (keys["good"], service[:-1], "", "kds_live_" + "0" * 49):
        answer = verifier.verify(credential, question)
        refusal = (answer.status, answer.headers["x-keydesk-code"])
        assert refusal == (401, "service_credential_invalid")
        assert answer.headers["www-authenticate"] == 'Bearer realm="keydesk"'
    assert verifier.authorize(service).status == 401


@pytest.mark.parametrize("product", ["x" * 400, "x" * 600, "x" * 8000, "%00", "%F0%9F%98%80", ".."])
def test_a_product_of_any_length_and_spelling_is_only_the_wrong_one(
    verifier, keys, service, product
):
    answer = verifier.authorize(keys["good"], f"/v1/authorize/{product}")
    assert answer.headers["x-keydesk-code"] == "wrong_product"
    for text in (product, "\0", "😀" * 5000):
        told = verifier.verify(service, {"key": keys["good"], "product": text}).text
        assert json.loads(told)["code"] == "wrong_product"


def test_no_answer_names_the_server_that_gave_it(verifier, keys):
    assert "server" not in verifier.authorize(keys["good"]).headers
