import os
import threading

import pytest
from tests.fixtures.feeds import ROW_KEY, PostgresFeed, SqliteFeed
from tests.fixtures.replicators import running

from keydesk.replica.follow import Follower
from keydesk.replica.store import Writer


@pytest.fixture
def replica_dir(tmp_path):
    return tmp_path / "replica"


@pytest.fixture
def feed(database, tmp_path):
    """A published feed with no rows, on the database under test."""
    if database == "postgresql":
        feed = PostgresFeed(os.environ["PYTEST_KEYDESK_SERVER"])
    else:
        feed = SqliteFeed(tmp_path / "feed.sqlite3")
    feed.create()
    yield feed
    feed.close()


@pytest.fixture
def follow(replica_dir):
    """Start a replicator, let it make some steps along a source, and stop it."""

    def follow(source, steps=1):
        with Writer(replica_dir) as writer:
            follower = Follower(source, writer, row_mac_key=ROW_KEY, stop=threading.Event())
            for _ in range(steps):
                follower.step()
        source.close()

    return follow


@pytest.fixture
def following(replica_dir):
    """Keep a replicator running in a process of its own while the block lasts."""

    def following(feed):
        return running(feed.source(), feed.target, replica_dir=replica_dir, row_key=ROW_KEY)

    return following
