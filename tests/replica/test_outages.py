"""The replicator outlives its source: it tells once, tries again, and meanwhile the replica grows old."""

import os
import signal
import time

import pytest
from tests.fixtures.feeds import DISBURSEMENT, SINAR, SqliteFeed, key
from tests.fixtures.replicators import eventually

from keydesk.replica.layout import FILE_NAME, file_identity
from keydesk.replica.sources import postgres
from keydesk.replica.sources.contract import SourceUnavailable
from keydesk.replica.sources.postgres import PostgresSource
from keydesk.replica.sources.sqlite import SqliteSource
from keydesk.replica.wait import reader_of, wait_for_revision


def arrives(replica_dir, revision):
    return wait_for_revision(replica_dir, revision, timeout_seconds=60)


def test_a_change_arrives_while_the_replicator_runs(feed, following, replica_dir):
    with following(feed):
        feed.publish(key())
        assert arrives(replica_dir, 1)
        feed.publish(SINAR)
        assert arrives(replica_dir, 2)


def test_waiting_for_a_revision_ends_with_its_time(feed, follow, replica_dir):
    assert not wait_for_revision(replica_dir, 1, timeout_seconds=0.01)
    feed.publish(key())
    follow(feed.source())
    assert wait_for_revision(replica_dir, 1, timeout_seconds=0)
    assert not wait_for_revision(replica_dir, 2, timeout_seconds=0.01)


def test_a_killed_replicator_is_followed_by_the_next(feed, following, replica_dir):
    with following(feed) as replicator:
        feed.publish(key())
        assert arrives(replica_dir, 1)
        replicator.kill()
    feed.publish(SINAR)
    with following(feed):
        assert arrives(replica_dir, 2)


def test_a_replicator_stops_when_asked_to(feed, following, replica_dir):
    with following(feed) as replicator:
        feed.publish(key())
        assert arrives(replica_dir, 1)
        replicator.stop()


def test_a_second_replicator_waits_for_the_first(feed, following, replica_dir):
    feed.publish(key())
    with following(feed) as first, following(feed) as second:
        assert eventually(lambda: "Another replicator" in first.log() + second.log())
        waiting, active = sorted([first, second], key=lambda each: "Another" not in each.log())
        active.kill()
        waiting.wait_until_told("current again")


def test_a_source_that_goes_away_is_told_once_and_found_again(feed, following, replica_dir):
    feed.publish(key())
    reader = reader_of(replica_dir)
    with following(feed) as replicator:
        assert arrives(replica_dir, 1)
        assert eventually(lambda: reader.status().confirmed_at)
        feed.execute("ALTER TABLE verify_head_v1 RENAME TO gone")
        replicator.wait_until_told("grows old")
        confirmed_at = reader.status().confirmed_at
        feed.execute("ALTER TABLE gone RENAME TO verify_head_v1")
        assert eventually(lambda: reader.status().confirmed_at > confirmed_at)
        replicator.wait_until_told("current again")
        assert replicator.log().count("grows old") == 1


def test_a_replica_taken_away_under_the_replicator_is_made_again(feed, following, replica_dir):
    feed.publish(key())
    with following(feed):
        assert arrives(replica_dir, 1)
        before = file_identity(replica_dir / FILE_NAME)
        (replica_dir / FILE_NAME).unlink()
        assert eventually((replica_dir / FILE_NAME).exists)
        assert arrives(replica_dir, 1)
        assert file_identity(replica_dir / FILE_NAME) != before


def test_a_database_file_put_in_place_of_another_is_followed(tmp_path, following, replica_dir):
    first, restored = SqliteFeed(tmp_path / "feed.sqlite3"), SqliteFeed(tmp_path / "restored")
    first.create()
    restored.create(epoch="second")
    first.publish(key())
    for row in (key(), SINAR, DISBURSEMENT):
        restored.publish(row)
    with following(first):
        assert arrives(replica_dir, 1)
        first.close()
        restored.close()
        for file in tmp_path.glob("feed.sqlite3*"):
            file.unlink()
        (tmp_path / "restored").rename(tmp_path / "feed.sqlite3")
        reader = reader_of(replica_dir)
        assert eventually(lambda: reader.status().epoch == "second")


def test_a_database_that_is_not_there_is_unavailable_and_not_made(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"none\.sqlite3"):
        SqliteSource(tmp_path / "none.sqlite3").head()
    assert not (tmp_path / "none.sqlite3").exists()


@pytest.mark.postgresql
def test_a_change_without_a_notification_arrives_all_the_same(feed, following, replica_dir):
    with following(feed):
        for revision, row in enumerate((key(), SINAR, DISBURSEMENT), start=1):
            feed.publish(row)
            assert arrives(replica_dir, revision)


@pytest.mark.alone
@pytest.mark.postgresql
def test_a_notification_wakes_the_replicator_at_once(feed):
    source = feed.source()
    source.head()
    feed.execute("SELECT pg_notify('keydesk_feed', '1')")
    begun = time.monotonic()
    source.wait(60)
    assert time.monotonic() - begun < 30
    source.close()


@pytest.mark.alone
@pytest.mark.postgresql
def test_a_connection_that_the_server_ends_is_made_again(feed, following, replica_dir):
    feed.publish(key())
    with following(feed) as replicator:
        assert arrives(replica_dir, 1)
        ended = feed.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'keydesk replicator' AND pid <> pg_backend_pid()"
        ).fetchall()
        assert ended == [(True,)]
        feed.publish(SINAR)
        assert arrives(replica_dir, 2)
        assert replicator.log().count("grows old") == 1


@pytest.mark.alone
@pytest.mark.postgresql
def test_a_server_process_that_stands_still_is_given_up_for_another(feed):
    feed.publish(key())
    source = feed.source()
    head = source.head()
    ((pid,),) = feed.execute(
        "SELECT pid FROM pg_stat_activity "
        "WHERE application_name = 'keydesk replicator' AND pid <> pg_backend_pid()"
    ).fetchall()
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(SourceUnavailable):
            source.head()
        assert source.head().revision == head.revision
    finally:
        os.kill(pid, signal.SIGCONT)
        source.close()


@pytest.mark.alone
@pytest.mark.postgresql
def test_a_server_process_that_stands_still_amid_its_rows_is_given_up(feed, monkeypatch):
    monkeypatch.setattr(postgres, "STALL_SECONDS", 1.0)
    feed.execute(
        "INSERT INTO verify_accounts_v2 SELECT 'acc_' || n, repeat('x', 1000), 'APPROVED', '', 1, 'mac' "
        "FROM generate_series(1, 40000) n"
    )  # more than lies in the buffers of both kernels
    source = feed.source()
    head = source.head()
    ((pid,),) = feed.execute(
        "SELECT pid FROM pg_stat_activity "
        "WHERE application_name = 'keydesk replicator' AND pid <> pg_backend_pid()"
    ).fetchall()
    try:
        with pytest.raises(SourceUnavailable, match="takes longer than 1 s"):
            read_while_it_stops(source, pid)
        assert source.head().revision == head.revision
    finally:
        os.kill(pid, signal.SIGCONT)
        source.close()


def read_while_it_stops(source, pid):
    """Read a row, stop the server's process, and read on."""
    with source.snapshot() as reading:
        next(reading.rows)
        os.kill(pid, signal.SIGSTOP)
        list(reading.rows)


def test_a_server_that_refuses_connections_is_unavailable():
    with pytest.raises(SourceUnavailable, match="PostgreSQL"):
        PostgresSource("postgresql://127.0.0.1:1/none").head()
