"""What the follower makes of sources that a test cannot have at will: standbys, and heads that move meanwhile."""

import threading
import time
from contextlib import contextmanager

import pytest
from msgspec.structs import replace
from tests.fixtures.feeds import ROW_KEY, SINAR, rows_in

from keydesk.core.digest import row_mac
from keydesk.replica.follow import Follower, Stopped, run_replicator
from keydesk.replica.histories import history_of, is_earlier, parts_of
from keydesk.replica.layout import Head, Place
from keydesk.replica.moments import Moment
from keydesk.replica.sources.contract import Published, Reading, SourceUnavailable
from keydesk.replica.store import Reader, Writer


class ListedSource:
    """A source that answers what it was given: first a head, then what it holds by the time it is read."""

    def __init__(self, head, *, later=None, rows=()):
        self.first, self.later, self.rows = head, later or head, rows

    def head(self):
        return self.first

    @contextmanager
    def changes(self, after):
        yield Reading(self.later, (row for row in self.rows if row.values[-2] > after))

    def snapshot(self):
        return self.changes(-1)

    def wait(self, timeout_seconds):
        raise NotImplementedError

    def close(self):
        pass


SINAR_ROW = Published(
    type(SINAR), (SINAR.id, SINAR.username, SINAR.status, "", 1, row_mac(ROW_KEY, SINAR))
)


@pytest.fixture
def step(replica_dir):
    def step(source, stop=None):
        with Writer(replica_dir) as writer:
            stop = stop or threading.Event()
            Follower(source, writer, row_mac_key=ROW_KEY, stop=stop).step()

    return step


def test_a_standby_vouches_for_the_moment_of_its_heartbeat_only(step, replica_dir):
    heard = int(time.time()) - 100
    step(ListedSource(Head("first", 1, heard, is_standby=True)))
    assert Reader(replica_dir).status().confirmed_at == pytest.approx(heard, abs=1)


def test_a_heartbeat_from_the_future_does_not_make_a_standby_fresher(step, replica_dir):
    step(ListedSource(Head("first", 1, int(time.time()) + 1000, is_standby=True)))
    assert Reader(replica_dir).status().confirmed_at <= time.time()


def test_the_heartbeat_of_a_primary_says_nothing_about_freshness(step, replica_dir):
    step(ListedSource(Head("first", 1, 0)))
    assert Reader(replica_dir).status().confirmed_at == pytest.approx(time.time(), abs=5)


def test_a_source_that_goes_back_while_it_is_read_changes_nothing(step, replica_dir):
    step(ListedSource(Head("first", 5, 0), rows=[SINAR_ROW]))
    step(ListedSource(Head("first", 6, 0), later=Head("first", 4, 0)))
    status = Reader(replica_dir).status()
    assert (status.revision, rows_in(replica_dir)) == (5, [SINAR])


def test_an_epoch_that_changes_while_changes_are_read_waits_for_the_next_look(step, replica_dir):
    step(ListedSource(Head("first", 5, 0), rows=[SINAR_ROW]))
    step(ListedSource(Head("first", 6, 0), later=Head("second", 9, 0)))
    assert Reader(replica_dir).status().epoch == "first"
    step(ListedSource(Head("second", 9, 0)))
    assert rows_in(replica_dir) == []


def test_a_stop_in_the_middle_of_a_batch_takes_none_of_it(step, replica_dir):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        step(ListedSource(Head("first", 5, 0), rows=[SINAR_ROW]), stop)
    assert (rows_in(replica_dir), Reader(replica_dir).status().epoch) == ([], "")


class MovingSource(ListedSource):
    """One that gives its rows as of its first head, and what changed meanwhile only when it is asked again."""

    @contextmanager
    def snapshot(self):
        yield Reading(self.first, iter([SINAR_ROW]))


