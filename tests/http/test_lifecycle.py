"""The verifier's processes: without a replica, with an old one, killed, stopped, and several at once."""

import json
import re
import signal
import socket
import time
from contextlib import suppress

import msgspec
import pytest
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import desk_environment, status_of, wait_until
from tests.fixtures.rows import account, entitlement, key, product
from tests.fixtures.verifier import DIGEST, SETTINGS, RunningVerifier, fill, is_gone, kill, mint

KEY = mint()
RECORDS = [account(), product(), entitlement(), key(DIGEST(KEY))]


@pytest.fixture
def start(tmp_path):
    started = []

    def start_one(records=RECORDS, *, age_seconds=0.0, **settings):
        if records is not None:
            fill(tmp_path / "replica", records, age_seconds=age_seconds)
        started.append(RunningVerifier(tmp_path, **settings))
        return started[-1]

    yield start_one
    for running in started:
        running.stop()


def decision(answer):
    return answer.status, answer.headers["x-keydesk-code"]


def readiness(running):
    answer = running.get("/readyz")
    body = json.loads(answer.text)
    return answer.status, body.get("reason")


def test_without_a_replica_only_row_one_is_decided_until_there_is_one(start, tmp_path):
    running = start(None)
    answer = running.authorize(KEY)
    assert (decision(answer), answer.headers["retry-after"]) == ((503, "unavailable"), "1")
    assert decision(running.authorize("kd_live_0")) == (401, "key_malformed")
    assert decision(running.get("/v1/authorize/disbursement")) == (401, "key_missing")
    assert readiness(running) == (503, "replica_missing")
    fill(tmp_path / "replica", RECORDS)
    assert decision(running.authorize(KEY)) == (200, "ok")
    assert readiness(running) == (200, None)


def test_past_the_lease_nothing_but_row_one_is_decided(start):
    running = start(age_seconds=301)
    assert decision(running.authorize(KEY)) == (503, "unavailable")
    assert decision(running.authorize(mint())) == (503, "unavailable")
    assert decision(running.authorize("kd_live_0")) == (401, "key_malformed")
    assert readiness(running) == (503, "replica_stale")


def test_a_late_replica_is_said_once_and_so_is_that_it_is_current_again(start, tmp_path):
    running = start(age_seconds=60)
    wait_until(lambda: readiness(running)[0] == 200, seconds=30, what="a worker looks")
    fill(tmp_path / "replica", RECORDS)
    is_fresh = re.compile(r"^keydesk_replica_age_seconds [01]\.", re.MULTILINE)
    wait_until(lambda: is_fresh.search(running.metrics()), seconds=30, what="the age is new")
    printed = running.stop()
    assert printed.count("The replica is late:") == 1
    assert printed.count("The replica is current again.") == 1


def test_a_wrong_clock_is_told_and_decisions_go_on_until_it_is_right_again(start, tmp_path):
    running = start(None)
    fill(tmp_path / "replica", RECORDS, clock_ahead_seconds=-7.25)
    assert (readiness(running), decision(running.authorize(KEY))) == (
        (503, "clock_skewed"),
        (200, "ok"),
    )
    name = "keydesk_clock_ahead_seconds"
    for clock_ahead_seconds in (-7.25, 0.0):
        fill(tmp_path / "replica", RECORDS, clock_ahead_seconds=clock_ahead_seconds)
        told = f"\n{name} {clock_ahead_seconds}\n"
        wait_until(lambda told=told: told in running.metrics(), seconds=30, what="it is told")
    assert readiness(running) == (200, None)
    printed = running.stop()
    assert printed.count("The clock of this host is 7.2 s behind the database's.") == 1
    assert printed.count("The clock of this host is right again.") == 1


def test_each_product_has_its_own_lease(start):
    names = {"strict": 5, "patient": None}
    keys = {name: mint() for name in names}
    leases = [product(slug=name, lease_seconds=lease) for name, lease in names.items()]
    issued = [key(DIGEST(keys[name]), id=f"key_{name}", product=name) for name in names]
    enabled = [entitlement(product=name) for name in names]
    running = start([account(), *leases, *issued, *enabled], age_seconds=400)
    answers = [running.authorize(keys[name], f"/v1/authorize/{name}").status for name in names]
    assert answers == [503, 200]


