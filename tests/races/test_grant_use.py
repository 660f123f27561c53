"""B7: a grant is good for one use, however many come at once."""

from collections import Counter

import pytest

from keydesk.control.keys.models import ApiKey
from keydesk.control.stepup.rules import GuardedAction

AT_ONCE = 32

pytestmark = pytest.mark.django_db(transaction=True)


def codes(outcomes):
    return Counter(code for code, _ in outcomes)


def test_of_32_reveals_with_one_grant_exactly_one_succeeds(
    crew, call, ana, generate, give_grant, rounds
):
    made = generate(ana)
    for _ in range(rounds):
        grant = give_grant(ana, GuardedAction.KEY_REVEAL, made.id)
        calls = [call("reveal", ana, key_id=made.id, grant=grant)] * AT_ONCE
        assert codes(crew.at_once(calls)) == {"ok": 1, "grant_invalid": AT_ONCE - 1}


def test_of_32_replacements_with_one_grant_exactly_one_succeeds(
    crew, call, ana, generate, give_grant, rounds
):
    key_id = generate(ana).id
    for number in range(rounds):
        grant = give_grant(ana, GuardedAction.KEY_REGENERATE, key_id)
        calls = [
            call("regenerate", ana, key_id=key_id, grant=grant, request_token=f"{number}-{press}")
            for press in range(AT_ONCE)
        ]
        outcomes = crew.at_once(calls)
        assert codes(outcomes) == {"ok": 1, "grant_invalid": AT_ONCE - 1}
        (key_id,) = [new for _, new in outcomes if new]
        assert ApiKey.objects.get(state="ACTIVE").id == key_id


def test_a_grant_used_for_everything_else_at_once_opens_nothing(
    crew, call, ana, budi, generate, give_grant, rounds
):
    made, other = generate(ana), generate(budi)
    for _ in range(rounds):
        grant = give_grant(ana, GuardedAction.KEY_REVEAL, made.id)
        calls = [
            call("reveal", ana, key_id=other.id, grant=grant),
            call("reveal", budi, key_id=made.id, grant=grant),
            call("regenerate", ana, key_id=made.id, grant=grant, request_token="misuse"),
            call("reveal", ana, key_id=made.id, grant=grant[:-1]),
        ] * (AT_ONCE // 4)
        assert codes(crew.at_once(calls)) == {"grant_invalid": AT_ONCE}
