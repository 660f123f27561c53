"""What a process has open: across forks, in many threads, beside another of its kind, and when its files go."""

import asyncio
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.fixtures.desk import wait_until
from tests.fixtures.rows import account, entitlement, key, product
from tests.fixtures.verifier import DIGEST, PEPPER, fill, mint

from keydesk.client import Keydesk, Need, testing
from keydesk.client import desk as opening
from keydesk.client.counters import SharedCounter
from keydesk.config import Config, ConfigError
from keydesk.core.codes import Code
from keydesk.core.limits import Bucket, parse_limit
from keydesk.limits.ledger import LedgerUnavailable
from keydesk.limits.valkey import SharedLedger
from keydesk.replica.layout import FILE_NAME

NEED = Need("disbursement")


def ask(keydesk, text, need=NEED):
    return keydesk.check([(b"x-api-key", text.encode())], need, address="203.0.113.9")


def ask_async(keydesk, text, need=NEED):
    headers = [(b"x-api-key", text.encode())]
    return asyncio.run(keydesk.check_async(headers, need, address="203.0.113.9"))


@pytest.fixture
def desk():
    with testing.desk() as made:
        yield made


@pytest.fixture(params=[ask, ask_async], ids=["sync", "async"])
def asking(request):
    return request.param


def records_of(text, **fields):
    return [account(), product(), entitlement(), key(DIGEST(text), **fields)]


def fill_in_child(replica_dir, records):
    """Write a replica in another process, as one process has a file open once."""
    child = os.fork()
    if child == 0:
        fill(replica_dir, records)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture
def at(tmp_path):
    """Give a desk's own `Keydesk` in a folder that the test fills."""
    made = []

    def at(**settings):
        config = Config(data_dir=tmp_path, **settings)
        made.append(Keydesk(config, pepper=PEPPER))
        return made[-1]

    yield at
    for keydesk in made:
        keydesk.close()


def test_every_restriction_of_the_route_is_checked(desk, asking):
    text = desk.key("disbursement", scopes=("payout",), networks=("203.0.113.0/24",))
    payout = Need("disbursement", ("payout",))
    keydesk = desk.keydesk
    assert asking(keydesk, text, payout).identity.scopes == ("payout",)
    assert asking(keydesk, text, Need("disbursement", ("read",))).code is Code.SCOPE_MISSING
    assert asking(keydesk, text, Need("payment-link")).code is Code.WRONG_PRODUCT
    in_test = Need("disbursement", environment="test")
    assert asking(keydesk, text, in_test).code is Code.WRONG_ENVIRONMENT
    headers = [(b"x-api-key", text.encode())]
    assert keydesk.check(headers, payout, address=None).code is Code.IP_NOT_ALLOWED


def test_a_route_may_count_as_several_calls(desk, asking):
    text = desk.key("disbursement", limits=("key:day=10/day",))
    dear = Need("disbursement", cost=4)
    found = [asking(desk.keydesk, text, dear) for _ in range(3)]
    assert [each.code for each in found] == [Code.OK, Code.OK, Code.QUOTA_EXCEEDED]
    assert [dict(each.texts)["ratelimit"].split(";t=")[0] for each in found] == [
        '"day";r=6',
        '"day";r=2',
        '"day";r=2',
    ]
    assert found[2].status == 429
    assert int(dict(found[2].texts)["retry-after"]) > 0


