"""F5: the primary dies and its standby takes over; no revocation that was acknowledged is lost, and hosts follow."""

import time

import pytest
from tests.fixtures.desk import wait_until

from keydesk.replica.wait import reader_of

BOUND_SECONDS = 2.0


@pytest.fixture(scope="module")
def pair(pair):
    """Three hosts that follow the primary; a commit is acknowledged once the standby has applied it."""
    pair.begin(synchronous_standby_names="standby", synchronous_commit="remote_apply")
    for name in ("one", "two", "three"):
        pair.add_verifier(name).start()
    return pair


@pytest.fixture(scope="module")
def aftermath(pair, failover_keys):
    """Revoke keys one after the other, kill the primary under one of them, and promote the standby."""
    keys = [pair.generate() for _ in range(failover_keys + 1)]
    _, kept = pair.generate()
    for verifier in pair.verifiers:
        verifier.wait_for(kept, 200)
    for key, _ in keys[:-1]:
        pair.do("revoke", key=key)
    pair.control.begin("revoke", key=keys[-1][0])
    pair.database.kill()
    killed_at = time.monotonic()
    _, _, under_way_failed, _ = pair.control.finish()
    pair.standby.promote()
    pair.epoch = pair.standby.ask("SELECT epoch FROM feed_head", "keydesk") + "@2"
    for verifier in pair.verifiers:
        reader = reader_of(verifier.folder / "replica")
        wait_until(lambda: reader.status().epoch == pair.epoch, seconds=20, what="a new history")  # noqa: B023 # fmt: skip
    pair.followed_seconds = time.monotonic() - killed_at
    pair.revoked = keys[:-1] if under_way_failed else keys
    pair.kept = kept
    return pair


def test_a_failover_loses_no_acknowledged_revocation(aftermath, told):
    lost = [
        key
        for key, _ in aftermath.revoked
        if aftermath.standby.ask(f"SELECT state FROM api_keys WHERE id = '{key}'", "keydesk") != "REVOKED"
    ]  # fmt: skip
    told(f"F5: {len(lost)} of {len(aftermath.revoked)} acknowledged revocations lost")
    assert lost == []


def test_every_host_follows_the_new_primary_as_a_new_history(aftermath, told):
    told(f"F5: all hosts follow {aftermath.followed_seconds:.1f} s after the kill")
    for verifier in aftermath.verifiers:
        assert [verifier.ask(text) for _, text in aftermath.revoked] == [401] * len(aftermath.revoked)  # fmt: skip
        assert verifier.ask(aftermath.kept) == 200


def test_the_desk_goes_on_with_the_new_primary_and_hosts_stay_within_the_bound(aftermath):
    made = wait_until(lambda: attempt(aftermath, "generate"), seconds=20, what="the desk goes on")
    for verifier in aftermath.verifiers:
        verifier.wait_for(made[1], 200)
    _, acknowledged, fault, _ = aftermath.control.do("revoke", key=made[0])
    assert not fault
    for verifier in aftermath.verifiers:
        verifier.wait_for(made[1], 401, seconds=acknowledged + BOUND_SECONDS - time.monotonic())


def attempt(pair, name):
    """Give what a key generated now is, None while the desk has not found the new primary."""
    _, _, fault, made = pair.control.do(name, account=pair.sinar)
    return None if fault else made


@pytest.fixture
def misled(aftermath):
    """A host whose replicator reads the primary of before, which runs again."""
    host = aftermath.add_verifier("misled")
    aftermath.verifiers.remove(host)
    host.start()
    host.wait_for(aftermath.kept, 200)
    host.stop("replicator")
    aftermath.database.start()
    host.url = aftermath.database.url("keydesk")
    host.start("replicator")
    yield host
    aftermath.database.kill()
    host.kill()


def test_a_primary_of_before_that_comes_back_takes_nothing_back(misled, aftermath):
    told = "a primary of before a failover"
    wait_until(lambda: told in misled.log("replicator"), seconds=20, what="it is told")
    assert [misled.ask(text) for _, text in aftermath.revoked] == [401] * len(aftermath.revoked)
    assert reader_of(misled.folder / "replica").status().epoch.endswith("@2")
