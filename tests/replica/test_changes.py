"""What a replica tells of its changes: all of them, once each, or that it reaches no further back."""

import pytest
from msgspec.structs import replace
from tests.fixtures.feeds import (
    DISBURSEMENT,
    ENTITLED,
    ROW_KEY,
    SINAR,
    credential,
    key,
    rows_in,
)
from tests.fixtures.replicators import in_child

from keydesk.core.digest import row_mac
from keydesk.replica import changes
from keydesk.replica.batch import Suspect
from keydesk.replica.layout import Head, Place, Signed, value_of
from keydesk.replica.moments import Moment
from keydesk.replica.store import Reader, ReplicaMissing, Writer

ALL = [key(), SINAR, DISBURSEMENT, ENTITLED, credential()]


@pytest.fixture
def write(replica_dir):
    """Write the rows as the source's, at a revision, and give where the replica then stands."""

    def write(*rows, revision=1, epoch="first"):
        with Writer(replica_dir) as writer:
            head = Head(epoch, revision, 0)
            goes_on = writer.meta.epoch == epoch
            (writer.apply if goes_on else writer.snapshot)(head, rows, confirmed=Moment.ago())
            return writer.meta.place

    return write


def told_after(replica_dir, place):
    """Give what changed after a place, None if the replica reaches no further back."""
    with Reader(replica_dir).view() as view:
        if view.reaches_back_to(place):
            return [(change.position, change.row.record) for change in view.changes(place)]
    return None


def test_whoever_has_all_rows_hears_of_every_change_after_them_once_and_in_order(
    replica_dir, write
):
    place = write(*ALL)
    disabled, revoked = key(state="DISABLED", revision=2), key(state="REVOKED", revision=4)
    renamed = replace(SINAR, username="sinarmaju", revision=3)
    write(disabled, renamed, revision=3)
    last = write(revoked, revision=4)
    assert told_after(replica_dir, place) == [(1, revoked), (2, renamed)]
    assert told_after(replica_dir, Place(place.log, 1)) == [(2, renamed), (3, revoked)]
    assert (told_after(replica_dir, last), last) == ([], Place(place.log, 3))


def test_rows_that_come_again_as_they_were_are_no_change(replica_dir, write):
    place = write(*ALL)
    assert write(*ALL, revision=7) == place


def test_a_row_that_is_taken_over_late_is_told_although_its_revision_is_an_old_one(
    replica_dir, write
):
    place = write(SINAR, Suspect("key", "key_a", "its MAC is wrong", None), revision=5)
    with Writer(replica_dir) as writer:
        writer.snapshot(Head("first", 5, 0), [SINAR, key()], confirmed=Moment.ago())
    assert told_after(replica_dir, place) == [(1, key())]


def test_everything_is_given_kind_by_kind_and_can_be_gone_on_with(replica_dir, write):
    keys = [key(f"key_{letter}") for letter in "abc"]
    write(*reversed(keys), *ALL[1:])
    with Reader(replica_dir).view() as view:
        assert [row.record for row in view.everything()] == [*keys, *ALL[1:]]
        assert [row.record for row in view.rows("key", after=keys[0].digest)] == keys[1:]
        assert view.meta.revision == 1


def test_a_new_epoch_is_told_under_a_new_name(replica_dir, write):
    place = write(*ALL)
    write(*ALL, epoch="second")
    assert told_after(replica_dir, place) is None


@pytest.mark.parametrize("place", [Place("other", 0), Place()])
def test_a_place_in_another_log_is_not_reached(replica_dir, write, place):
    write(*ALL)
    assert told_after(replica_dir, place) is None


def test_a_place_that_lies_ahead_is_not_reached(replica_dir, write):
    place = write(*ALL)
    assert told_after(replica_dir, Place(place.log, 1)) is None


def test_only_the_last_changes_are_remembered(replica_dir, write, monkeypatch):
    monkeypatch.setattr(changes, "MOST_CHANGES", 3)
    place = write(SINAR)
    last = write(*(key(f"key_{number}", revision=2) for number in range(5)), revision=2)
    assert told_after(replica_dir, Place(place.log, 1)) is None
    assert [position for position, _ in told_after(replica_dir, Place(place.log, 2))] == [3, 4, 5]
    assert last == Place(place.log, 5)


def test_a_view_is_of_one_moment(replica_dir, write):
    write(*ALL)
    reader = Reader(replica_dir)
    with reader.view() as view:
        before = view.place
        assert in_child(lambda: write(key(state="REVOKED", revision=2), revision=2) != before)
        assert (list(view.changes(before)), next(view.rows("key")).record) == ([], key())
    with reader.view() as view:
        assert [change.row.record.state for change in view.changes(before)] == ["REVOKED"]


def test_a_view_of_a_replica_that_is_not_there_says_so(replica_dir):
    with pytest.raises(ReplicaMissing), Reader(replica_dir).view():
        pass


def test_a_replica_that_was_never_filled_has_nothing_to_tell(replica_dir):
    Writer(replica_dir).close()
    with Reader(replica_dir).view() as view:
        assert (view.place, view.oldest, list(view.everything())) == (Place(), 0, [])


def test_the_mac_of_a_row_is_kept_with_it(replica_dir, write):
    signed = Signed(key(), row_mac(ROW_KEY, key()))
    write(signed)
    assert rows_in(replica_dir) == [key()]
    with Reader(replica_dir).view() as view:
        assert [row.value for row in view.everything()] == [value_of(signed)]
