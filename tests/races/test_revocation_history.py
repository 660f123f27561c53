"""F1: once a change is acknowledged, no verifier of the host contradicts it for longer than the bound.

A key that ended is not accepted, and one that began again is not refused.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import pytest
from django.conf import settings
from tests.fixtures.desk import desk_environment, status_of
from tests.fixtures.heads import head
from tests.fixtures.replicators import eventually
from tests.races.askers import Answer, Askers
from tests.races.history import Change, staleness, violations

from keydesk.control.accounts.actions import set_account_status
from keydesk.control.catalog.actions import create_product, set_product_state
from keydesk.control.entitlements.actions import disable_product, enable_product
from keydesk.control.keys.actions import (
    generate_key,
    regenerate_key,
    release_key,
    revoke_key,
    stop_key,
)
from keydesk.core.records import AccountStatus, Environment, ProductState
from keydesk.replica.wait import wait_for_revision

pytestmark = pytest.mark.alone

BOUND_SECONDS = 1.0
LIVE = Environment.LIVE


class Act(NamedTuple):
    """What is done to a key, and what that is called in the figures."""

    kind: str
    do: Callable


class Ending(NamedTuple):
    """A way in which a key's requests end, and begin again where they can."""

    path: str
    key: str
    end: Act
    begin: Act | None = None


@pytest.fixture
def verifier_port(room_for_keys, tmp_path):
    """The port of a real verifier with two processes, beside a real replicator."""
    config = settings.KEYDESK
    environment = desk_environment(
        config.data_dir, DATABASE_URL=config.database_url, VERIFIER_WORKERS=2
    )
    port = environment["KEYDESK_VERIFIER_PORT"]
    with (tmp_path / "output").open("wb") as output:
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "keydesk", name],
                env=environment,
                stdout=output,
                stderr=output,
            )
            for name in ("replicator", "verifier")
        ]
    try:
        eventually(lambda: status_of(f"http://127.0.0.1:{port}/readyz") == 200)
        yield int(port)
    finally:
        for process in started:
            process.terminate()
        assert [process.wait(timeout=10) for process in started] == [0, 0]


@pytest.fixture
def made(host):
    """Make a key of the account for the product."""

    def made(account, product, name="only"):
        return generate_key(
            host,
            account_id=account.id,
            product=product.slug,
            environment=LIVE,
            name="Key",
            grant=None,
            request_token=f"{product.slug}-{name}",
        )

    return made


@pytest.fixture
def revoked(host, sinar, disbursement, made):
    """Make a key that ends for good with its revocation."""

    def revoked(number):
        key = made(sinar, disbursement, number)
        end = Act("revoke a key", lambda: revoke_key(host, key_id=key.id))
        return Ending("/v1/authorize/disbursement", key.plaintext, end)

    return revoked


@pytest.fixture
def replaced(host, sinar, disbursement, made):
    """Make a key that ends for good with its replacement, which leaves it no overlap."""

    def replaced(number):
        key = made(sinar, disbursement, number)
        given = {"key_id": key.id, "grant": None, "request_token": key.id}
        end = Act("re-generate a key", lambda: regenerate_key(host, **given))
        return Ending("/v1/authorize/disbursement", key.plaintext, end)

    return replaced


@pytest.fixture
def stopped(host, sinar, disbursement, made):
    key = made(sinar, disbursement, "stopped")
    return Ending(
        "/v1/authorize/disbursement",
        key.plaintext,
        Act("stop a key", lambda: stop_key(host, key_id=key.id, reason="a test")),
        Act("release a key", lambda: release_key(host, key_id=key.id)),
    )


@pytest.fixture
def suspended(host, samudra, disbursement, made):
    def become(status, reason=""):
        set_account_status(host, account_id=samudra.id, status=status, reason=reason)

    become(AccountStatus.APPROVED)
    enable_product(host, account_id=samudra.id, product="disbursement", environment=LIVE)
    key = made(samudra, disbursement)
    return Ending(
        "/v1/authorize/disbursement",
        key.plaintext,
        Act("suspend an account", lambda: become(AccountStatus.SUSPENDED, "a test")),
        Act("reinstate an account", lambda: become(AccountStatus.APPROVED)),
    )


@pytest.fixture
def disabled(host, sinar, inquiry, made):
    place = {"account_id": sinar.id, "product": inquiry.slug, "environment": LIVE}
    key = made(sinar, inquiry)
    return Ending(
        "/v1/authorize/account-inquiry",
        key.plaintext,
        Act("disable an entitlement", lambda: disable_product(host, **place, reason="a test")),
        Act("enable an entitlement", lambda: enable_product(host, **place)),
    )


