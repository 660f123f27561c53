"""The application without a server: paths, doors, and that no fault is ever "allowed"."""

import json
import logging
import re

import pytest
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

from keydesk.core.digest import key_digester
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import Environment
from keydesk.limits.host import HostLedger
from keydesk.limits.ledger import LedgerUnavailable
from keydesk.replica.layout import ReplicaMissing
from keydesk.verifier.app import VerifierApp
from keydesk.verifier.doors import Doors
from keydesk.verifier.metrics import Tally, TallyCollector

NOW = 1_800_000_000.0
DIGEST = key_digester(bytes(32))
KEY = KeyFormat("kd").mint(Environment.LIVE)
SERVICE = KeyFormat("kds").mint(Environment.LIVE)
OTHER = KeyFormat("kd").mint(Environment.LIVE)
API_KEY = (b"x-api-key", KEY.encode())
BEARER = (b"authorization", b"Bearer " + SERVICE.encode())
RECORDS = [key(DIGEST(KEY)), account(), product(), entitlement(), credential(DIGEST(SERVICE))]


def rows(*changed, confirmed_at=NOW, **known):
    return MemoryRows([*RECORDS, *changed], confirmed_at=confirmed_at, **known)


@pytest.fixture
def call(tmp_path):
    def call_app(store, path, headers=(), *, method="GET", query=b"", body=b""):
        ledger = HostLedger(tmp_path / "limits")
        doors = Doors(
            "kd", DIGEST, store=store, ledger=ledger, tally=Tally(tmp_path), clock=lambda: NOW
        )
        answer = answered(
            VerifierApp(doors), request(method, path, headers, query=query, body=body)
        )
        ledger.close()
        return answer

    return call_app


def counted(folder, code):
    """Give how many decisions with the code the tallies in the folder hold, by door."""
    families = {family.name: family for family in TallyCollector(folder).collect()}
    samples = families["keydesk_decisions"].samples
    return {each.labels["door"]: each.value for each in samples if each.labels["code"] == code}


def code_of(answer):
    status, headers, _ = answer
    return status, headers[b"x-keydesk-code"].decode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/v1/authorize/disbursement", (200, "ok")),
        (b"/v1/authorize/disbursement/", (200, "ok")),
        (b"/v1/authorize/disbursement/../payment-link", (200, "ok")),
        (b"/v1/authorize/disbursement//%2e%2e/\xff", (200, "ok")),
        (b"/v1/authorize/payment-link/../disbursement", (403, "wrong_product")),
        (b"/v1/authorize/disbursement%2f", (403, "wrong_product")),
        (b"/v1/authorize/Disbursement", (403, "wrong_product")),
        (b"/v1/authorize/d%69sbursement", (403, "wrong_product")),
        (b"/v1/authorize/disbursement;x", (403, "wrong_product")),
        (b"/v1/authorize/", (403, "wrong_product")),
        (b"/v1/authorize//disbursement", (403, "wrong_product")),
        (b"/v1/authorize", (403, "wrong_product")),
        (b"/v1/authorize/" + b"a" * 5000, (403, "wrong_product")),
        (b"/v1/authorize-test/disbursement", (403, "wrong_environment")),
        (b"/v1/authorizer/disbursement", (404, "not_found")),
        (b"//v1/authorize/disbursement", (404, "not_found")),
        (b"/v1/../v1/authorize/disbursement", (404, "not_found")),
        (b"/", (404, "not_found")),
        (b"", (404, "not_found")),
    ],
)  # fmt: skip
def test_the_first_segment_decides_as_it_was_sent(call, path, expected):
    assert code_of(call(MemoryStore(rows()), path, [API_KEY])) == expected


class BrokenRows(MemoryRows):
    def entitlement(self, *_):
        raise RuntimeError(f"{KEY} {SERVICE}")


