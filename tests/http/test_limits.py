"""Limits through the whole verifier: exactly as many calls pass as a limit says, however many processes decide."""

import contextlib
import threading
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
from tests.fixtures.rows import account, entitlement, key, product
from tests.fixtures.verifier import DIGEST, RunningVerifier, fill, mint

LIMIT = 200
ASKED = 600
CONNECTIONS = 6
KEY, RATED, FREE = mint(), mint(), mint()
RECORDS = [
    account(),
    product(),
    entitlement(),
    key(DIGEST(KEY), id="key_quota", limits=(f"key:monthly={LIMIT}/month",)),
    key(DIGEST(RATED), id="key_rate", limits=(f"key:burst={LIMIT}/86400s",)),
    key(DIGEST(FREE), id="key_free"),
]
PATH = "/v1/authorize/disbursement"


@contextlib.contextmanager
def host(folder, **settings):
    """Give a verifier in a data folder of its own, as on a host of its own."""
    fill(folder / "replica", RECORDS)
    with RunningVerifier(folder, **settings) as running:
        yield running


class Crowd:
    """Several connections to each of some verifiers, all asking at once."""

    def __init__(self, *verifiers):
        self.ports = [verifier.port for verifier in verifiers for _ in range(CONNECTIONS)]

    def ask(self, presented, *, asked=ASKED, midway=lambda: None):
        """Ask so often in all, do something else at a third, and give how often each status and code came."""
        started, found, lock = threading.Barrier(len(self.ports)), Counter(), threading.Lock()

        def ask_one(port):
            started.wait()
            for _ in range(asked // len(self.ports)):
                answer = answer_to(port, presented)
                with lock:
                    found[answer] += 1
                    is_midway = found.total() == asked // 3
                if is_midway:
                    midway()

        with ThreadPoolExecutor(len(self.ports)) as crew:
            for done in [crew.submit(ask_one, port) for port in self.ports]:
                done.result()
        return dict(found)


def answer_to(port, presented):
    """Give status and code over a connection of its own, so that the kernel picks a process each time."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", PATH, headers={"x-api-key": presented})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["x-keydesk-code"]


def calls_while_away(verifier):
    """Give how many calls with limits came while Valkey was away, as Prometheus reads it."""
    url = f"http://127.0.0.1:{verifier.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith("keydesk_limits_away_total ")]
    return float(line.split()[1])


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize(
    ("presented", "refusal"),
    [(KEY, "quota_exceeded"), (RATED, "rate_limited")],
    ids=["quota", "rate"],
)
def test_exactly_the_limit_passes_on_one_host_whatever_the_number_of_processes(
    tmp_path, workers, presented, refusal
):
    with host(tmp_path, VERIFIER_WORKERS=workers) as verifier:
        found = Crowd(verifier).ask(presented)
    # The rate of a day drains one call in seven minutes; the test is over before.
    assert found == {(200, "ok"): LIMIT, (429, refusal): ASKED - LIMIT}


@contextlib.contextmanager
def two_hosts(folder, **settings):
    with (
        host(folder / "one", VERIFIER_WORKERS=2, VALKEY_WAIT_MS=5000, **settings) as one,
        host(folder / "two", VERIFIER_WORKERS=2, VALKEY_WAIT_MS=5000, **settings) as two,
    ):
        yield one, two


@pytest.mark.parametrize(
    ("presented", "refusal"),
    [(KEY, "quota_exceeded"), (RATED, "rate_limited")],
    ids=["quota", "rate"],
)
def test_exactly_the_limit_passes_on_two_hosts_that_share_a_valkey(
    valkey, tmp_path, presented, refusal
):
    with two_hosts(tmp_path, VALKEY_URL=valkey.url) as hosts:
        found = Crowd(*hosts).ask(presented)
        away = [calls_while_away(verifier) for verifier in hosts]
    assert found == {(200, "ok"): LIMIT, (429, refusal): ASKED - LIMIT}
    assert away == [0, 0]


def test_each_host_counts_by_itself_while_valkey_is_away(valkey, tmp_path):
    valkey.kill()
    with two_hosts(tmp_path, VALKEY_URL=valkey.url, LIMITS_WHEN_AWAY="local") as hosts:
        found = Crowd(*hosts).ask(KEY)
        away = [calls_while_away(verifier) for verifier in hosts]
    assert found == {(200, "ok"): 2 * LIMIT, (429, "quota_exceeded"): ASKED - 2 * LIMIT}
    assert away == [ASKED / 2, ASKED / 2]


def test_a_valkey_that_goes_away_under_load_lets_at_most_one_limit_a_host_pass_beyond(
    valkey, tmp_path
):
    with two_hosts(tmp_path, VALKEY_URL=valkey.url) as hosts:
        found = Crowd(*hosts).ask(KEY, asked=2 * ASKED, midway=valkey.kill)
    assert set(found) == {(200, "ok"), (429, "quota_exceeded")}
    assert LIMIT <= found[200, "ok"] <= (len(hosts) + 1) * LIMIT


def test_calls_with_limits_get_503_and_others_pass_where_a_provider_rather_refuses(
    valkey, tmp_path
):
    valkey.kill()
    with two_hosts(tmp_path, VALKEY_URL=valkey.url, LIMITS_WHEN_AWAY="refuse") as hosts:
        assert Crowd(*hosts).ask(KEY) == {(503, "unavailable"): ASKED}
        assert Crowd(*hosts).ask(FREE) == {(200, "ok"): ASKED}
        refused = hosts[0].authorize(KEY)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
