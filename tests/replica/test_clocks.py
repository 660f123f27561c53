"""A host whose clock is not the database's finds out, whatever its source, and a slow answer is no wrong clock."""

import threading
import time
from contextlib import closing

import pytest
import time_machine
from msgspec.structs import astuple, replace
from tests.fixtures.feeds import ROW_KEY, SINAR, SqliteFeed, rows_in
from tests.fixtures.relays import FOLLOWER, Answers, Host, fake_relay
from tests.fixtures.verifier import fill

from keydesk.replica.follow import Follower
from keydesk.replica.layout import META, META_KEY, Head, encode, open_environment
from keydesk.replica.sources.contract import SourceUnavailable
from keydesk.replica.sources.https import HttpsSource
from keydesk.replica.store import Reader, Writer


@pytest.fixture
def ahead_seconds(replica_dir):
    """Give how far ahead the replica knows this host's clock to be."""

    def ahead_seconds():
        with closing(Reader(replica_dir)) as reader:
            return reader.status().clock_ahead_seconds

    return ahead_seconds


@pytest.mark.parametrize("moved_seconds", [0, 1, 300, 86400, -1, -300, -86400])
def test_a_host_knows_how_far_its_clock_is_from_the_databases(
    feed, follow, ahead_seconds, moved_seconds
):
    feed.publish(SINAR)
    with time_machine.travel(time.time() + moved_seconds):
        follow(feed.source(), steps=2)
    # A file has no clock but its host's.
    expected = 0 if isinstance(feed, SqliteFeed) else moved_seconds
    assert ahead_seconds() == pytest.approx(expected, abs=0.5)


def test_a_clock_that_is_mended_is_right_with_the_next_change_as_well(feed, follow, ahead_seconds):
    with time_machine.travel(time.time() + 300):
        follow(feed.source())
    feed.publish(SINAR)
    follow(feed.source())
    assert ahead_seconds() == pytest.approx(0, abs=0.5)


class SlowSource:
    """A database that takes its time, and reads its clock at the beginning of it or at its end."""

    def __init__(self, *, reads_clock_first):
        self.reads_clock_first = reads_clock_first

    def head(self):
        at_first = time.time()
        threading.Event().wait(0.3)
        at = at_first if self.reads_clock_first else time.time()
        return Head("first", 1, 0, clock_ms=int(at * 1000))


@pytest.mark.parametrize("reads_clock_first", [True, False])
def test_a_slow_answer_does_not_look_like_a_wrong_clock(replica_dir, reads_clock_first):
    with Writer(replica_dir) as writer:
        writer.snapshot(Head("first", 1, 0), [], confirmed=None)
        source = SlowSource(reads_clock_first=reads_clock_first)
        Follower(source, writer, row_mac_key=ROW_KEY, stop=threading.Event()).step()
        assert writer.meta.clock_ahead_seconds == pytest.approx(0, abs=0.01)


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path / "host")
    yield host
    host.end()


@pytest.fixture
def look(host, replica_dir):
    """Look once at the relay of an address, which is trusted."""

    def look(url):
        with (
            Writer(replica_dir) as writer,
            closing(HttpsSource(url, host.credential_file)) as source,
        ):
            Follower(source, writer, row_mac_key=None, stop=threading.Event()).step()

    return look


@pytest.mark.parametrize("moved_seconds", [0, -20])
def test_a_relays_own_wrong_clock_is_taken_out(host, look, ahead_seconds, moved_seconds):
    fill(host.replica_dir, [FOLLOWER], clock_ahead_seconds=20.0)
    relay = host.relay()
    with time_machine.travel(time.time() + moved_seconds):
        look(relay.url)
    # A slow answer takes its time away from the difference.
    assert ahead_seconds() == pytest.approx(20 + moved_seconds, abs=5)


@pytest.fixture
def ask(look):
    """Look once at a relay that says this of the clock."""

    def ask(clock_ms):
        answers = Answers(SINAR)
        answers.head = replace(answers.head, clock_ms=clock_ms)
        with fake_relay(answers) as url:
            look(url)

    return ask


def test_below_a_relay_that_does_not_know_nobody_knows(ask, ahead_seconds):
    ask(None)
    assert ahead_seconds() is None


@pytest.mark.parametrize("clock_ms", [-1, 1 << 60, "noon"])
def test_a_clock_that_can_be_none_is_no_answer(ask, clock_ms):
    with pytest.raises(SourceUnavailable, match="makes no sense"):
        ask(clock_ms)


def test_a_replica_of_before_goes_on_and_knows_nothing_of_the_clock(replica_dir, ahead_seconds):
    with Writer(replica_dir) as writer:
        writer.note_clock(7.0)
        writer.snapshot(Head("first", 1, 0), [SINAR], confirmed=None)
        as_before = encode(astuple(writer.meta)[:-1])
    with open_environment(replica_dir, is_writer=True) as env, env.begin(write=True) as transaction:
        transaction.put(META_KEY, as_before, db=env.open_db(META.encode(), transaction))
    assert (rows_in(replica_dir), ahead_seconds()) == ([SINAR], None)