@pytest.fixture
def halted(host, sinar, made):
    product = create_product(host, slug="qris", name="QRIS", sample_path="/v1/qris")
    enable_product(host, account_id=sinar.id, product="qris", environment=LIVE)
    key = made(sinar, product)

    def become(state):
        set_product_state(host, slug="qris", state=state, reason="a test")

    return Ending(
        "/v1/authorize/qris",
        key.plaintext,
        Act("stop a product", lambda: become(ProductState.STOPPED)),
        Act("resume a product", lambda: become(ProductState.ACTIVE)),
    )


@pytest.fixture
def turns(revoked, replaced, stopped, suspended, disabled, halted, revocations):
    """The ending of each turn, every kind in its turn; a key that ends for good has one turn."""
    again = [stopped, suspended, disabled, halted]
    kinds = [revoked, replaced, *(lambda _, ending=ending: ending for ending in again)]
    return [kinds[number % len(kinds)](number) for number in range(revocations)]


def timed(act, *, accepted):
    begin = time.monotonic()
    act.do()
    return Change(begin, time.monotonic(), accepted, act.kind)


@pytest.fixture
def history(verifier_port, turns, tmp_path):
    """The answers and the changes of many revocations, one after the other."""
    endings = list(dict.fromkeys(turns))
    place_of = {ending: place for place, ending in enumerate(endings)}
    assert wait_for_revision(settings.KEYDESK.replica_dir, head().revision, timeout_seconds=60)
    changes = {place: [Change(0.0, 0.0, accepted=True)] for place in range(len(endings))}
    with Askers(tmp_path, verifier_port, [(each.path, each.key) for each in endings]) as askers:
        for ending in turns:
            place = place_of[ending]
            askers.take_turn(place)
            eventually(lambda: askers.all_were_told(accepted=True))
            changes[place].append(timed(ending.end, accepted=False))
            eventually(lambda: askers.all_were_told(accepted=False))
            if ending.begin:
                changes[place].append(timed(ending.begin, accepted=True))
                eventually(lambda: askers.all_were_told(accepted=True))
        return askers.stop(), changes


def report(late, answers, database):
    """Tell how long after its acknowledgement each kind of change was still overlooked."""
    count = sum(map(len, late.values()))
    told = [
        f"\nF1 on {database}: {count} changes, {len(answers)} answers; ms after the acknowledgement",
        f"{'':24}{'changes':>8}{'p50':>8}{'p99':>8}{'max':>8}",
    ]
    for kind, of_kind in late.items():
        figures = [of_kind[(len(of_kind) * part - 1) // 100] for part in (50, 99, 100)]
        shown = "".join(f"{seconds * 1000:8.1f}" for seconds in figures)
        told.append(f"{kind:24}{len(of_kind):8}{shown}")
    return "\n".join(told)


def test_an_acknowledged_change_holds_within_the_bound_whatever_its_kind(
    history, turns, database, capsys
):
    answers, changes = history
    late = staleness(answers, changes)
    with capsys.disabled():
        print(report(late, answers, database))  # noqa: T201 - the figures belong to the run's output
    assert violations(answers, changes, bound=BOUND_SECONDS) == []
    acts = [act for ending in turns for act in (ending.end, ending.begin) if act]
    assert {kind: len(of_kind) for kind, of_kind in late.items()} == Counter(
        act.kind for act in acts
    )


ENDED = {
    0: [Change(0.0, 0.0, accepted=True), Change(10.0, 10.1, accepted=False, kind="revoke a key")]
}


def test_the_checker_finds_a_late_acceptance_and_an_early_refusal():
    early, in_time, late = (
        Answer(9.0, 9.1, 0, 401),
        Answer(10.5, 10.6, 0, 200),
        Answer(11.2, 11.3, 0, 200),
    )
    broken = Answer(5.0, 5.1, 0, 503)
    assert violations([early, in_time, late, broken], ENDED, bound=1.0) == [early, late, broken]
    assert staleness([in_time, late], ENDED) == {"revoke a key": [pytest.approx(1.1)]}


def test_the_checker_finds_a_late_refusal_of_what_began_again_and_an_early_acceptance():
    begun = {0: [*ENDED[0], Change(20.0, 20.1, accepted=True, kind="release a key")]}
    early, in_time, late = (
        Answer(19.0, 19.1, 0, 200),
        Answer(20.5, 20.6, 0, 403),
        Answer(21.2, 21.3, 0, 401),
    )
    assert violations([early, in_time, late], begun, bound=1.0) == [early, late]
    assert staleness([in_time, late], begun) == {
        "revoke a key": [0.0],
        "release a key": [pytest.approx(1.1)],
    }