@pytest.mark.parametrize(
    "store",
    [
        MemoryStore(error=RuntimeError(KEY + SERVICE)),
        MemoryStore(BrokenRows(RECORDS, confirmed_at=NOW)),
    ],
    ids=["no rows", "rows that raise"],
)
@pytest.mark.parametrize(
    ("path", "header", "method"),
    [(b"/v1/authorize/disbursement", API_KEY, "GET"), (b"/v1/verify", BEARER, "POST")],
)
def test_a_fault_is_503_is_counted_and_neither_answer_nor_log_has_a_secret(
    call, caplog, store, path, header, method, tmp_path
):
    body = json.dumps({"key": KEY, "product": "disbursement"}).encode()
    status, headers, answered = call(store, path, [header], method=method, body=body)
    assert (status, headers[b"retry-after"]) == (503, b"1")
    assert json.loads(answered)["code"] == "unavailable"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert sum(counted(tmp_path, "unavailable").values()) == 1
    assert "RuntimeError at " in caplog.text
    assert KEY not in caplog.text + answered.decode()
    assert SERVICE not in caplog.text + answered.decode()


@pytest.mark.parametrize("path", [b"/v1/authorize/disbursement", b"/v1/authorize-test/x"])
def test_row_one_is_decided_without_a_replica_and_all_else_is_unavailable(call, path):
    missing = MemoryStore(error=ReplicaMissing())
    assert code_of(call(missing, path)) == (401, "key_missing")
    assert code_of(call(missing, path, [(b"x-api-key", b"kd_live_0")])) == (401, "key_malformed")
    assert code_of(call(missing, path, [API_KEY])) == (503, "unavailable")


def test_a_row_that_cannot_be_a_header_is_unavailable(call):
    store = MemoryStore(rows(account(username="a\r\nb")))
    assert code_of(call(store, b"/v1/authorize/disbursement", [API_KEY])) == (503, "unavailable")


@pytest.mark.parametrize("query", ["api_key=1", "X-API-KEY=1", "a=b&apikey=", "{KEY}", "q={KEY}"])
def test_a_key_in_the_query_is_ignored_and_the_answer_says_so(call, query):
    store, path = MemoryStore(rows()), b"/v1/authorize/disbursement"
    query = query.format(KEY=KEY).encode()
    notice = "A key in the query string is ignored. Send it in the x-api-key header."
    status, _, body = call(store, path, query=query)
    assert (status, json.loads(body)["detail"]) == (401, notice)
    status, headers, _ = call(store, path, [API_KEY], query=query)
    assert (status, headers[b"x-keydesk-notice"].decode()) == (200, notice)


def test_another_query_is_not_spoken_of(call):
    store, path = MemoryStore(rows()), b"/v1/authorize/disbursement"
    assert b"x-keydesk-notice" not in call(store, path, [API_KEY], query=b"page=2&key=kd")[1]


def ask(call, body, *, store=None, headers=(BEARER,), method="POST"):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return call(store or MemoryStore(rows()), b"/v1/verify", headers, method=method, body=text)


def test_a_service_gets_the_decision_with_the_exact_code(call):
    status, headers, body = ask(call, {"key": KEY, "product": "disbursement"})
    told = json.loads(body)
    assert (status, headers[b"content-type"], headers[b"cache-control"]) == (
        200,
        b"application/json",
        b"no-store",
    )
    assert (told["accepted"], told["code"], told["account"]) == (True, "ok", "acc_sinar")
    assert told["request_id"].encode() == headers[b"x-keydesk-request-id"]


@pytest.mark.parametrize(
    ("check", "code"),
    [
        ({"key": None, "product": "disbursement"}, "key_missing"),
        ({"key": "", "product": "disbursement"}, "key_malformed"),
        ({"key": OTHER, "product": "disbursement"}, "key_unknown"),
        ({"key": KEY, "product": "payment-link"}, "wrong_product"),
        ({"key": KEY, "product": ""}, "wrong_product"),
        ({"key": KEY, "product": "\u0000😀"}, "wrong_product"),
        ({"key": KEY, "product": "disbursement", "environment": "test"}, "wrong_environment"),
    ],
)
def test_a_refusal_is_a_decision_too(call, check, code):
    status, _, body = ask(call, check)
    told = json.loads(body)
    assert (status, told["accepted"], told["code"]) == (200, False, code)