def test_a_first_snapshot_counts_with_what_changed_while_it_was_read(step, replica_dir):
    suspended = replace(SINAR, status="SUSPENDED", revision=2)
    row = Published(
        type(suspended),
        (SINAR.id, SINAR.username, suspended.status, "", 2, row_mac(ROW_KEY, suspended)),
    )
    step(MovingSource(Head("first", 1, 0), later=Head("first", 2, 0), rows=[row]))
    assert rows_in(replica_dir) == [suspended]
    assert Reader(replica_dir).status().confirmed_at == pytest.approx(time.time(), abs=5)


def test_a_first_snapshot_without_what_changed_meanwhile_is_not_confirmed(step, replica_dir):
    with pytest.raises(SourceUnavailable):
        step(LeavingSource(Head("first", 1, 0)))
    assert rows_in(replica_dir) == [SINAR]
    assert Reader(replica_dir).status().confirmed_at is None


class LeavingSource(MovingSource):
    """One that cannot be read any more after its rows."""

    def changes(self, after):
        raise SourceUnavailable(f"Nothing after {after} can be read.")


def test_an_earlier_timeline_of_the_same_history_is_not_followed(step, replica_dir):
    step(ListedSource(Head("first@2", 1, 0), rows=[SINAR_ROW]))
    step(ListedSource(Head("first", 5, 0)))
    status = Reader(replica_dir).status()
    assert (status.epoch, status.revision, status.has_gone_back) == ("first@2", 1, True)
    assert rows_in(replica_dir) == [SINAR]


def test_a_later_timeline_is_a_new_history(step, replica_dir):
    step(ListedSource(Head("first@9", 7, 0), rows=[]))
    step(ListedSource(Head("first@10", 1, 0), rows=[SINAR_ROW]))
    status = Reader(replica_dir).status()
    assert (status.epoch, status.revision, status.has_gone_back) == ("first@10", 1, False)


@pytest.mark.parametrize("epoch", ["", "a", "a@", "@", "restored@home", "a@b@c", "a@" + "9" * 5000])
def test_an_epoch_may_have_any_name(epoch):
    assert parts_of(epoch) == (epoch, 1)
    assert parts_of(history_of(epoch, 12)) == (epoch, 12)
    assert history_of(epoch, 1) == epoch


@pytest.mark.parametrize("epoch", ["first", "restored@2026", "a@1"])
def test_an_old_primary_is_known_whatever_the_epochs_name(epoch):
    assert is_earlier(history_of(epoch, 1), history_of(epoch, 2))
    assert not is_earlier(history_of(epoch, 2), history_of(epoch, 1))


def test_rows_of_another_history_have_their_own_age(step, replica_dir):
    step(ListedSource(Head("second", 9, 0), rows=[SINAR_ROW]))
    step(ListedSource(Head("first", 5, 0, age_ms=600_000), rows=[SINAR_ROW]))
    status = Reader(replica_dir).status()
    assert status.epoch == "first"
    assert status.confirmed_at == pytest.approx(time.time() - 600, abs=5)


def test_a_database_after_a_relay_is_compared_whole_once(step, replica_dir):
    suspended = replace(SINAR, status="SUSPENDED", revision=2)
    row = Published(
        type(suspended),
        (SINAR.id, SINAR.username, suspended.status, "", 2, row_mac(ROW_KEY, suspended)),
    )
    step(ListedSource(Head("first", 3, 0, place=Place("log", 1)), rows=[SINAR_ROW]))
    step(ListedSource(Head("first", 3, 0), rows=[row]))
    assert rows_in(replica_dir) == [suspended]


def test_a_source_that_lags_is_not_told_to_be_current(replica_dir, caplog):
    class Lagging(ListedSource):
        looks = 0

        def head(self):
            self.looks += 1
            if self.looks == 1:
                raise SourceUnavailable("It is away.")
            return self.first

        def wait(self, _):
            stop.set()

    with Writer(replica_dir) as writer:
        writer.snapshot(Head("first", 9, 0), [], confirmed=Moment.ago())
    stop = threading.Event()
    source = Lagging(Head("first", 4, 0))
    run_replicator(source, replica_dir=replica_dir, row_mac_key=ROW_KEY, stop=stop)
    assert "behind this replica" in caplog.text
    assert "current again" not in caplog.text
