"""F6: a host that joins an installation with very many keys, while keys are revoked, is ready soon and never wrong."""

import random
import time
from pathlib import Path

import pytest
from tests.fixtures.desk import descendants
from tests.races.history import Change, violations

BOUND_SECONDS = 2.0
READY_SECONDS = {100_000: 20, 1_000_000: 120}
"""How long a host may take on a machine that does other things as well."""
ASKED = 300
REVOKED_WHILE_IT_LOADS = 40
BLOCK_BYTES = 512


@pytest.fixture(scope="module")
def crowded(installation, many_keys):
    """An installation with very many keys, of which some can be asked about."""
    installation.prepare()
    installation.many = installation.do("fill", account=installation.sinar, count=many_keys)
    return installation


@pytest.fixture
def joining(crowded, tmp_path):
    """Start a host and revoke keys until some time after it is ready; gives its answers and all changes."""
    chosen = random.sample(crowded.many, ASKED)
    changes = {place: [Change(0.0, 0.0, accepted=True)] for place in range(ASKED)}
    host = crowded.add_verifier("new")
    began = time.monotonic()
    host.start("replicator", "verifier")
    ready_at = None
    for place in range(REVOKED_WHILE_IT_LOADS):
        if ready_at is None and place == REVOKED_WHILE_IT_LOADS // 2:
            host.wait_for(chosen[-1][1], 200, seconds=600)
        if ready_at is None and host.ask(chosen[-1][1]) == 200:
            ready_at = time.monotonic()
        start, end, fault, _ = crowded.control.do("revoke", key=chosen[place][0])
        assert not fault
        changes[place].append(Change(start, end, accepted=False))
    return host, [text for _, text in chosen], changes, ready_at - began
