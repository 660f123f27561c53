"""F3: a follower that asks for "what is above N" misses nothing, although it would with a plain sequence.

Two sessions on PostgreSQL: the first takes its number and lingers, the second wants the next one and commits.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from tests.fixtures.replicators import eventually

from keydesk.control.accounts.actions import set_account_status
from keydesk.control.catalog.actions import create_product
from keydesk.core.records import AccountStatus
from keydesk.replica.sources.postgres import PostgresSource

pytestmark = [
    pytest.mark.alone,
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
]


class Follower:
    """A reader that keeps the highest number it has seen, and asks for what is above."""

    def __init__(self, read_above):
        self.read_above, self.seen = read_above, []

    def look(self):
        self.seen += sorted(self.read_above(max(self.seen, default=0)))


@pytest.fixture
def session():
    """Open sessions of their own on the database under test."""
    opened = []

    def session():
        opened.append(psycopg.connect(settings.KEYDESK.database_url))
        return opened[-1]

    yield session
    for each in opened:
        each.close()


@pytest.fixture
def plain_feed(session):
    """A feed numbered by a sequence, as one would naively make it; gives two sessions that write and one that reads."""
    first, second, reader = session(), session(), session()
    reader.autocommit = True
    reader.execute("CREATE TABLE plain_feed (id bigserial PRIMARY KEY, what text)")
    yield first, second, reader
    first.rollback()
    reader.execute("DROP TABLE plain_feed")


def test_a_plain_sequence_loses_the_change_that_commits_late(plain_feed):
    first, second, reader = plain_feed
    above = "SELECT id FROM plain_feed WHERE id > %s"
    follower = Follower(lambda last: [number for (number,) in reader.execute(above, [last])])
    first.execute("INSERT INTO plain_feed (what) VALUES ('revoked')")
    second.execute("INSERT INTO plain_feed (what) VALUES ('renamed')")
    second.commit()
    follower.look()
    first.commit()
    follower.look()
    assert follower.seen == [2]


def revisions_above(source, last):
    with source.changes(last) as reading:
        return [row.values[-2] for row in reading.rows]  # the revision stands before the MAC


@pytest.fixture
def source():
    with closing(PostgresSource(settings.KEYDESK.database_url)) as source:
        yield source


@pytest.fixture
def is_somebody_waiting(session):
    """Say whether a session of the database waits for the head's lock."""
    observer = session()
    observer.autocommit = True
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock' AND query LIKE 'UPDATE feed_head%'"
    )
    return lambda: observer.execute(asked).fetchone() == (1,)


def add_product(host):
    try:
        create_product(host, slug="qris", name="QRIS", sample_path="/v1/qris")
    finally:
        connection.close()


def test_a_revision_is_waited_for_so_that_nothing_commits_late(
    host, sinar, source, is_somebody_waiting
):
    follower = Follower(lambda last: revisions_above(source, last))
    follower.look()
    before = list(follower.seen)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            late = set_account_status(
                host, account_id=sinar.id, status=AccountStatus.CLOSED, reason="Gone"
            )
            other = pool.submit(add_product, host)
            eventually(is_somebody_waiting)
            follower.look()
            assert follower.seen == before
        other.result(timeout=20)
    follower.look()
    assert follower.seen == [*before, late, late + 1]
