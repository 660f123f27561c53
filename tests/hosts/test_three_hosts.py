"""Three verifier hosts, one PostgreSQL, one Valkey: what is revoked ends on all of them, and limits hold in common."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.fixtures.desk import wait_until
from tests.races.history import Change, staleness, violations

BOUND_SECONDS = 2.0
LIMIT = 300
SENSELESS = ("", "0", "-1", "no number", "9" * 30)


@pytest.fixture
def history(three, tmp_path):
    """Make changes while every host is asked about them; gives all answers of each host, and the changes."""

    def history(turns, before_each=lambda _: None):
        keys = [three.generate() for _ in range(turns)]
        suspended = three.generate(three.samudra)
        texts = [text for _, text in keys] + [suspended[1]]
        for verifier in three.verifiers:
            verifier.wait_for(suspended[1], 200)
        changes = {place: [Change(0.0, 0.0, accepted=True)] for place in range(len(texts))}
        askers = [each.askers(tmp_path / each.host.name, texts) for each in three.verifiers]

        def do(place, kind, *, accepted, **given):
            began, acknowledged, fault, _ = three.control.do(kind, **given)
            assert not fault
            changes[place].append(Change(began, acknowledged, accepted, kind))
            wait_until(
                lambda: all(each.all_were_told(accepted=accepted) for each in askers),
                seconds=20,
                what=f"all hosts know: {kind}",
            )

        def take_turn(place):
            for each in askers:
                each.take_turn(place)
            wait_until(
                lambda: all(each.all_were_told(accepted=True) for each in askers),
                seconds=20,
                what="all hosts accept the key",
            )

        for place, (key, _) in enumerate(keys):
            before_each(place)
            take_turn(place)
            do(place, "revoke", accepted=False, key=key)
            if place % 3 == 0:
                last = len(texts) - 1
                take_turn(last)
                do(last, "suspend", accepted=False, account=three.samudra)
                do(last, "reinstate", accepted=True, account=three.samudra)
        answers = [each.stop() for each in askers]
        return answers, changes

    return history


def figures(late):
    """Give p50, p99 and the longest of some seconds, in milliseconds."""
    ordered = sorted(late)
    return " ".join(
        f"{name} {ordered[(len(ordered) * part - 1) // 100] * 1000:.1f}"
        for name, part in (("p50", 50), ("p99", 99), ("max", 100))
    )


def require_bound(answers, changes, told, what):
    broken = [each for host in answers for each in violations(host, changes, bound=BOUND_SECONDS)]
    late = [each for host in answers for each in itertools.chain(*staleness(host, changes).values())]  # fmt: skip
    count = sum(map(len, changes.values())) - len(changes)
    told(f"{what}: {count} changes, {sum(map(len, answers))} answers of 3 hosts; "
         f"ms after the acknowledgement: {figures(late)}")  # fmt: skip
    assert broken == []
    assert len(late) == 3 * count


def test_a_change_holds_on_every_host_within_two_seconds(history, host_revocations, told):
    answers, changes = history(host_revocations)
    require_bound(answers, changes, told, "F1 across hosts")


def test_lost_repeated_and_senseless_notifications_change_nothing(history, three, told):
    def disturb(turn):
        """Cut every replicator's connection, so that what is notified now is lost; then say something senseless."""
        three.database.ask(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'keydesk replicator'"
        )
        for text in (SENSELESS[turn % len(SENSELESS)], "1"):
            three.database.ask(f"SELECT pg_notify('keydesk_feed', '{text}')", "keydesk")

    answers, changes = history(10, before_each=disturb)
    require_bound(answers, changes, told, "F4, connections cut before each change")


def test_a_limit_is_exact_for_three_hosts_together(three, told):
    _, key = three.generate(limits=[f"key:daily={LIMIT}/day"])
    wait_until(
        lambda: all(key_is_known(each, key) for each in three.verifiers), seconds=10, what="known"
    )
    with ThreadPoolExecutor(12) as pool:
        asked = [each for each in three.verifiers for _ in range(LIMIT // 2)]
        statuses = Counter(pool.map(lambda each: each.ask(key), asked))
    told(f"Limit of {LIMIT} on three hosts, {len(asked)} calls at once: {dict(statuses)}")
    assert statuses == {200: LIMIT, 429: len(asked) - LIMIT}


def key_is_known(verifier, key):
    """Say whether a host has the key, by a question that spends nothing: for a product that it is not for."""
    return verifier.ask(key, "/v1/authorize/another-product") == 403