def test_a_batch_gets_its_decisions_in_order_with_ids_of_their_own(call):
    checks = [{"key": each, "product": "disbursement"} for each in (KEY, OTHER, "x")]
    status, _, body = ask(call, {"checks": checks})
    decisions = json.loads(body)["decisions"]
    assert (status, [each["code"] for each in decisions]) == (
        200,
        ["ok", "key_unknown", "key_malformed"],
    )
    assert len({each["request_id"] for each in decisions}) == 3


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (API_KEY,),
        (BEARER, BEARER),
        ((b"authorization", b"Bearer kds_live_0"),),
        ((b"x-api-key", SERVICE.encode()),),
    ],
    ids=["none", "a key", "two", "malformed", "as x-api-key"],
)
def test_a_service_without_its_one_credential_is_not_told_anything(call, headers):
    status, told, body = ask(call, {"key": KEY, "product": "disbursement"}, headers=headers)
    assert (status, told[b"www-authenticate"]) == (401, b'Bearer realm="keydesk"')
    assert json.loads(body)["code"] == "service_credential_invalid"


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "REVOKED"},
        {"expires_at": int(NOW)},
        {"scopes": ("usage",)},
        {"scopes": ()},
        {"digest": bytes(32)},
    ],
    ids=str,
)
def test_a_service_credential_works_only_in_force_and_with_the_scope(call, fields):
    records = [*RECORDS[:4], credential(**{"digest": DIGEST(SERVICE), **fields})]
    store = MemoryStore(MemoryRows(records, confirmed_at=NOW))
    assert code_of(ask(call, {"key": KEY, "product": "disbursement"}, store=store)) == (
        401,
        "service_credential_invalid",
    )


def test_old_rows_cannot_refuse_a_service_but_each_product_s_lease_still_counts(call):
    old = {"confirmed_at": NOW - 301}
    check = {"key": KEY, "product": "disbursement"}
    unknown = MemoryStore(MemoryRows(RECORDS[:4], **old))
    assert code_of(ask(call, check, store=unknown)) == (503, "unavailable")
    assert code_of(ask(call, check, store=MemoryStore(rows(**old)))) == (503, "unavailable")
    patient = MemoryStore(rows(product(lease_seconds=None), **old))
    assert ask(call, check, store=patient)[0] == 200


def test_without_a_replica_a_service_is_told_to_come_back(call):
    check = {"key": KEY, "product": "disbursement"}
    for store in (MemoryStore(error=ReplicaMissing()), MemoryStore(rows(confirmed_at=None))):
        for body in (check, {"checks": [check]}):
            status, headers, _ = ask(call, body, store=store)
            assert (status, headers[b"retry-after"]) == (503, b"1")


def test_a_body_that_is_no_question_is_400_with_a_sentence(call):
    status, headers, body = ask(call, b'{"key": 1}')
    problem = json.loads(body)
    assert (status, headers[b"content-type"]) == (400, b"application/problem+json")
    assert (problem["code"], problem["detail"]) == (
        "invalid_input",
        "Expected `str | null`, got `int` - at `$.key`",
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
def test_verify_is_asked_with_post_only(call, method):
    status, headers, _ = ask(call, b"", method=method)
    assert (status, headers[b"allow"]) == (405, b"POST")


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"]
)
def test_authorize_decides_whatever_the_method(call, method):
    path = b"/v1/authorize/disbursement"
    assert code_of(call(MemoryStore(rows()), path, [API_KEY], method=method)) == (200, "ok")
    assert code_of(call(MemoryStore(rows()), path, [], method=method)) == (401, "key_missing")


@pytest.mark.parametrize(
    ("store", "status", "told"),
    [
        (MemoryStore(rows()), 200, {"ready": True, "revision": 5, "age_seconds": 0.0}),
        (
            MemoryStore(error=ReplicaMissing()),
            503,
            {"ready": False, "reason": "replica_missing"},
        ),
        (
            MemoryStore(rows(confirmed_at=None)),
            503,
            {"ready": False, "reason": "replica_never_confirmed"},
        ),
        (
            MemoryStore(rows(confirmed_at=NOW - 301)),
            503,
            {"ready": False, "reason": "replica_stale", "age_seconds": 301.0},
        ),
        (
            MemoryStore(rows(clock_ahead_seconds=5.0)),
            200,
            {"ready": True, "revision": 5, "age_seconds": 0.0},
        ),
        (
            MemoryStore(rows(clock_ahead_seconds=5.0014)),
            503,
            {
                "ready": False,
                "reason": "clock_skewed",
                "age_seconds": 0.0,
                "clock_ahead_seconds": 5.001,
            },
        ),
        (
            MemoryStore(rows(clock_ahead_seconds=-86400.0)),
            503,
            {
                "ready": False,
                "reason": "clock_skewed",
                "age_seconds": 0.0,
                "clock_ahead_seconds": -86400.0,
            },
        ),
    ],
    ids=["ready", "missing", "never confirmed", "stale", "near enough", "ahead", "behind"],
)
def test_readiness_says_why_not(call, store, status, told):
    answered, headers, body = call(store, b"/readyz")
    assert (answered, json.loads(body)) == (status, told)
    assert headers.get(b"retry-after") == (b"1" if status == 503 else None)
    assert call(store, b"/livez")[0] == 200


