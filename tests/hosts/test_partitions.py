"""F2: a host that is cut off from the database decides until its lease ends, then answers 503, and then catches up."""

import time
from contextlib import contextmanager

import pytest
from tests.fixtures.desk import wait_until

EARLY_SECONDS, LATE_SECONDS = 1.0, 0.5
"""How much the lease may end before and after it was counted from the cut; the last confirmation lies before that."""
LATE_TO_TELL_SECONDS = 5
CATCH_UP_SECONDS = 2.0
ALARM_SECONDS = 1.0
KEPT, REVOKED = 0, 1


@contextmanager
def firewalled(cut_off, database, *target):
    cut_off.firewall("-A", database, *target)
    try:
        yield
    finally:
        cut_off.firewall("-D", database, *target)


@contextmanager
def unplugged(cut_off, database):
    cut_off.unplug()
    try:
        yield
    finally:
        cut_off.plug_in()


WAYS = {
    "what is sent is dropped": lambda *hosts: firewalled(*hosts, "DROP"),
    "connections are reset": lambda *hosts: firewalled(*hosts, "REJECT", "--reject-with", "tcp-reset"),
    "the host's cable leads nowhere": unplugged,
}  # fmt: skip


@pytest.fixture
def answers_of_a_cut(three, tmp_path, lease_seconds):
    """Cut one host off, revoke a key meanwhile, and heal; gives its answers and when what happened."""

    def answers_of_a_cut(cut):
        host, other = three.verifiers[0], three.verifiers[1]
        (_, kept), (key, revoked) = three.generate(), three.generate()
        for verifier in (host, other):
            verifier.wait_for(revoked, 200)
        askers = host.askers(tmp_path / "askers", [kept, revoked])
        askers.take_turn(KEPT)
        wait_until(lambda: askers.all_were_told(accepted=True), seconds=10, what="accepted")
        # What it told before it was started anew would be an alarm already.
        wait_until(lambda: host.age_seconds() < 1, seconds=10, what="its age is told")
        with cut(host.host, three.database.host):
            cut_at = time.monotonic()
            _, _, fault, _ = three.control.do("revoke", key=key)
            assert not fault
            wait_until(lambda: other.ask(revoked) == 401, seconds=2, what="others follow")
            at_most = lease_seconds + LATE_TO_TELL_SECONDS
            alarmed_at = wait_until(
                lambda: aged(host, lease_seconds / 2), seconds=at_most, what="the age is told"
            )
            wait_until(
                lambda: askers.all_were_told(accepted=False), seconds=at_most, what="the lease ends"
            )
            healed_at = time.monotonic()
        askers.take_turn(KEPT)
        wait_until(lambda: askers.all_were_told(accepted=True), seconds=20, what="it decides again")
        askers.take_turn(REVOKED)
        wait_until(lambda: askers.all_were_told(accepted=False), seconds=20, what="and refuses")
        return askers.stop(), cut_at, alarmed_at, healed_at

    return answers_of_a_cut


def aged(host, seconds):
    """Give the moment if the host says that its replica is older than that."""
    return host.age_seconds() > seconds and time.monotonic()


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_off_host_decides_until_its_lease_ends_and_never_guesses(
    way, answers_of_a_cut, lease_seconds, told
):
    answers, cut_at, alarmed_at, healed_at = answers_of_a_cut(WAYS[way])
    accepted = [each.start for each in answers if cut_at < each.start < healed_at and each.status == 200]  # fmt: skip
    refused = [each for each in answers if cut_at < each.start < healed_at and each.status != 200]
    again = min(each.start for each in answers if each.start > healed_at and each.status == 200)
    told(
        f"F2, {way}: accepted until {max(accepted) - cut_at:.2f} s after the cut (lease {lease_seconds} s), "
        f"alarmed after {alarmed_at - cut_at:.2f} s, decides again {again - healed_at:.2f} s after the heal"
    )
    assert -EARLY_SECONDS <= max(accepted) - cut_at - lease_seconds <= LATE_SECONDS
    assert {each.status for each in refused} == {503}
    assert max(accepted) < min(each.start for each in refused)
    assert alarmed_at - cut_at <= lease_seconds / 2 + ALARM_SECONDS
    assert again - healed_at <= CATCH_UP_SECONDS
    late = [each for each in answers if each.place == REVOKED and each.start >= again]
    assert {each.status for each in late} == {401}
