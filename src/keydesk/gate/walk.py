"""The walk of a call through its check, the same for every door: the rows' decision, its limits, its refusal.

A door says what is asked, and what it makes of an acceptance. A call that cannot be counted does not pass; whatever
else goes wrong on the way is for the door to turn into `unavailable`, never into "allowed".
"""

from collections.abc import Awaitable, Callable
from typing import Final, overload

from msgspec import Struct

from keydesk.core.codes import Code
from keydesk.core.decide import UNAVAILABLE, Decider, Decision, Question, Rows, counted
from keydesk.core.gcra import Spent
from keydesk.core.records import Envelope
from keydesk.gate import answers
from keydesk.gate.absence import Store, rows_of
from keydesk.gate.answers import Answer
from keydesk.gate.credentials import CredentialReader
from keydesk.limits.ledger import LedgerUnavailable

Spend = Callable[..., Spent | Awaitable[Spent]]
"""`keydesk.limits.ledger.Ledger.spend`."""


class Call(Struct, frozen=True, gc=False):
    """A call on its way: what it asks, under which id and at what moment (Unix seconds)."""

    question: Question
    request_id: str
    now: float
    cost: int
    """How many calls it counts as."""
    refusal: Code | None = None
    """What its headers alone refuse it with."""


class Walk:
    """The walk of one installation's calls."""

    def __init__(self, reader: CredentialReader, decider: Decider, *, store: Store[Rows]) -> None:
        """Takes what knows a credential in a query string, the decision function and the replica."""
        self._is_in_query: Final = reader.is_in_query
        self._decide: Final = decider.decide
        self._store: Final = store

    @overload
    def decision(self, call: Call, spend: Callable[..., Spent]) -> Decision: ...
    @overload
    def decision(self, call: Call, spend: Spend) -> Decision | Awaitable[Decision]: ...
    def decision(self, call: Call, spend: Spend) -> Decision | Awaitable[Decision]:
        """Give the decision on a call, counted against its limits by `spend`; to be awaited if that is."""
        if call.refusal is not None:
            return Decision(call.refusal)
        with rows_of(self._store) as rows:
            decision = self._decide(rows, call.question, call.now)
        return spent_on(call, decision, spend)

    def refused(
        self, call: Call, decision: Decision, *, query: bytes, for_nginx: bool = False
    ) -> Answer:
        """Give the answer to a refused call, in the form that the product has for its callers."""
        with rows_of(self._store) as rows:
            product = rows.product(call.question.product)
        return answers.turned_away(
            decision,
            call.request_id,
            envelope=Envelope.PROBLEM if product is None else product.envelope,
            for_nginx=for_nginx,
            notice=self.notice(query),
        )

    def notice(self, query: bytes) -> str | None:
        """Give what a caller is told of their query string, None if there is nothing to tell."""
        return answers.QUERY_NOTICE if query and self._is_in_query(query) else None


def spent_on(call: Call, decision: Decision, spend: Spend) -> Decision | Awaitable[Decision]:
    """Give a decision once its call was counted, if it has limits; what cannot be counted is `unavailable`."""
    if not decision.buckets:
        return decision
    try:
        spent = spend(decision.buckets, cost=call.cost, now=call.now)
    except LedgerUnavailable:
        return UNAVAILABLE
    return counted(decision, spent) if isinstance(spent, Spent) else later(decision, spent)


async def later(decision: Decision, spent: Awaitable[Spent]) -> Decision:
    """Give the decision once its call was counted elsewhere."""
    try:
        return counted(decision, await spent)
    except LedgerUnavailable:
        return UNAVAILABLE
