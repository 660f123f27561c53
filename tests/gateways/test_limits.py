"""Limits, scopes and the compat envelope read the same behind every gateway as the verifier says them."""

import json

import pytest
from tests.gateways.conftest import DOORS, GATEWAYS
from tests.gateways.test_decisions import api_key


@pytest.mark.parametrize("state", ["limited", "spent"])
def test_a_limit_is_a_429_with_its_pause_and_its_problem(gateway, backend, keys, state):
    key = api_key(keys[f"{state}_{gateway.name}"])
    answers = [gateway.ask(key) for _ in range(3)]
    accepted = {"limited": 2, "spent": 1}[state]
    assert [answer.status for answer in answers] == [200] * accepted + [429] * (3 - accepted)
    assert len(backend.taken()) == accepted
    refused = answers[-1]
    problem = json.loads(refused.text)
    code = {"limited": "rate_limited", "spent": "quota_exceeded"}[state]
    assert (problem["code"], problem["status"]) == (code, 429)
    assert problem["request_id"] == refused.headers["x-keydesk-request-id"]
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) > 0


def test_a_client_reads_how_its_limit_stands_on_every_answer(gateway, keys):
    key = api_key(keys[f"told_{gateway.name}"])
    answers = [gateway.ask(key) for _ in range(3)]
    for answer in answers:
        limits = {name: value for name, value in answer.pairs if name.startswith("ratelimit")}
        assert limits["ratelimit-policy"] == '"burst";q=2;w=3600'
        assert limits["ratelimit"].startswith('"burst";r=')
    unlimited = gateway.ask(api_key(keys["good"]))
    assert [name for name, _ in unlimited.pairs if name.startswith("ratelimit")] == []


@pytest.mark.parametrize("name", DOORS)
def test_a_place_that_needs_a_scope_refuses_a_key_without_it(
    name, started, verifier, backend, keys
):
    places = {
        scopes: started(name, verifier=verifier.port, backend=backend.port, scopes=scopes)
        for scopes in ("payout", "payout admin")
    }
    wish = b"X-Keydesk-Require-Scopes: payout\r\n"
    answers = {
        scopes: gateway.ask(api_key(keys["good"]) + wish) for scopes, gateway in places.items()
    }
    assert {scopes: answer.status for scopes, answer in answers.items()} == {
        "payout": 200,
        "payout admin": 403,
    }
    assert json.loads(answers["payout admin"].text)["code"] == "scope_missing"


@pytest.mark.parametrize("name", DOORS)
def test_refusals_in_the_compat_envelope_reach_the_client_in_it(
    name, started, verifier, backend, keys
):
    gateway = started(
        name, verifier=verifier.port, backend=backend.port, product="ledger", compat=True
    )
    answers = {
        "revoked": gateway.ask(api_key(keys["compat"])),
        "other": gateway.ask(api_key(keys["good"])),
        "none": gateway.ask(),
        "control": gateway.ask(b"x-api-key: kd_live_\x01\r\n"),
    }
    said = '{"status":{"code":"208","message":"API Key is not valid"}}'
    own = answers.pop("control")
    assert own.status in {400, 403}
    assert own.status == 400 or own.text == said
    for answer in answers.values():
        assert (answer.status, answer.text) == (403, said)
        assert answer.headers["content-type"] == "application/json"
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_limit_and_an_outage_have_their_own_status_in_the_compat_envelope(
    name, started, verifier, backend, keys
):
    site = {"backend": backend.port, "product": "ledger", "compat": True}
    gateway = started(name, verifier=verifier.port, **site)
    answers = [gateway.ask(api_key(keys["compat_limited"])) for _ in range(2)]
    assert answers[-1].status == 429
    assert answers[-1].text == '{"status":{"code":"429","message":"Too Many Requests"}}'
    nowhere = started(name, verifier=1, **site).ask(api_key(keys["good"]))
    assert (nowhere.status, nowhere.headers["retry-after"]) == (503, "1")
    assert nowhere.text == '{"status":{"code":"999","message":"Unknown error"}}'
