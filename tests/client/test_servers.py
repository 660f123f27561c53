"""The check under real servers: hostile bytes, revocations, limits beside a verifier, what a stop leaves behind."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from http.client import HTTPConnection

import msgspec
import pytest
from tests.fixtures.hostile import doubled, line, misframed, misspelt, oversized
from tests.fixtures.rows import account, entitlement, key, product
from tests.fixtures.services import SERVERS, RunningService, running
from tests.fixtures.verifier import DIGEST, SETTINGS, RunningVerifier, fill, mint

from keydesk.client import testing
from keydesk.core.usage import Entry
from keydesk.host.spool import SpoolReader

UNDERSCORED = {f"b'{name}' too" for name in ("x_api_key", "X_Api_Key", "x-api_key", "x_username")}
ALONE = {f"b'{name}' alone" for name in ("x_api_key", "X_Api_Key", "x-api_key")}
ACCEPTED = {
    "uvicorn": set(),
    "granian, asgi": set(),
    # It takes an underscore for a hyphen, and the environ does not show that.
    "granian, wsgi": UNDERSCORED | ALONE,
    # It drops names with underscores, so one credential is left.
    "gunicorn": UNDERSCORED | {"b'_x-api-key' too", "b'_x_username' too"},
}
"""Hostile headers beside or in the place of a good credential with which a request passes."""
LIMIT = 60
ASKED = 200
MINUTES = msgspec.json.Decoder(Entry).decode


@pytest.fixture(scope="module")
def desk():
    with testing.desk() as made:
        yield made


@pytest.fixture(scope="module")
def service_of(desk):
    """A function that gives the one service under a server, which the tests leave as it is."""
    with ExitStack() as stack:
        yield cache(lambda server: stack.enter_context(running(server, desk)))


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_ambiguous_passes_that_the_server_shows(desk, service_of, server):
    good = desk.key("disbursement").encode()
    sent = {
        str(name): head
        for make in (doubled, misspelt, misframed, oversized)
        for name, head in make(good)
    }
    service = service_of(server)
    found = {name: service.raw(head) for name, head in sent.items()}
    assert {name for name, status in found.items() if status == 200} == ACCEPTED[server]
    assert set(found.values()) <= {200, 400, 401, 431}


@pytest.mark.parametrize("server", SERVERS)
def test_an_application_sees_who_calls_and_neither_the_key_nor_a_forged_header(
    desk, service_of, server
):
    text = desk.key("disbursement", scopes=("payout",))
    forged = {"X-Keydesk-Account": "acc_other", "X-Keydesk-Request-Id": "1", "X-Kept": "yes"}
    service = service_of(server)
    bare = service.get(forged, path="/healthz")
    as_header = service.get({"X-Api-Key": text, "Authorization": "Basic eDp5", **forged})
    as_bearer = service.get({"Authorization": f"Bearer {text}", **forged})
    refused = service.get({"X-Api-Key": text[:-1]})
    assert bare.told["identity"] is None
    told = as_header.told["identity"]
    assert told.pop("request_id").startswith("req_")
    assert (told["account"], told["username"], told["scopes"]) == ("acc_acme", "acme", ["payout"])
    assert as_bearer.told["identity"]["key_id"] == told["key_id"]
    as_variables = server in {"granian, wsgi", "gunicorn"}
    ours, authorization = (
        ("HTTP_X_K", "HTTP_AUTHORIZATION") if as_variables else ("x-k", "authorization")
    )
    kept = [name for name in as_header.told["names"] if name.startswith(ours)]
    assert kept == ["HTTP_X_KEPT" if as_variables else "x-kept"]
    assert authorization in as_header.told["names"]
    assert authorization not in as_bearer.told["names"]
    assert (refused.status, refused.told["code"]) == (401, "key_invalid")
    assert "x-keydesk-code" not in refused.headers


@pytest.mark.parametrize(
    ("server", "options", "status"),
    [
        ("uvicorn", {}, 200),
        ("granian, asgi", {}, 200),
        ("granian, wsgi", {}, 403),
        ("gunicorn", {}, 403),
        ("gunicorn", {"underscores_dropped": True}, 200),
    ],
)
def test_behind_a_proxy_no_client_can_claim_an_address(desk, server, options, status):
    key = line(desk.key("disbursement", networks=("10.0.0.0/8",)).encode())
    allowed, other = (
        line(address, b"X-Forwarded-For") for address in (b"10.0.0.1", b"203.0.113.9")
    )
    with running(server, desk, trusted_proxies=1, **options) as service:
        assert service.raw(key + allowed) == status
        for name in (b"x_forwarded_for", b"X_Forwarded_For", b"x-forwarded_for"):
            claim = line(b"10.0.0.1", name)
            found = [service.raw(key + head) for head in (claim + other, other + claim, claim)]
            assert found == [403, 403, 403]


@pytest.mark.parametrize("server", SERVERS)
def test_the_next_request_in_any_process_sees_a_revocation(desk, service_of, server):
    service = service_of(server)
    for _ in range(10):
        text = desk.key("disbursement")
        before = [service.get({"X-Api-Key": text}).status for _ in range(4)]
        desk.revoke(text)
        after = [service.get({"X-Api-Key": text}).status for _ in range(4)]
        assert (before, after) == ([200] * 4, [401] * 4)


def asker(port, path, text):
    """Give a function that asks once, over a connection of its own, and gives the status."""

    def ask(_):
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path, headers={"x-api-key": text})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    return ask


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_a_service_and_a_verifier_of_one_host_let_exactly_the_limit_pass(tmp_path, server):
    text = mint()
    records = [
        account(),
        product(),
        entitlement(),
        key(DIGEST(text), limits=(f"key:day={LIMIT}/day",)),
    ]
    fill(tmp_path / "replica", records)
    environment = {"KEYDESK_DATA_DIR": str(tmp_path), "KEYDESK_PEPPER": SETTINGS["PEPPER"]}
    service = RunningService(server, environment)
    try:
        with RunningVerifier(tmp_path, VERIFIER_WORKERS=2) as verifier:
            asks = [
                asker(service.port, "/payouts", text),
                asker(verifier.port, "/v1/authorize/disbursement", text),
            ]
            with ThreadPoolExecutor(8) as crowd:
                found = Counter(crowd.map(lambda number: asks[number % 2](number), range(ASKED)))
    finally:
        service.stop()
    assert found == {200: LIMIT, 429: ASKED - LIMIT}


@pytest.mark.parametrize("server", SERVERS)
def test_a_service_that_is_stopped_leaves_every_count_in_the_spool(server):
    with testing.desk() as desk:
        text = desk.key("disbursement")
        with running(server, desk) as service:
            for _ in range(25):
                service.get({"X-Api-Key": text})
            for _ in range(5):
                service.get({"X-Api-Key": text[:-1]})
        found = Counter()

        def deliver(_, records):
            for record in records:
                entry = MINUTES(record)
                for row in (*entry.counts, *entry.strangers):
                    found[row.code, row.address] += row.number
            return True

        SpoolReader(desk.keydesk._config.usage_dir).drain(deliver, most_bytes=1024 * 1024)
    assert found == {("ok", "127.0.0.1"): 25, ("key_malformed", "127.0.0.1"): 5}