def test_a_second_fault_within_a_second_is_answered_but_not_logged_again(caplog, tmp_path):
    store = MemoryStore(error=RuntimeError())
    ledger = HostLedger(tmp_path / "limits")
    doors = Doors(
        "kd", DIGEST, store=store, ledger=ledger, tally=Tally(tmp_path), clock=lambda: NOW
    )
    app = VerifierApp(doors)
    assert [answered(app, request("GET", b"/readyz"))[0] for _ in range(3)] == [503] * 3
    assert len(caplog.records) == 1


LIMITED = {"limits": ("account:burst=2/10s", "account:monthly=100/month")}
AUTHORIZE = b"/v1/authorize/disbursement"


def test_an_accepted_call_says_how_its_limits_stand(call):
    status, headers, _ = call(MemoryStore(rows(product(**LIMITED))), AUTHORIZE, [API_KEY])
    assert status == 200
    assert headers[b"ratelimit-policy"] == b'"burst";q=2;w=10, "monthly";q=100'
    assert re.fullmatch(rb'"burst";r=1;t=5, "monthly";r=99;t=\d+', headers[b"ratelimit"])


def test_a_service_is_told_how_the_limits_stand(call):
    store = MemoryStore(rows(product(**LIMITED)))
    told = json.loads(ask(call, {"key": KEY, "product": "disbursement"}, store=store)[2])
    assert told["limits"][0] == {
        "name": "burst",
        "whose": "account",
        "calls": 2,
        "remaining": 1,
        "reset_seconds": 5,
    }
    assert [limit["name"] for limit in told["limits"]] == ["burst", "monthly"]


@pytest.mark.parametrize(
    ("envelope", "for_nginx", "status"),
    [("problem", [], 429), ("problem", [(b"x-keydesk-gateway", b"nginx")], 403), ("compat", [], 429),
     ("compat", [(b"x-keydesk-gateway", b"nginx")], 403), ("problem", [(b"x-keydesk-gateway", b"envoy")], 429)],
)  # fmt: skip
def test_a_call_too_many_is_429_with_its_wait_and_403_for_nginx(call, envelope, for_nginx, status):
    store = MemoryStore(rows(product(**LIMITED, envelope=envelope)))
    answers = [call(store, AUTHORIZE, [API_KEY, *for_nginx]) for _ in range(3)]
    assert [answer[0] for answer in answers] == [200, 200, status]
    _, headers, body = answers[2]
    assert (headers[b"x-keydesk-code"], headers[b"retry-after"]) == (b"rate_limited", b"5")
    assert headers[b"ratelimit"] == b'"burst";r=0;t=10'
    expected = {
        "problem": {"status": 429, "code": "rate_limited"},
        "compat": {"status": {"code": "429", "message": "Too Many Requests"}},
    }[envelope]
    assert json.loads(body) | expected == json.loads(body)


@pytest.mark.parametrize(
    ("change", "headers", "status", "number", "message"),
    [
        ({}, [], 403, "208", "API Key is not valid"),
        ({}, [(b"x-api-key", OTHER.encode())], 403, "208", "API Key is not valid"),
        ({"requires_username": True}, [API_KEY], 403, "201", "User is not found"),
        ({"state": "STOPPED"}, [API_KEY], 403, "202", "User is not active"),
        ({"limits": ("bad",)}, [API_KEY], 503, None, None),
    ],
)
def test_a_compat_product_answers_its_customers_as_they_parse_it(
    call, change, headers, status, number, message
):
    store = MemoryStore(rows(product(envelope="compat", **change)))
    found, told, body = call(store, AUTHORIZE, headers)
    assert found == status
    if number is not None:
        assert told[b"content-type"] == b"application/json"
        assert b"www-authenticate" not in told
        assert json.loads(body) == {"status": {"code": number, "message": message}}


