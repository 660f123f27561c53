"""A replica becomes and stays what its source publishes, and nothing that the source does takes back a revocation."""

import time
from contextlib import closing, suppress

import pytest
from msgspec.structs import replace
from tests.fixtures.feeds import DISBURSEMENT, ENTITLED, SINAR, credential, key, rows_in
from tests.fixtures.replicators import eventually

from keydesk.replica.layout import Head
from keydesk.replica.moments import Moment
from keydesk.replica.sources.contract import SourceUnavailable
from keydesk.replica.store import Reader, ReplicaMissing, Status, Writer


def confirmed_at(reader):
    """Give when the replica was last confirmed, None before there is one."""
    with suppress(ReplicaMissing):
        return reader.status().confirmed_at


def test_a_snapshot_brings_every_kind_of_row(feed, follow, replica_dir):
    published = [feed.publish(row) for row in (key(), SINAR, DISBURSEMENT, ENTITLED, credential())]
    follow(feed.source())
    assert rows_in(replica_dir) == published
    status = Reader(replica_dir).status()
    assert (status.epoch, status.revision, status.refused_rows) == ("first", 5, 0)


def test_changes_follow_the_snapshot(feed, follow, replica_dir):
    first, other = feed.publish(key()), feed.publish(key("key_b"))
    follow(feed.source())
    revoked = feed.publish(replace(first, state="REVOKED"))
    added = feed.publish(key("key_c"))
    follow(feed.source())
    assert rows_in(replica_dir) == [revoked, other, added]


def test_changes_in_any_order_and_again_change_nothing_more(feed, follow, replica_dir):
    first = feed.publish(key())
    follow(feed.source())
    revoked = feed.publish(replace(first, state="REVOKED"))
    with Writer(replica_dir) as writer:
        head = Head("first", revoked.revision, 0)
        writer.apply(head, [revoked, first, revoked, first], confirmed=Moment.ago())
        assert writer.refused_rows() == 1
    follow(feed.source())
    assert rows_in(replica_dir) == [revoked]


def test_a_revocation_of_a_lower_revision_than_the_row_held_counts(feed, follow, replica_dir):
    feed.publish(SINAR)
    first = feed.publish(key())
    follow(feed.source())
    revoked = replace(first, state="REVOKED", revision=1)
    with Writer(replica_dir) as writer:
        writer.apply(Head("first", first.revision, 0), [revoked], confirmed=Moment.ago())
        assert writer.refused_rows() == 0
    assert [row for row in rows_in(replica_dir) if row.kind == "key"] == [revoked]


def test_a_tampered_row_never_arrives_and_the_row_before_goes_on_counting(
    feed, follow, replica_dir, caplog
):
    revoked = feed.publish(key(state="REVOKED"))
    follow(feed.source())
    feed.execute("UPDATE verify_keys_v2 SET state = 'ACTIVE', revision = revision + 1")
    feed.publish(SINAR)
    follow(feed.source(), steps=3)
    assert rows_in(replica_dir) == [revoked, replace(SINAR, revision=2)]
    assert Reader(replica_dir).status().refused_rows == 1
    assert [record.getMessage() for record in caplog.records] == [
        "The key 'key_a' is not taken over as published: its MAC is wrong."
    ]


def test_a_refused_row_is_taken_over_once_it_is_right_again(feed, follow, replica_dir):
    active, account = feed.publish(key()), feed.publish(SINAR)
    feed.execute("UPDATE verify_keys_v2 SET product = 'payment-link'")
    follow(feed.source())
    assert (rows_in(replica_dir), Reader(replica_dir).status().refused_rows) == ([account], 1)
    feed.put(active)
    follow(feed.source())
    assert (rows_in(replica_dir), Reader(replica_dir).status().refused_rows) == (
        [active, account],
        0,
    )


def test_rows_of_which_not_one_is_right_leave_a_replica_that_is_not_ready(
    feed, replica_dir, follow, caplog
):
    for number in range(30):
        feed.publish(key(f"key_{number}"))
    feed.execute("UPDATE verify_keys_v2 SET scopes = 'everything'")
    source = feed.source()
    with pytest.raises(SourceUnavailable, match="row-MAC key"), closing(source):
        follow(source)
    assert Reader(replica_dir).status() == Status(
        "", 0, None, 0, 0, has_gone_back=False, clock_ahead_seconds=None
    )
    assert caplog.records == []


def test_many_refused_rows_are_told_in_few_lines(feed, replica_dir, follow, caplog):
    for number in range(30):
        feed.publish(key(f"key_{number}"))
    feed.execute("UPDATE verify_keys_v2 SET scopes = 'everything'")
    feed.publish(SINAR)
    follow(feed.source())
    assert Reader(replica_dir).status().refused_rows == 30
    assert [record.getMessage() for record in caplog.records][20:] == ["Nor are 10 rows more."]


@pytest.mark.parametrize("column", ["digest", "scopes", "mac", "account"])
def test_a_row_with_nothing_where_something_belongs_does_not_stop_the_others(
    feed, follow, replica_dir, column
):
    feed.publish(key())
    other = feed.publish(key("key_b"))
    feed.execute(f"UPDATE verify_keys_v2 SET {column} = NULL WHERE id = 'key_a'")
    follow(feed.source())
    assert rows_in(replica_dir) == [other]
    assert Reader(replica_dir).status().refused_rows == 1