def test_a_forked_child_decides_for_itself_and_so_does_its_parent(desk):
    text = desk.key("disbursement", limits=("key:day=3/day",))
    assert ask(desk.keydesk, text).code is Code.OK
    child = os.fork()
    if child == 0:
        code = ask(desk.keydesk, text).code
        os._exit(0 if code is Code.OK else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    found = [ask(desk.keydesk, text).code for _ in range(2)]
    assert found == [Code.OK, Code.QUOTA_EXCEEDED]


def test_a_limit_is_exact_in_many_threads_and_no_thread_waits_for_ever(desk):
    text = desk.key("disbursement", limits=("key:day=500/day",))
    with ThreadPoolExecutor(16) as threads:
        found = Counter(
            each.code for each in threads.map(lambda _: ask(desk.keydesk, text), range(2000))
        )
    assert found == {Code.OK: 500, Code.QUOTA_EXCEEDED: 1500}


def test_no_thread_sees_an_account_as_it_was_before_a_change(desk):
    text, is_over, asked = desk.key("disbursement"), threading.Event(), []
    phase = [("CHANGING", 0)]

    def keep_asking():
        while not is_over.is_set():
            before = phase[0]
            code = ask(desk.keydesk, text).code
            if before is phase[0]:
                asked.append((before[0], code))

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(50):
        for status in ("SUSPENDED", "APPROVED"):
            phase[0] = ("CHANGING", number)
            desk.account(status=status)
            phase[0] = (status, number)
            desk.account("another")  # time for the threads, in which other rows change
    is_over.set()
    for thread in threads:
        thread.join()
    of_one = {pair for pair in asked if pair[0] != "CHANGING"}
    assert of_one == {("SUSPENDED", Code.ACCOUNT_INACTIVE), ("APPROVED", Code.OK)}


def test_two_in_one_process_share_the_files_of_their_folder(desk):
    text = desk.key("disbursement", limits=("key:day=2/day",))
    other = Keydesk(desk.keydesk._config, pepper=bytes.fromhex("00" * 32))
    assert ask(desk.keydesk, text).code is Code.OK
    assert ask(other, text).code is Code.KEY_UNKNOWN
    other.close()
    assert ask(desk.keydesk, text).code is Code.OK
    assert ask(desk.keydesk, text).code is Code.QUOTA_EXCEEDED


def test_closed_and_used_again_it_opens_again(desk):
    text = desk.key("disbursement")
    for _ in range(3):
        assert ask(desk.keydesk, text).code is Code.OK
        desk.keydesk.close()


def test_a_tests_desk_leaves_nothing_behind_whoever_used_it():
    with testing.desk() as desk:
        others = [Keydesk(desk.keydesk._config, pepper=PEPPER) for _ in range(2)]
        assert ask(others[0], desk.key("disbursement")).code is Code.KEY_UNKNOWN
        opened = others[0]._opened
    opened.finish()
    assert not desk.keydesk.data_dir.exists()


def test_without_a_replica_nothing_passes_until_there_is_one(at, asking, tmp_path):
    text, keydesk = mint(), at()
    found = asking(keydesk, text)
    assert (found.code, found.status) == (Code.UNAVAILABLE, 503)
    assert dict(found.texts)["retry-after"] == "1"
    fill(tmp_path / "replica", records_of(text))
    assert asking(keydesk, text).code is Code.OK


def test_past_the_lease_nothing_passes(at, asking, tmp_path):
    text, keydesk = mint(), at()
    fill(tmp_path / "replica", records_of(text), age_seconds=301)
    found = asking(keydesk, text)
    assert (found.status, dict(found.texts)["retry-after"]) == (503, "1")


def test_a_late_replica_is_said_once_and_so_is_that_it_is_current_again(at, tmp_path, caplog):
    text, keydesk = mint(), at()
    fill(tmp_path / "replica", records_of(text), age_seconds=60)
    assert ask(keydesk, text).code is Code.OK

    def told():
        return [each.getMessage()[:22] for each in caplog.records]

    wait_until(lambda: told() == ["The replica is late: i"], seconds=30, what="it is told")
    fill_in_child(tmp_path / "replica", records_of(text))
    expected = ["The replica is late: i", "The replica is current"]
    wait_until(lambda: told() == expected, seconds=30, what="it is current again")


def test_a_replica_that_was_built_anew_is_taken_within_seconds(at, tmp_path):
    text, other, keydesk = mint(), mint(), at()
    fill(tmp_path / "replica", records_of(text))
    assert ask(keydesk, text).code is Code.OK
    for path in (tmp_path / "replica").glob(f"{FILE_NAME}*"):
        path.unlink()
    fill_in_child(tmp_path / "replica", records_of(other))
    wait_until(lambda: ask(keydesk, other).code is Code.OK, seconds=30, what="the new file is read")
    assert ask(keydesk, text).code is Code.KEY_UNKNOWN


def test_a_call_that_cannot_be_counted_does_not_pass(at, asking, tmp_path):
    (tmp_path / "limits").write_text("where the folder should be")
    text, free = mint(), mint()
    records = [
        *records_of(text, limits=("key:day=5/day",)),
        key(DIGEST(free), id="key_free"),
    ]
    fill(tmp_path / "replica", records)
    keydesk = at()
    assert asking(keydesk, text).status == 503
    assert asking(keydesk, free).code is Code.OK


def test_calls_are_counted_in_valkey_by_threads_and_loops_alike(at, tmp_path, valkey):
    text = mint()
    fill(tmp_path / "replica", records_of(text, limits=("key:day=100/day",)))
    keydesk = at(valkey_url=valkey.url, valkey_wait_ms=5000)
    with ThreadPoolExecutor(8) as threads:
        found = Counter(
            each.code
            for each in threads.map(
                lambda number: (ask, ask_async)[number % 2](keydesk, text), range(300)
            )
        )
    assert found == {Code.OK: 100, Code.QUOTA_EXCEEDED: 200}


def test_while_valkey_is_away_each_host_counts_by_itself(at, tmp_path, valkey):
    text = mint()
    fill(tmp_path / "replica", records_of(text, limits=("key:day=3/day",)))
    keydesk = at(valkey_url=valkey.url)
    assert ask(keydesk, text).code is Code.OK
    valkey.kill()
    found = [each(keydesk, text).code for each in (ask, ask_async, ask, ask_async)]
    assert found == [Code.OK, Code.OK, Code.OK, Code.QUOTA_EXCEEDED]


def test_while_valkey_is_away_nothing_passes_where_the_provider_said_so(at, tmp_path, valkey):
    text = mint()
    fill(tmp_path / "replica", records_of(text, limits=("key:day=3/day",)))
    keydesk = at(valkey_url=valkey.url, limits_when_away="refuse")
    assert ask(keydesk, text).code is Code.OK
    valkey.kill()
    assert [each(keydesk, text).status for each in (ask, ask_async)] == [503, 503]


@pytest.mark.alone
def test_a_valkey_that_hangs_holds_a_call_up_for_no_longer_than_was_said(at, tmp_path, valkey):
    text = mint()
    fill(tmp_path / "replica", records_of(text, limits=("key:day=3/day",)))
    keydesk = at(valkey_url=valkey.url, valkey_wait_ms=200)
    assert ask(keydesk, text).code is Code.OK
    valkey.hang()
    started = time.monotonic()
    assert ask(keydesk, text).code is Code.OK
    assert time.monotonic() - started < 2
    valkey.go_on()


def test_a_call_that_waited_in_vain_is_counted_nowhere_afterwards(valkey):
    meanwhile = []
    ledger = SharedLedger(
        valkey.url, wait_seconds=60, meanwhile=None, count_away=lambda: meanwhile.append("counted")
    )
    a_call = {"buckets": [Bucket(b"a", parse_limit("key:day=3/day"))], "cost": 1, "now": 0.0}
    with closing(SharedCounter(ledger, wait_seconds=0)) as counter:
        assert counter.spend_now(**a_call).code is Code.OK
        valkey.hang()
        with pytest.raises(LedgerUnavailable, match="does not answer"):
            counter.spend_now(**a_call)
        with pytest.raises(LedgerUnavailable, match="does not answer"):
            asyncio.run(counter.spend(**a_call))
        valkey.kill()
        wait_until(lambda: ledger.away is not None, seconds=30, what="the connection is lost")
    assert meanwhile == []


def test_a_service_without_its_pepper_does_not_start(tmp_path, monkeypatch):
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match="The secret pepper is missing"):
        Keydesk()
    with pytest.raises(ValueError, match="The pepper must be 32 bytes"):
        Keydesk.at(tmp_path, pepper=b"short")


