"""F6: a host that joins an installation with very many keys, while keys are revoked, is ready soon and never wrong."""

import random
import re
import time
from pathlib import Path

import pytest
from tests.fixtures.desk import descendants, wait_until
from tests.races.history import Change, violations

from keydesk.replica.layout import FILE_NAME

BOUND_SECONDS = 2.0
KEYS_A_SECOND = 5_000
"""What a host has to take over at least, on a machine that does other things as well."""
START_SECONDS = 10
ASKED = 1_000
REVOKED_MEANWHILE, REVOKED_AFTERWARDS = range(1, 900), range(900, 920)
"""Which of those that are asked about are revoked while the host loads, at most, and once it is ready."""
BLOCK_BYTES, KIB_A_MIB = 512, 1024


@pytest.fixture(scope="module")
def crowded(installation, many_keys):
    """An installation with very many keys, of which some can be asked about."""
    installation.prepare()
    installation.many = installation.do("fill", account=installation.sinar, count=many_keys)
    return installation


@pytest.fixture
def joining(crowded, tmp_path):
    """Let a host join while keys are revoked; gives it, its answers, what changed, and how long it took."""
    chosen = random.sample(crowded.many, ASKED)
    texts = [text for _, text in chosen]
    changes = {place: [Change(0.0, 0.0, accepted=True)] for place in range(ASKED)}
    host = crowded.add_verifier("new")
    host.start("verifier")
    host.wait_for(texts[0], 503)
    askers = host.askers(tmp_path / "askers", texts)
    askers.take_turn(0)

    def revoke(place):
        began, acknowledged, fault, _ = crowded.control.do("revoke", key=chosen[place][0])
        assert not fault
        changes[place].append(Change(began, acknowledged, accepted=False))

    places = iter(REVOKED_MEANWHILE)

    def is_ready():
        """Say whether the host decides already; and revoke one key more."""
        if place := next(places, None):
            revoke(place)
        return askers.all_were_told(accepted=True)

    began = time.monotonic()
    host.start("replicator")
    wait_until(is_ready, seconds=600, what="the host is ready")
    ready = time.monotonic()
    for place in REVOKED_AFTERWARDS:
        revoke(place)
    host.wait_for(texts[REVOKED_AFTERWARDS[-1]], 401, seconds=BOUND_SECONDS)
    return host, askers.stop(), changes, (began, ready), texts


def memory_of(pid):
    """Give the memory that a process holds in all and by itself, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    sizes = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB$", status, re.MULTILINE))
    return tuple(int(sizes[name]) // KIB_A_MIB for name in ("VmRSS", "RssAnon"))


def report(host, many_keys, seconds, changes):
    (worker,) = descendants(host.processes["verifier"].pid)
    size = (host.folder / "replica" / FILE_NAME).stat().st_blocks * BLOCK_BYTES
    memory = {
        "replicator": memory_of(host.processes["replicator"].pid),
        "verifier's worker": memory_of(worker),
    }
    revoked = sum(len(each) - 1 for each in changes.values())
    return (
        f"F6: {many_keys} keys, {revoked} revoked meanwhile: ready {seconds:.1f} s after the replicator's start, "
        f"{size / many_keys:.0f} bytes a key on the disk; MiB in all and of its own: {memory}"
    )


def test_a_host_that_joins_is_never_wrong_and_soon_ready(joining, many_keys, told):
    host, answers, changes, (began, ready), texts = joining
    told(report(host, many_keys, ready - began, changes))
    decided = [answer for answer in answers if answer.status != 503]
    undecided = [answer for answer in answers if answer.status == 503]
    assert violations(decided, changes, bound=BOUND_SECONDS) == []
    assert max(answer.start for answer in undecided) < min(answer.end for answer in decided)
    assert ready - began < START_SECONDS + many_keys / KEYS_A_SECOND
    expected = [200 if changes[place][-1].accepted else 401 for place in range(ASKED)]
    assert [host.ask(text) for text in texts] == expected
