"""The relay's doors: who may come in, what is asked of them and how, and pages that are whole."""

import socket
import time

import pytest
from tests.fixtures import feeds
from tests.fixtures.feeds import SINAR, key
from tests.fixtures.relays import CREDENTIAL, FOLLOWER, Host, ask
from tests.fixtures.replicators import eventually
from tests.fixtures.verifier import DIGEST, fill, mint

from keydesk.replica import wire
from keydesk.replica.layout import Head, Signed, value_of
from keydesk.replica.moments import Moment
from keydesk.replica.sources.https import HttpsSource
from keydesk.replica.store import Writer

VERIFIER, EXPIRED = mint("kds"), mint("kds")
OTHERS = [
    feeds.credential(id="crd_b", digest=DIGEST(VERIFIER), scopes=("verify", "usage")),
    feeds.credential(id="crd_c", digest=DIGEST(EXPIRED), scopes=("replicate",), expires_at=1),
]
KEYS = [key(f"key_{number:05}") for number in range(wire.PAGE_ROWS + 1000)]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("relays") / "host")
    fill(host.replica_dir, [FOLLOWER, *OTHERS, SINAR, *KEYS])
    yield host
    host.end()


@pytest.fixture(scope="module")
def relay(host):
    return host.relay()


@pytest.mark.parametrize(
    "credential",
    [None, "", "kds_live_", CREDENTIAL[:-1], mint("kds"), mint(), VERIFIER, EXPIRED],
    ids=["none", "empty", "marker", "cut", "unknown", "a key", "another scope", "expired"],
)
@pytest.mark.parametrize("path", [wire.HEAD_PATH, wire.CHANGES_PATH, wire.ROWS_PATH])
def test_nobody_comes_in_without_a_credential_in_force_that_may_replicate(relay, path, credential):
    answer = ask(relay, f"{path}?log=x&after=0&wait_ms=9000&position=0", credential=credential)
    assert (answer.status, answer.kind) == (401, "application/problem+json")
    assert answer.told["code"] == "service_credential_invalid"
    assert answer.headers["www-authenticate"] == 'Bearer realm="keydesk"'


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/verify",
        "/v1/feed/rows-v2/head",
        "/v1/feed/rows-v9/head",
        wire.HEAD_PATH + "/",
    ],
)
def test_elsewhere_there_is_nothing_and_the_way_to_this_versions_rows_is_told(relay, path):
    answer = ask(relay, path)
    assert (answer.status, answer.told["code"]) == (404, "not_found")
    assert answer.told["detail"] == "This relay's feed is at /v1/feed/rows-v3/."