def test_a_change_in_the_replica_decides_the_next_request_of_every_worker(start, tmp_path):
    running = start(VERIFIER_WORKERS=2)
    assert {running.authorize(KEY).status for _ in range(20)} == {200}
    revoked = msgspec.structs.replace(RECORDS[-1], state="REVOKED", revision=9)
    fill(tmp_path / "replica", [*RECORDS[:-1], revoked])
    codes = {decision(running.authorize(KEY)) for _ in range(20)}
    assert codes == {(401, "key_revoked")}


def test_a_killed_main_process_takes_its_workers_along(start):
    running = start(VERIFIER_WORKERS=2)
    workers = running.workers()
    assert len(workers) == 2
    kill(running.process.pid)
    wait_until(lambda: all(map(is_gone, workers)), seconds=30, what="the workers are gone")


def test_a_killed_worker_is_replaced_and_the_others_go_on(start):
    running = start(VERIFIER_WORKERS=2)
    victim, other = running.workers()
    kill(victim)
    wait_until(lambda: len({*running.workers()} - {victim}) == 2, seconds=30, what="a new worker")
    assert other in running.workers()
    wait_until(lambda: is_accepted(running), seconds=30, what="decisions go on")


@pytest.mark.alone
def test_sigterm_stops_everything_within_two_seconds_idle_connections_or_not(start):
    running = start(VERIFIER_WORKERS=2)
    opened = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(8)]
    opened[0].sendall(b"POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
    workers, started = running.workers(), time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=10) == 0
    assert time.monotonic() - started < 2
    assert all(map(is_gone, workers))
    for each in opened:
        each.close()


@pytest.mark.parametrize("name", ["VERIFIER_PORT", "METRICS_PORT"])
def test_a_taken_port_is_a_sentence_and_an_exit_code(start, tmp_path, name):
    taken = start().environment[f"KEYDESK_{name}"]
    ended = keydesk("verifier", environment=desk_environment(tmp_path, **SETTINGS, **{name: taken}))
    sentence = (
        f"keydesk: The verifier cannot listen on 127.0.0.1:{taken}: Address already in use.\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", sentence)


def is_accepted(running):
    """Say whether a good key passes; a request that had been handed to a killed worker is reset, and asked again."""
    with suppress(ConnectionError):
        return running.authorize(KEY).status == 200
    return False


def test_the_metrics_add_up_all_workers_and_outlive_one(start):
    running = start(VERIFIER_WORKERS=2)
    for _ in range(30):
        running.authorize(KEY)
    accepted = 'keydesk_decisions_total{code="ok",door="authorize"} '
    assert f"{accepted}30.0\n" in running.metrics()
    kill(running.workers()[0])
    wait_until(lambda: len(running.workers()) == 2, seconds=30, what="a new worker")
    wait_until(lambda: is_accepted(running), seconds=30, what="decisions go on")
    assert f"{accepted}31.0\n" in running.metrics()
    assert "keydesk_replica_age_seconds " in running.metrics()


def test_the_metrics_are_on_their_own_port_only(start):
    running = start()
    assert running.get("/metrics").status == 404
    assert "keydesk_replica_revision 4.0" in running.metrics()
    for path in ("/", "/metrics/", "/favicon.ico", "/v1/verify"):
        assert status_of(f"http://127.0.0.1:{running.metrics_port}{path}") == 404


def test_nothing_printed_holds_a_credential(start):
    running = start()
    secret = mint()
    running.get(f"/v1/authorize/disbursement?api_key={secret}", {"x-api-key": secret})
    running.verify(secret, {"key": secret, "product": secret})
    kill(running.workers()[0])
    assert secret not in running.stop()


def test_what_a_killed_verifier_counted_is_cleared_by_the_next_and_a_stopped_one_leaves_nothing(
    start, tmp_path
):
    killed = start()
    port = killed.environment["KEYDESK_VERIFIER_PORT"]
    folder = tmp_path / "verifier" / port
    (left,) = wait_until(lambda: list(folder.glob("*.tally")), seconds=30, what="a tally")
    workers = killed.workers()
    killed.process.kill()
    wait_until(lambda: all(map(is_gone, workers)), seconds=30, what="the workers are gone")
    assert left.exists()
    following = start(None, VERIFIER_PORT=port)
    assert not left.exists()
    following.stop()
    assert not folder.exists()