def failing_start(*names):
    """Give a start of threads that has none left for those of these names."""
    start = threading.Thread.start

    def start_others(thread):
        if thread.name.split("_")[0] in names:  # asyncio numbers its own
            raise RuntimeError("can't start new thread")
        start(thread)

    return start_others


def test_a_process_that_cannot_start_a_thread_refuses(desk, monkeypatch, caplog):
    text = desk.key("disbursement")
    monkeypatch.setattr(threading.Thread, "start", failing_start("keydesk", "asyncio"))
    assert ask(desk.keydesk, text).status == 503
    assert ask_async(desk.keydesk, text).status == 503
    assert "Keydesk cannot be opened: RuntimeError" in caplog.text
    monkeypatch.undo()
    assert ask(desk.keydesk, text).code is Code.OK


def open_files():
    """Give where the descriptors of this process lead."""
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink()}


@pytest.mark.parametrize("name", ["keydesk", "keydesk-valkey"])
def test_what_was_opened_in_vain_is_closed_again(at, tmp_path, valkey, monkeypatch, caplog, name):
    text = mint()
    fill(tmp_path / "replica", records_of(text, limits=("key:day=5/day",)))
    keydesk = at(valkey_url=valkey.url)
    before = {thread.ident for thread in threading.enumerate()}
    monkeypatch.setattr(threading.Thread, "start", failing_start(name))
    assert [ask(keydesk, text).status for _ in range(5)] == [503] * 5
    monkeypatch.undo()
    assert {thread.ident for thread in threading.enumerate()} == before
    assert [path for path in open_files() if path.startswith(str(tmp_path / "limits"))] == []
    assert ask(keydesk, text).code is Code.OK


def test_what_cannot_be_opened_is_logged_once_a_second_at_most(desk, monkeypatch, caplog):
    text = desk.key("disbursement")
    monkeypatch.setattr(threading.Thread, "start", failing_start("keydesk"))
    started = time.monotonic()
    for _ in range(50):
        assert ask(desk.keydesk, text).status == 503
    seconds = time.monotonic() - started
    assert 1 <= len(caplog.records) <= 1 + int(seconds)


def test_a_loop_goes_on_while_the_files_are_opened(desk):
    text, goes_on, seen = desk.key("disbursement"), threading.Event(), []
    headers = [(b"x-api-key", text.encode())]
    is_held = threading.Event()

    def hold():
        with opening._LOCK:
            is_held.set()
            seen.append(goes_on.wait(10))

    async def ask_and_go_on():
        asked = asyncio.create_task(desk.keydesk.check_async(headers, NEED, address=None))
        await asyncio.sleep(0)
        goes_on.set()
        return await asked

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait()
    outcome = asyncio.run(ask_and_go_on())
    holder.join()
    assert (outcome.code, seen) == (Code.OK, [True])
