"""The check of a call, sync and async over one walk: headers in, an identity or the answer that refuses out.

Whatever goes wrong on the way is `unavailable`, never "allowed".
"""

from collections.abc import Sequence
from typing import Final, Protocol

from keydesk.client.calls import Identity, Need, Outcome
from keydesk.core.clock import Clock, system_clock
from keydesk.core.codes import Code
from keydesk.core.decide import Decider, Decision, Question, Rows, UnfitIdentityError
from keydesk.core.digest import Digester
from keydesk.core.gcra import Spent
from keydesk.core.keyformat import KeyFormat
from keydesk.core.limits import Bucket
from keydesk.gate import answers
from keydesk.gate.absence import Store
from keydesk.gate.credentials import CredentialReader
from keydesk.gate.faults import FaultLog
from keydesk.gate.guard import Header
from keydesk.gate.usage import NO_METER, Meter
from keydesk.gate.walk import Call, Walk
from keydesk.limits.ledger import Ledger

OURS: Final = b"x-keydesk-"
"""What begins like this is between gateways and verifiers; an end client's is not looked at."""
EXACT_CODE: Final = b"x-keydesk-code"
_OK: Final = Code.OK
_MALFORMED: Final = Code.KEY_MALFORMED


class Counter(Ledger, Protocol):
    """A place where calls are counted, for callers that may wait and for callers on a loop."""

    def spend_now(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent:
        """Count a call as `spend` does; it may wait. Raises LedgerUnavailable."""


class Checker:
    """Checks calls for one installation, in any thread."""

    def __init__(  # noqa: PLR0913 - each is one thing that a check uses
        self,
        marker: str,
        digester: Digester,
        *,
        store: Store[Rows],
        counter: Counter,
        meter: Meter = NO_METER,
        clock: Clock = system_clock,
    ) -> None:
        """Takes the marker, digests, replica, the counts of limits and of usage, and the clock."""
        reader = CredentialReader(marker)
        self._read: Final = reader.read
        self._walk: Final = Walk(reader, Decider(KeyFormat(marker), digester), store=store)
        self._spend: Final = counter.spend
        self._spend_now: Final = counter.spend_now
        self._note: Final = meter.note
        self._clock: Final = clock
        self._new_request_id: Final = answers.request_ids()
        self._faults: Final = FaultLog("A check failed")

    def check(
        self, headers: Sequence[Header], need: Need, *, address: str | None, query: bytes = b""
    ) -> Outcome:
        """Give what comes of a call, whose header names are in lower case; it waits where Valkey counts."""
        try:
            call = self._call(headers, need, address)
            return self._outcome(call, self._walk.decision(call, self._spend_now), query)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the answer is "not now", never "allowed"
            return self._failed(error)

    async def check_async(
        self, headers: Sequence[Header], need: Need, *, address: str | None, query: bytes = b""
    ) -> Outcome:
        """Give what comes of a call, as `check` does, without keeping the loop waiting."""
        try:
            call = self._call(headers, need, address)
            decision = self._walk.decision(call, self._spend)
            if not isinstance(decision, Decision):
                decision = await decision
            return self._outcome(call, decision, query)
        except Exception as error:  # noqa: BLE001 - nor is it "allowed" where somebody waits
            return self._failed(error)

    def _call(self, headers: Sequence[Header], need: Need, address: str | None) -> Call:
        """Give what is asked; what the route says of itself counts, not what the headers do."""
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
        return Call(question, request_id, now, need.cost, presented.refusal)

    def _outcome(self, call: Call, decision: Decision, query: bytes) -> Outcome:
        """Give what a call comes to, and count it."""
        key, account, code = decision.key, decision.account, decision.code
        if code is not _OK:
            answer = self._walk.refused(call, decision, query=query)
            outcome = refusal(code, call.request_id, answer)
        elif key is None or account is None:
            raise UnfitIdentityError
        else:
            identity = Identity(
                key.account,
                account.username,
                key.product,
                key.id,
                key.environment,
                key.scopes,
                call.request_id,
            )
            balances = decision.balances
            headers = answers.rate_limit_headers(balances) if balances else []
            outcome = Outcome(code, call.request_id, identity, headers)
        self._note(decision, call.question, call.request_id, call.now)
        return outcome

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
    return refusal(Code.UNAVAILABLE, request_id, answers.unavailable(request_id))


def refusal(code: Code, request_id: str, answer: answers.Answer) -> Outcome:
    """Give the outcome of a refused call; the exact code is not for its client."""
    headers = [each for each in answer.headers if each[0] != EXACT_CODE]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    return Outcome(code, request_id, None, headers, answer.status, answer.body)
