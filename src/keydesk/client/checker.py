"""The check of a call, sync and async over one core: headers in, an identity or the answer that refuses out.

It walks as the verifier's doors do: what is presented, the question, the decision, its limits, its count. Whatever goes
wrong on the way is `unavailable`, never "allowed".
"""

import logging
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import PurePath
from traceback import extract_tb
from typing import Final, Protocol

from msgspec import Struct

from keydesk.client.calls import Identity, Need, Outcome
from keydesk.core.clock import Clock, system_clock
from keydesk.core.codes import Code
from keydesk.core.decide import UNAVAILABLE, Decider, Decision, Question, counted
from keydesk.core.digest import Digester
from keydesk.core.gcra import Balance, Spent
from keydesk.core.keyformat import KeyFormat
from keydesk.core.limits import Bucket
from keydesk.gate import answers
from keydesk.gate.absence import NO_ROWS, Store, envelope_of
from keydesk.gate.credentials import CredentialReader
from keydesk.gate.guard import Header
from keydesk.gate.usage import Meter, NoMeter
from keydesk.replica.layout import ReplicaMissing

OURS: Final = b"x-keydesk-"
"""What begins like this is between gateways and verifiers; an end client's is not looked at."""
EXACT_CODE: Final = b"x-keydesk-code"
LOG_INTERVAL_SECONDS: Final = 1.0
NO_METER: Final = NoMeter()
_OK: Final = Code.OK
_MALFORMED: Final = Code.KEY_MALFORMED

logger: Final = logging.getLogger(__name__)


class FaultLog:
    """Logs what failed where, once a second at most: at every call it would fill a disk."""

    def __init__(self, what: str) -> None:
        """Takes what it is that fails."""
        self._what: Final = what
        self._told_at = -LOG_INTERVAL_SECONDS

    def tell(self, error: Exception, *more: str) -> None:
        """Log an error and what more there is to say; not its text, which can hold a secret or what a caller sent."""
        now = time.monotonic()
        if now - self._told_at >= LOG_INTERVAL_SECONDS:
            self._told_at = now
            logger.error("%s: %s", self._what, ", ".join([described(error), *more]))


