"""The walk that every door takes: what it goes on with where something is missing."""

import asyncio

import pytest
from tests.fixtures.rows import MemoryStore
from tests.fixtures.situations import DIGEST, KEY, NOW, FreshLedger, rows_of

from keydesk.core.codes import Code
from keydesk.core.decide import UNAVAILABLE, Decider, Decision, Question
from keydesk.core.keyformat import KeyFormat
from keydesk.gate.credentials import CredentialReader
from keydesk.gate.walk import Call, Walk
from keydesk.limits.ledger import LedgerUnavailable
from keydesk.replica.layout import ReplicaMissing

LIMITED = {
    "key": {"limits": ("key:day=2/day",)},
    "account": {},
    "product": {},
    "entitlement": {},
    "age": 0,
}


def walk(store):
    return Walk(CredentialReader("kd"), Decider(KeyFormat("kd"), DIGEST), store=store)


def call(credential, **fields):
    return Call(Question(credential, "disbursement", "live"), "req_1", NOW, 1, **fields)


def spend_at_once(buckets, *, cost, now):
    return FreshLedger().spend(buckets, cost=cost, now=now)


async def spend_later(buckets, *, cost, now):
    return spend_at_once(buckets, cost=cost, now=now)


def away_at_once(*_, **__):
    raise LedgerUnavailable("away")


async def away_later(*_, **__):
    raise LedgerUnavailable("away")


def decided(store, asked, spend):
    decision = walk(store).decision(asked, spend)

    async def waited():
        return decision if isinstance(decision, Decision) else await decision

    return asyncio.run(waited())


@pytest.mark.parametrize("spend", [spend_at_once, spend_later])
def test_a_call_passes_once_it_was_counted_wherever_that_is(spend):
    decision = decided(MemoryStore(rows_of(LIMITED)), call(KEY), spend)
    assert (decision.code, decision.buckets) == (Code.OK, ())
    assert [(each.limit.name, each.remaining) for each in decision.balances] == [("day", 1)]


@pytest.mark.parametrize("spend", [away_at_once, away_later])
def test_a_call_that_cannot_be_counted_is_unavailable(spend):
    assert decided(MemoryStore(rows_of(LIMITED)), call(KEY), spend) == UNAVAILABLE


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (call(None), Code.KEY_MISSING),
        (call(KEY[:-1]), Code.KEY_MALFORMED),
        (call(None, refusal=Code.KEY_MALFORMED), Code.KEY_MALFORMED),
        (call(KEY), Code.UNAVAILABLE),
    ],
)
def test_without_a_replica_row_one_is_decided_and_the_refusal_is_a_problem(asked, code):
    store = MemoryStore(error=ReplicaMissing())
    decision = decided(store, asked, spend_at_once)
    answer = walk(store).refused(asked, decision, query=b"")
    assert decision.code is code
    assert dict(answer.headers)[b"content-type"] == b"application/problem+json"