def test_a_row_beyond_the_head_is_refused(feed, follow, replica_dir):
    account = feed.publish(SINAR)
    feed.put(key(revision=7))
    follow(feed.source())
    assert rows_in(replica_dir) == [account]


def test_an_old_row_with_its_right_mac_does_not_come_back_with_a_comparison_of_all(
    feed, follow, replica_dir
):
    active = feed.publish(key())
    revoked = feed.publish(replace(active, state="REVOKED"))
    follow(feed.source())
    feed.put(active)
    feed.execute("UPDATE verify_head_v1 SET revision = 1")
    follow(feed.source())
    feed.execute("UPDATE verify_head_v1 SET revision = 9")
    follow(feed.source())
    assert rows_in(replica_dir) == [revoked]


def test_a_source_that_goes_back_changes_nothing_and_confirms_nothing(
    feed, follow, replica_dir, caplog
):
    held = [feed.publish(key(state="REVOKED")), feed.publish(SINAR)]
    follow(feed.source())
    before = Reader(replica_dir).status()
    feed.execute("UPDATE verify_head_v1 SET revision = 1, heartbeat_at = 5")
    follow(feed.source(), steps=3)
    after = Reader(replica_dir).status()
    assert rows_in(replica_dir) == held
    assert after.has_gone_back
    assert after.confirmed_at == pytest.approx(before.confirmed_at, abs=0.001)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_source_level_again_after_going_back_is_compared_as_a_whole(feed, follow, replica_dir):
    first, other = feed.publish(key()), feed.publish(key("key_b"))
    follow(feed.source())
    feed.execute("UPDATE verify_head_v1 SET revision = 0")
    follow(feed.source())
    feed.publish(replace(first, state="REVOKED", revision=0))
    changed = feed.publish(replace(other, state="DISABLED"))
    feed.put(revoked := replace(first, state="REVOKED", revision=2))
    follow(feed.source())
    assert rows_in(replica_dir) == [revoked, changed]
    assert not Reader(replica_dir).status().has_gone_back


def test_a_new_epoch_brings_its_own_rows_and_no_others(feed, follow, replica_dir):
    feed.publish(key())
    feed.publish(key("key_b"))
    follow(feed.source())
    feed.execute("DELETE FROM verify_keys_v2 WHERE id = 'key_b'")
    feed.execute("UPDATE verify_head_v1 SET epoch = 'second', revision = 0")
    again = feed.publish(key())
    follow(feed.source())
    assert rows_in(replica_dir) == [again]
    assert Reader(replica_dir).status().epoch == "second"


def test_a_new_epoch_does_not_bring_back_what_was_revoked(feed, follow, replica_dir):
    rows = [key(state="REVOKED"), key("key_b", state="REVOKED"), credential(state="REVOKED")]
    for row in rows:
        feed.publish(row)
    follow(feed.source())
    feed.execute("DELETE FROM verify_keys_v2")
    feed.execute("UPDATE verify_head_v1 SET epoch = 'second', revision = 0")
    feed.publish(key())
    feed.publish(credential())
    follow(feed.source())
    assert rows_in(replica_dir) == [
        replace(rows[0], revision=1),
        replace(rows[1], revision=2),
        replace(rows[2], revision=3),
    ]
    assert Reader(replica_dir).status().refused_rows == 2
    again = [feed.publish(row) for row in (key(state="REVOKED"), credential(state="REVOKED"))]
    follow(feed.source())
    assert rows_in(replica_dir) == [again[0], replace(rows[1], revision=2), again[1]]
    assert Reader(replica_dir).status().refused_rows == 0


def test_a_row_kept_over_a_new_epoch_follows_the_next_change(feed, follow, replica_dir):
    for _ in range(5):
        feed.publish(key())
    follow(feed.source())
    feed.execute("UPDATE verify_head_v1 SET epoch = 'second', revision = 0")
    feed.execute("UPDATE verify_keys_v2 SET state = 'DISABLED', revision = 1")
    account = feed.publish(SINAR)
    follow(feed.source())
    assert rows_in(replica_dir) == [key(revision=0), account]
    revoked = feed.publish(key(state="REVOKED"))
    follow(feed.source())
    assert rows_in(replica_dir) == [revoked, account]


def test_each_reading_of_the_current_revision_confirms_the_replica(feed, following, replica_dir):
    reader = Reader(replica_dir)
    with following(feed):
        first = eventually(lambda: confirmed_at(reader))
        assert eventually(lambda: confirmed_at(reader) > first + 0.5)


def test_a_restarted_replicator_finds_the_age_it_left(feed, follow, replica_dir):
    confirmed = Moment.ago(100)
    with Writer(replica_dir) as writer:
        writer.snapshot(Head("first", 0, 0), [], confirmed=confirmed)
    with Writer(replica_dir) as writer:
        assert writer.meta.confirmed == confirmed
    assert time.time() - Reader(replica_dir).status().confirmed_at == pytest.approx(100, abs=5)


def test_a_source_without_a_head_is_unavailable(feed):
    feed.execute("DELETE FROM verify_head_v1")
    with closing(feed.source()) as source, pytest.raises(SourceUnavailable, match="not set up"):
        source.head()


def test_a_head_that_makes_no_sense_is_unavailable(feed):
    feed.execute("UPDATE verify_head_v1 SET revision = NULL")
    with closing(feed.source()) as source, pytest.raises(SourceUnavailable, match="no sense"):
        source.head()
