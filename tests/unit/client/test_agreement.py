"""A3 in process: around an ASGI or a WSGI application a call gets the decision that a gateway gets of the verifier.

What a gateway tells in headers, an application tells itself. A client's own headers of that kind change nothing.
"""

import asyncio
import json

import pytest
from hypothesis import given, settings
from tests.fixtures.asking import answered, request
from tests.fixtures.hostile import doubled, misspelt
from tests.fixtures.rows import MemoryStore
from tests.fixtures.situations import (
    DIGEST,
    KEY,
    NOW,
    QUESTIONS,
    SITUATIONS,
    FreshLedger,
    doors_over,
    headers_of,
    rows_of,
)

from keydesk.client import asgi, wsgi
from keydesk.client.calls import Need
from keydesk.client.checker import Checker
from keydesk.core.clock import system_clock
from keydesk.core.codes import Code
from keydesk.verifier.app import VerifierApp
from keydesk.verifier.metrics import Tally

GOOD = {"key": {}, "account": {}, "product": {}, "entitlement": {}, "age": 0}
PLAIN = {
    "product": "disbursement",
    "environment": "live",
    "username": None,
    "address": "203.0.113.9",
    "scopes": [],
    "cost": 1,
}
OF_GATEWAYS = [
    (b"x-keydesk-client-address", b"10.9.9.9"),
    (b"x-keydesk-client-address", b"10.9.9.8"),
    (b"x-keydesk-require-scopes", b"everything"),
    (b"x-keydesk-cost", b"none"),
    (b"x-keydesk-gateway", b"nginx"),
]


class FreshCounter(FreshLedger):
    """A counter in which no call was ever counted, one that a loop waits for."""

    spend_now = FreshLedger.spend

    async def spend(self, buckets, *, cost, now):
        return self.spend_now(buckets, cost=cost, now=now)


class Noting:
    """A checker that keeps what it has given."""

    def __init__(self, checker):
        self.checker, self.outcome = checker, None

    def check(self, *args, **kwargs):
        self.outcome = self.checker.check(*args, **kwargs)
        return self.outcome

    async def check_async(self, *args, **kwargs):
        self.outcome = await self.checker.check_async(*args, **kwargs)
        return self.outcome


def noting(rows, clock=lambda: NOW):
    store, counter = MemoryStore(rows), FreshCounter()
    return Noting(Checker("kd", DIGEST, store=store, counter=counter, clock=clock))


def need_of(question):
    return Need(
        question["product"],
        tuple(question["scopes"]),
        environment=question["environment"],
        cost=question["cost"],
    )


def scope_of(headers, question):
    peer = None if question["address"] is None else (question["address"], 4711)
    return {"type": "http", "method": "GET", "path": "/", "headers": headers, "client": peer}


def environ_of(headers, question):
    """Give what a server makes of headers as PEP 3333 has it: names folded, duplicates joined."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    if question["address"] is not None:
        environ["REMOTE_ADDR"] = question["address"]
    for name, value in headers:
        variable = "HTTP_" + name.decode().upper().replace("-", "_")
        text = value.decode("latin-1")
        environ[variable] = f"{environ[variable]},{text}" if variable in environ else text
    return environ


def through_asgi(rows, headers, question):
    """Give code, status and headers of the answer, and the key's id if the application was reached."""
    keydesk, sent, seen = noting(rows), [], []

    async def application(scope, receive, send):
        seen.append(scope["keydesk"].key_id)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    middleware = asgi.KeydeskMiddleware(application, keydesk, need_of(question))
    asyncio.run(middleware(scope_of(headers, question), None, send))
    return told(keydesk.outcome, sent[0]["status"], dict(sent[0]["headers"]), seen)


def through_wsgi(rows, headers, question):
    keydesk, sent, seen = noting(rows), [], []

    def application(environ, start_response):
        seen.append(environ["keydesk"].key_id)
        start_response("200 OK", [])
        return []

    middleware = wsgi.KeydeskMiddleware(application, keydesk, need_of(question))
    list(middleware(environ_of(headers, question), lambda *given: sent.append(given)))
    status, headers = sent[0]
    raw = {name.encode(): value.encode() for name, value in headers}
    return told(keydesk.outcome, int(status[:3]), raw, seen)


def told(outcome, status, headers, seen):
    retry_after = headers.get(b"retry-after")
    assert b"x-keydesk-code" not in headers
    return {
        "code": outcome.code.value,
        "status": status,
        "retry_after": None if retry_after is None else int(retry_after),
        "limits": headers.get(b"ratelimit"),
        "key_id": seen[0] if seen else None,
    }


@pytest.fixture(scope="module")
def through_gateway(tmp_path_factory):
    tally = Tally(tmp_path_factory.mktemp("tally"))

    def ask(rows, headers, question):
        door = {"live": "authorize", "test": "authorize-test"}[question["environment"]]
        path = f"/v1/{door}/{question['product']}".encode()
        asked = request("GET", path, [*headers, *headers_of(question)])
        status, found, _ = answered(VerifierApp(doors_over(rows, tally)), asked)
        retry_after = found.get(b"retry-after")
        return {
            "code": found[b"x-keydesk-code"].decode(),
            "status": status,
            "retry_after": None if retry_after is None else int(retry_after),
            "limits": found.get(b"ratelimit"),
            "key_id": found.get(b"x-keydesk-key-id", b"").decode() or None,
        }

    return ask