class Counter(Protocol):
    """A place where calls are counted, for callers that may wait and for callers on a loop."""

    def spend_now(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent | None:
        """Count a call at the moment `now` (Unix seconds), None if it cannot be counted; it may wait."""

    async def spend(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent | None:
        """Count a call at the moment `now` (Unix seconds), None if it cannot be counted."""


class Asked(Struct, frozen=True):
    """A call on its way: what was asked, and what the rows say of it."""

    question: Question
    decision: Decision
    request_id: str
    now: float


class Checker:
    """Checks calls for one installation, in any thread."""

    def __init__(  # noqa: PLR0913 - each is one thing that a check uses
        self,
        marker: str,
        digester: Digester,
        *,
        store: Store,
        counter: Counter,
        meter: Meter = NO_METER,
        clock: Clock = system_clock,
    ) -> None:
        """Takes the marker, digests, replica, the counts of limits and of usage, and the clock."""
        reader = CredentialReader(marker)
        self._read: Final = reader.read
        self._is_in_query: Final = reader.is_in_query
        self._decide: Final = Decider(KeyFormat(marker), digester).decide
        self._store: Final = store
        self._counter: Final = counter
        self._note: Final = meter.note
        self._clock: Final = clock
        self._new_request_id: Final = answers.request_ids()
        self._faults: Final = FaultLog("A check failed")

    def check(
        self, headers: Sequence[Header], need: Need, *, address: str | None, query: bytes = b""
    ) -> Outcome:
        """Give what comes of a call, whose header names are in lower case; it waits where Valkey counts."""
        try:
            asked, spent = self._ask(headers, need, address), None
            if buckets := asked.decision.buckets:
                spent = self._counter.spend_now(buckets, cost=need.cost, now=asked.now)
            return self._outcome(asked, spent, query)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the answer is "not now", never "allowed"
            return self._failed(error)

    async def check_async(
        self, headers: Sequence[Header], need: Need, *, address: str | None, query: bytes = b""
    ) -> Outcome:
        """Give what comes of a call, as `check` does, without keeping the loop waiting."""
        try:
            asked, spent = self._ask(headers, need, address), None
            if buckets := asked.decision.buckets:
                spent = await self._counter.spend(buckets, cost=need.cost, now=asked.now)
            return self._outcome(asked, spent, query)
        except Exception as error:  # noqa: BLE001 - as in `check`
            return self._failed(error)

    def _ask(self, headers: Sequence[Header], need: Need, address: str | None) -> Asked:
        """Give the decision of the rows on what the headers present; what the route says of itself counts, not they."""
        request_id, now = self._new_request_id(), self._clock()
        presented = self._read(headers)
        if presented.refusal is _MALFORMED:
            # It may be a header of gateways that is wrong, and of those only the size counts here.
            presented = self._read([without_name(each) for each in headers])
        question = Question(
            presented.credential,
            need.product,
            need.environment,
            presented.username,
            address,
            need.scopes,
        )
        if presented.refusal is not None:
            return Asked(question, Decision(presented.refusal), request_id, now)
        try:
            with self._store.rows() as rows:
                return Asked(question, self._decide(rows, question, now), request_id, now)
        except ReplicaMissing:
            return Asked(question, self._decide(NO_ROWS, question, now), request_id, now)

    def _outcome(self, asked: Asked, spent: Spent | None, query: bytes) -> Outcome:
        """Give what a call comes to once its limits were asked, and count it; uncounted it does not pass."""
        decision = asked.decision
        if decision.buckets:
            decision = UNAVAILABLE if spent is None else counted(decision, spent)
        key, account, code = decision.key, decision.account, decision.code
        if code is not _OK:
            outcome = self._refused(asked, decision, query)
        elif key is None or account is None:
            raise answers.UnfitIdentityError
        else:
            identity = Identity(
                key.account,
                account.username,
                key.product,
                key.id,
                key.environment,
                key.scopes,
                asked.request_id,
            )
            balances = decision.balances
            headers = limits_of(balances) if balances else []
            outcome = Outcome(code, asked.request_id, identity, headers)
        self._note(decision, asked.question, asked.request_id, asked.now)
        return outcome

    def _refused(self, asked: Asked, decision: Decision, query: bytes) -> Outcome:
        notice = answers.QUERY_NOTICE if query and self._is_in_query(query) else None
        envelope = envelope_of(self._store, asked.question.product)
        answer = answers.turned_away(decision, asked.request_id, envelope=envelope, notice=notice)
        return refusal(decision.code, asked.request_id, answer)

    def _failed(self, error: Exception) -> Outcome:
        """Give the 503, and log what failed where."""
        request_id = self._new_request_id()
        self._faults.tell(error, request_id)
        return unavailable(request_id)


def without_name(header: Header) -> Header:
    """Give a header that is between gateways and verifiers as one of the same size that says nothing."""
    name, value = header
    return (b"", name + value) if name.startswith(OURS) else header


def unavailable(request_id: str) -> Outcome:
    """Give the refusal of a call that cannot be decided."""
    code, retry_after = UNAVAILABLE.code, UNAVAILABLE.retry_after
    return refusal(code, request_id, answers.refused(code, request_id, retry_after=retry_after))


def refusal(code: Code, request_id: str, answer: answers.Answer) -> Outcome:
    """Give the outcome of a refused call; the exact code is not for its client."""
    headers = [each for each in answer.headers if each[0] != EXACT_CODE]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    return Outcome(code, request_id, None, headers, answer.status, answer.body)


def limits_of(balances: tuple[Balance, ...]) -> list[Header]:
    """Give the headers that tell how the limits of an accepted call stand."""
    return answers.Answer(HTTPStatus.OK, answers.rate_limit_lines(balances)).headers


def described(error: Exception) -> str:
    """Give an error's class and the innermost places it passed, without its text."""
    frames = reversed(extract_tb(error.__traceback__)[-3:])
    places = " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places}"