def test_only_get_is_answered(relay):
    answer = ask(relay, wire.HEAD_PATH, method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "target",
    [
        f"{wire.CHANGES_PATH}?log=x",
        f"{wire.CHANGES_PATH}?log=x&after=-1",
        f"{wire.CHANGES_PATH}?log=x&after=1&after=2",
        f"{wire.CHANGES_PATH}?log=x&after=%D9%A1",
        f"{wire.CHANGES_PATH}?log=x&after={'9' * 19}",
        f"{wire.CHANGES_PATH}?log=x&after=0",
        f"{wire.ROWS_PATH}?kind=meta&after=",
        f"{wire.ROWS_PATH}?kind=key&after=0",
        f"{wire.ROWS_PATH}?kind=key&after={'00' * 512}",
        f"{wire.HEAD_PATH}?wait_ms=1",
        f"{wire.HEAD_PATH}?wait_ms=x&position=0",
        f"{wire.HEAD_PATH}?&&&",
        f"{wire.HEAD_PATH}?a=1&b=2&c=3&d=4&e=5",
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_a_sentence(relay, target):
    answer = ask(relay, target)
    assert (answer.status, answer.told["code"]) == (400, "invalid_input")
    assert answer.told["detail"].endswith(".")


def test_the_head_says_where_the_replica_stands_and_how_old_it_is(tmp_path):
    host = Host(tmp_path / "host")
    fill(host.replica_dir, [FOLLOWER], age_seconds=100)
    relay = host.relay()
    told = ask(relay, wire.HEAD_PATH).told
    host.end()
    assert 100_000 <= told.pop("age_ms") < 130_000
    assert told.pop("clock_ms") is None
    place = told.pop("place")
    assert (len(place[0]), place[1]) == (16, 0)
    assert told == {"epoch": "epoch-1", "revision": 1, "heartbeat_at": 0, "is_standby": False, "oldest": 0}  # fmt: skip


def test_all_rows_come_in_pages_of_their_order_and_the_last_one_says_so(host, relay):
    first = ask(relay, wire.ROWS_PATH).told
    kind, last = first[2]
    second = ask(relay, f"{wire.ROWS_PATH}?kind={kind}&after={last.hex()}").told
    assert (len(first[1]), second[2]) == (wire.PAGE_ROWS, None)
    with host.reader.view() as view:
        expected = [[row.kind, row.value] for row in view.everything()]
    assert first[1] + second[1] == expected


@pytest.mark.alone
@pytest.mark.parametrize("position", [0, 7])
def test_who_stands_elsewhere_waits_for_nothing(relay, position):
    started = time.monotonic()
    log = ask(relay, wire.HEAD_PATH).told["place"][0] if position else "another"
    assert ask(relay, f"{wire.HEAD_PATH}?log={log}&position={position}&wait_ms=9000").status == 200
    assert time.monotonic() - started < 5


def test_who_waits_is_answered_at_the_end_of_the_time_or_as_soon_as_something_changes(tmp_path):
    host = Host(tmp_path / "host")
    fill(host.replica_dir, [FOLLOWER])
    source = HttpsSource(host.relay().url, host.credential_file)
    try:
        before = source.head()
        source.wait(0.2)
        assert source.head().place == before.place
        with Writer(host.replica_dir) as writer:
            writer.apply(Head("epoch-1", 2, 0), [key(revision=2)], confirmed=Moment.ago())
        source.wait(60)
        assert eventually(lambda: source.head().revision) == 2
    finally:
        source.close()
        host.end()


def test_rows_that_change_while_all_are_read_come_as_they_are_at_the_end(tmp_path):
    host = Host(tmp_path / "host")
    fill(host.replica_dir, [FOLLOWER, *KEYS])
    source = HttpsSource(host.relay().url, host.credential_file)
    revoked = key(KEYS[0].id, state="REVOKED", revision=2)
    try:
        with source.snapshot() as reading:
            given = [next(reading.rows) for _ in range(10)]
            with Writer(host.replica_dir) as writer:
                writer.apply(Head("epoch-1", 2, 0), [revoked], confirmed=Moment.ago())
            given += reading.rows
    finally:
        source.close()
        host.end()
    heads = [each for each in given if isinstance(each, Head)]
    assert (reading.head.revision, heads[-1].revision, heads[-1].place.position) == (1, 2, 1)
    rows = [list(each.values) for each in given if not isinstance(each, Head)]
    assert (len(rows), rows[-1][:1], rows[-1][5]) == (len(KEYS) + 2, [revoked.id], "REVOKED")


@pytest.mark.alone
def test_a_relay_stops_within_two_seconds_while_somebody_waits(tmp_path):
    host = Host(tmp_path / "host")
    fill(host.replica_dir, [FOLLOWER])
    relay = host.relay()
    log, position = ask(relay, wire.HEAD_PATH).told["place"]
    with socket.create_connection(("127.0.0.1", relay.port), timeout=20) as waiting:
        waiting.sendall(
            f"GET {wire.HEAD_PATH}?log={log}&position={position}&wait_ms=10000 HTTP/1.1\r\nHost: relay\r\n"
            f"Authorization: Bearer {CREDENTIAL}\r\n\r\n".encode()
        )
        assert ask(relay, "/livez", credential=None).told == {"alive": True}
        started = time.monotonic()
        status = relay.stop()
        assert (status, time.monotonic() - started < 2) == (0, True)
    host.end()


def test_a_replica_that_was_never_confirmed_is_not_given(tmp_path):
    host = Host(tmp_path / "host")
    Writer(host.replica_dir).close()
    relay = host.relay()
    answer = ask(relay, wire.HEAD_PATH)
    host.end()
    assert (answer.status, answer.told["code"]) == (503, "unavailable")


def test_a_relay_without_a_replica_says_that_it_cannot_be_followed_now(tmp_path):
    host = Host(tmp_path / "host")
    relay = host.relay()
    answer = ask(relay, wire.HEAD_PATH)
    host.end()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_a_value_that_goes_over_the_wire_is_the_one_that_lies_in_the_replica(host, relay):
    rows = ask(relay, f"{wire.ROWS_PATH}?kind=account").told[1]
    assert rows[0] == ["account", value_of(Signed(SINAR, b""))]