@settings(settings.get_profile("agreement"))
@given(SITUATIONS, QUESTIONS)
def test_applications_and_gateways_are_given_one_decision(through_gateway, situation, question):
    rows, value = rows_of(situation), question["key"].encode("latin-1")
    username = (
        [] if question["username"] is None else [(b"x-username", question["username"].encode())]
    )
    asked = {**question, "username": None}
    for credential in ((b"x-api-key", value), (b"authorization", b"Bearer " + value)):
        headers = [credential, *username]
        expected = through_gateway(rows, headers, asked)
        assert through_asgi(rows, [*headers, *OF_GATEWAYS], question) == expected
        found = through_wsgi(rows, [*headers, *OF_GATEWAYS], question)
        if b"," in value:
            # WSGI cannot tell a comma in a header from two headers, and neither is a key.
            assert {expected.pop("code"), found.pop("code")} <= {"key_malformed", "key_missing"}
        assert found == expected


def lines_of(head):
    """Give raw header lines as a server gives them."""
    pairs = (line.split(b":", 1) for line in head.split(b"\r\n") if line)
    return [(name.strip().lower(), value.strip(b" \t")) for name, value in pairs]


HOSTILE = {**dict(doubled(KEY.encode())), **dict(misspelt(KEY.encode()))}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused_by_an_asgi_application_as_by_the_verifier(
    through_gateway, name
):
    rows, headers = rows_of(GOOD), lines_of(HOSTILE[name])
    expected = through_gateway(rows, headers, PLAIN)
    assert through_asgi(rows, headers, PLAIN) == expected
    assert (expected["status"], expected["key_id"]) == (401, None)


@pytest.mark.parametrize("others", [[], OF_GATEWAYS])
@pytest.mark.parametrize("size", [16_000, 70_000])
def test_headers_of_gateways_count_to_the_size_that_is_read(through_gateway, others, size):
    headers = [(b"x-api-key", KEY.encode()), (b"x-keydesk-pad", b"a" * size)]
    expected = through_gateway(rows_of(GOOD), headers, PLAIN)
    assert expected["code"] == ("ok" if size == 16_000 else "key_malformed")
    for through in (through_asgi, through_wsgi):
        assert through(rows_of(GOOD), [*headers, *others], PLAIN) == expected


FOLDED_AWAY = {
    *(f"{name} alone" for name in (b"x_api_key", b"X_Api_Key", b"x-api_key")),
    *(f"{name} too" for name in (b"x_username",)),
}
"""What WSGI cannot show: one header whose underscores a server that does not drop it has made hyphens of."""


def test_a_wsgi_application_refuses_all_that_its_environ_shows_to_be_ambiguous():
    found = {
        name: through_wsgi(rows_of(GOOD), lines_of(head), PLAIN)["status"]
        for name, head in HOSTILE.items()
    }
    assert found == {name: 200 if name in FOLDED_AWAY else 401 for name in HOSTILE}


@pytest.mark.parametrize("ask", [through_asgi, through_wsgi])
def test_a_fault_in_the_check_is_a_503_that_says_when_to_ask_again(ask, caplog):
    class Broken:
        confirmed_at = NOW

        def product(self, _):
            raise ZeroDivisionError(f"with {KEY}")

    found = ask(Broken(), [(b"x-api-key", KEY.encode())], PLAIN)
    assert found == {
        "code": "unavailable",
        "status": 503,
        "retry_after": 1,
        "limits": None,
        "key_id": None,
    }
    assert "ZeroDivisionError" in caplog.text
    assert KEY not in caplog.text


def test_a_stranger_reads_no_more_than_the_code_may_tell():
    rows = rows_of(GOOD)
    other = KEY.replace("kd_live_", "kd_test_")
    for headers in ([(b"x-api-key", other.encode())], [(b"x-api-key", KEY[:-1].encode())]):
        keydesk = noting(rows)
        outcome = keydesk.check(headers, Need("disbursement"), address=None, query=b"?x=1")
        assert outcome.code is Code.KEY_MALFORMED
        assert json.loads(outcome.body)["code"] == "key_invalid"
        assert b"malformed" not in outcome.body + b"".join(map(b"".join, outcome.headers))


def test_a_key_in_the_query_is_ignored_and_the_refusal_says_so():
    outcome = noting(rows_of(GOOD)).check(
        [], Need("disbursement"), address=None, query=f"api_key={KEY}".encode()
    )
    assert outcome.code is Code.KEY_MISSING
    assert json.loads(outcome.body)["detail"].startswith("A key in the query string is ignored")


def test_without_a_clock_of_its_own_a_checker_takes_the_systems():
    rows = rows_of(GOOD)
    rows.confirmed_at = system_clock()
    checker = Checker("kd", DIGEST, store=MemoryStore(rows), counter=FreshCounter())
    outcome = checker.check([(b"x-api-key", KEY.encode())], Need("disbursement"), address=None)
    assert outcome.identity is not None
