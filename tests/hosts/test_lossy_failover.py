"""F5 without synchronous replication: commits are lost, and no host takes a revocation back all the same."""

import pytest
from tests.fixtures.desk import wait_until

from keydesk.replica.wait import reader_of


@pytest.fixture(scope="module")
def aftermath(pair):
    """Revoke a key and suspend an account while the standby is away; then it takes over from a dead primary."""
    pair.begin()
    host = pair.add_verifier("one")
    host.start()
    (pair.key, pair.revoked), (_, pair.suspended) = pair.generate(), pair.generate(pair.samudra)
    _, pair.kept = pair.generate()
    host.wait_for(pair.kept, 200)
    written = pair.database.ask("SELECT pg_current_wal_lsn()")
    received = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
    wait_until(lambda: pair.standby.ask(received) == "t", seconds=30, what="it streams")
    pair.standby.kill()
    pair.do("revoke", key=pair.key)
    pair.do("suspend", account=pair.samudra)
    host.wait_for(pair.revoked, 401)
    host.wait_for(pair.suspended, 403)
    pair.database.kill()
    pair.standby.start()
    pair.standby.promote()
    reader = reader_of(host.folder / "replica")
    wait_until(lambda: reader.status().epoch.endswith("@2"), seconds=20, what="the new timeline")
    pair.host = host
    return pair


def test_a_host_keeps_a_revocation_that_the_new_primary_never_heard_of(aftermath):
    state = f"SELECT state FROM api_keys WHERE id = '{aftermath.key}'"
    assert aftermath.standby.ask(state, "keydesk") == "ACTIVE"
    assert aftermath.host.ask(aftermath.revoked) == 401
    assert "that is for good" in aftermath.host.log("replicator")


def test_whatever_can_be_taken_back_is_as_the_new_primary_has_it(aftermath):
    assert aftermath.host.ask(aftermath.suspended) == 200
    assert aftermath.host.ask(aftermath.kept) == 200
