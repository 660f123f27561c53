"""What a replica proves to a database that went back in time."""

import pytest
from msgspec.structs import replace
from tests.fixtures.feeds import ROW_KEY, SINAR, credential, key
from tests.fixtures.verifier import fill

from keydesk.core.digest import row_mac
from keydesk.replica.journal import Journal, NoJournal, journal_of_replica
from keydesk.replica.layout import Head, Signed
from keydesk.replica.store import Writer

HEAD = Head("first", 7, 1000)


def believed(replica_dir):
    """Give the rows that the replica proves."""
    with journal_of_replica(replica_dir, row_mac_key=ROW_KEY) as journal:
        return [row for row in journal.rows if isinstance(row, Signed)]


def test_a_revocation_is_proved_over_every_history_that_follows(feed, follow, replica_dir):
    revoked = [feed.publish(row) for row in (key(state="REVOKED"), credential(state="REVOKED"))]
    follow(feed.source())
    for epoch in ("second", "third"):
        feed.execute("UPDATE verify_head_v1 SET epoch = ?, revision = 0", epoch)
        account = feed.publish(SINAR)
        feed.put(key())
        follow(feed.source())
    proved = [Signed(row, row_mac(ROW_KEY, row)) for row in (revoked[0], account, revoked[1])]
    assert believed(replica_dir) == proved


@pytest.mark.parametrize(
    ("head", "reaches"),
    [
        (HEAD, True),
        (replace(HEAD, revision=6, heartbeat_at=2000), True),
        (replace(HEAD, revision=8, heartbeat_at=0), False),
        (replace(HEAD, epoch="second", revision=8), True),
        (replace(HEAD, epoch="second", revision=1, heartbeat_at=1001), False),
    ],
)
def test_a_replica_reaches_a_database_of_which_it_can_have_missed_nothing(head, reaches):
    assert Journal(HEAD, None, iter(())).reaches(head) is reaches


def test_a_replica_that_was_never_confirmed_proves_nothing(replica_dir):
    Writer(replica_dir).close()
    with pytest.raises(NoJournal, match="was never confirmed"):
        believed(replica_dir)


def test_rows_of_which_not_one_is_right_prove_nothing(replica_dir):
    fill(replica_dir, [SINAR])
    with pytest.raises(NoJournal, match="of another installation"):
        believed(replica_dir)