def test_a_call_that_cannot_be_counted_is_503_and_not_let_through(call, monkeypatch):
    def spend(*_, **__):
        raise LedgerUnavailable("away")

    monkeypatch.setattr(HostLedger, "spend", spend)
    store = MemoryStore(rows(product(**LIMITED)))
    status, headers, _ = call(store, AUTHORIZE, [API_KEY])
    assert (status, headers[b"retry-after"]) == (503, b"1")
    assert call(MemoryStore(rows()), AUTHORIZE, [API_KEY])[0] == 200


@pytest.mark.parametrize("name", [b"client-address", b"require-scopes", b"cost"])
def test_what_a_gateway_says_twice_is_refused(call, name):
    headers = [API_KEY, (b"x-keydesk-" + name, b"1"), (b"x-keydesk-" + name, b"1")]
    assert code_of(call(MemoryStore(rows()), AUTHORIZE, headers)) == (401, "key_malformed")


@pytest.mark.parametrize(
    ("cost", "expected"),
    [(b"1", 200), (b"2", 200), (b"3", 429), (b"0", 200), (b"", 200), (b"-1", 401), (b"1.5", 401),
     (b"10000", 429), (b"10001", 401), (b"999999", 401), (b"\xb2", 401)],
)  # fmt: skip
def test_a_gateway_says_what_a_call_costs_and_never_less_than_one(call, cost, expected):
    store = MemoryStore(rows(product(**LIMITED)))
    assert call(store, AUTHORIZE, [API_KEY, (b"x-keydesk-cost", cost)])[0] == expected


def whoami(call, *headers, store=None):
    return call(store or MemoryStore(rows()), b"/v1/whoami", headers)


def test_a_keys_holder_is_told_what_it_is_for_and_where_they_come_from(call):
    status, headers, body = whoami(call, API_KEY, (b"x-keydesk-client-address", b"203.0.113.9"))
    told = json.loads(body)
    assert (status, headers[b"cache-control"]) == (200, b"no-store")
    assert told == {
        "account": "acc_sinar",
        "username": "sinarabadi",
        "product": "disbursement",
        "environment": "live",
        "key_id": "key_sinar1",
        "scopes": ["payout", "read"],
        "expires_at": None,
        "address": "203.0.113.9",
        "request_id": headers[b"x-keydesk-request-id"].decode(),
    }


def test_asking_about_oneself_is_not_counted_as_a_call(call):
    store = MemoryStore(rows(product(**LIMITED)))
    assert [whoami(call, API_KEY, store=store)[0] for _ in range(5)] == [200] * 5
    assert call(store, AUTHORIZE, [API_KEY])[1][b"ratelimit"].startswith(b'"burst";r=1')


@pytest.mark.parametrize(
    ("headers", "store", "expected"),
    [
        ((), None, (401, "key_missing")),
        ((API_KEY, API_KEY), None, (401, "key_missing")),
        (((b"x-api-key", b"kd"),), None, (401, "key_malformed")),
        (((b"x-api-key", OTHER.encode()),), None, (401, "key_unknown")),
        ((API_KEY,), MemoryStore(rows(key(DIGEST(KEY), state="REVOKED"))), (401, "key_revoked")),
        ((API_KEY,), MemoryStore(rows(account(status="SUSPENDED"))), (403, "account_inactive")),
        ((API_KEY,), MemoryStore(rows(confirmed_at=None)), (503, "unavailable")),
        ((API_KEY,), MemoryStore(error=ReplicaMissing()), (503, "unavailable")),
        (((b"x-api-key", b"kd"),), MemoryStore(error=ReplicaMissing()), (401, "key_malformed")),
    ],
)
def test_who_has_no_working_key_is_told_why(call, headers, store, expected):
    assert code_of(whoami(call, *headers, store=store)) == expected


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "get"])
def test_whoami_is_asked_with_get_only(call, method):
    status, headers, _ = call(MemoryStore(rows()), b"/v1/whoami", [API_KEY], method=method)
    assert (status, headers[b"allow"]) == (405, b"GET")
