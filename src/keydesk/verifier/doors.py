"""The doors of the verifier: each turns a request into a question, asks, and answers.

A door never answers "accepted" unless the decision function said so; whatever else goes wrong is for the caller to
turn into 503.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from time import perf_counter_ns
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from keydesk.core.clock import Clock, system_clock
from keydesk.core.codes import Code
from keydesk.core.decide import (
    DEFAULT_LEASE_SECONDS,
    RETRY_AFTER_SECONDS,
    Decider,
    Decision,
    Question,
)
from keydesk.core.digest import Digester
from keydesk.core.keyformat import KeyFormat, service_marker
from keydesk.core.records import Environment
from keydesk.gate import absence, answers
from keydesk.gate.absence import rows_of
from keydesk.gate.answers import Answer
from keydesk.gate.credentials import CredentialReader, Presented, is_from_nginx
from keydesk.gate.freshness import MOST_SKEW_SECONDS
from keydesk.gate.guard import Header
from keydesk.gate.usage import NO_METER, Meter
from keydesk.gate.walk import Call, Walk, spent_on
from keydesk.limits.ledger import Ledger
from keydesk.replica.layout import ReplicaMissing
from keydesk.replica.store import Status
from keydesk.verifier.metrics import Door, Tally
from keydesk.verifier.questions import Batch, InvalidBodyError, read_questions
from keydesk.verifier.request import Request
from keydesk.verifier.services import ServiceGate, ServiceRows


class Store(absence.Store[ServiceRows], Protocol):
    """The replica, as the doors need it."""

    def status(self) -> Status:
        """Give what is known about the replica's age; raises ReplicaMissing."""


class Inquiry(Struct, frozen=True):
    """A service's request: what it asks, under which id, and since when (`time.perf_counter_ns()`)."""

    calls: Sequence[Call]
    request_id: str
    is_batch: bool
    started: int


Made = TypeVar("Made")
_OK: Final = Code.OK


class Doors:
    """The doors of one process."""

    def __init__(  # noqa: PLR0913 - each is one thing that doors use
        self,
        marker: str,
        digester: Digester,
        *,
        store: Store,
        ledger: Ledger,
        tally: Tally,
        meter: Meter = NO_METER,
        clock: Clock = system_clock,
    ) -> None:
        """Takes the marker, digests, replica, the counts of limits, of metrics and of usage, and the clock."""
        reader = CredentialReader(marker)
        self._read: Final = reader.read
        self._read_service: Final = CredentialReader(service_marker(marker)).read_bearer
        self._decider: Final = Decider(KeyFormat(marker), digester)
        self._walk: Final = Walk(reader, self._decider, store=store)
        self._gate: Final = ServiceGate(KeyFormat(service_marker(marker)), digester)
        self._store: Final = store
        self._spend: Final = ledger.spend
        self._count_authorize: Final = tally.counter(Door.AUTHORIZE)
        self._count_verify: Final = tally.counter(Door.VERIFY)
        self._note: Final = meter.note
        self._clock: Final = clock
        self._new_request_id: Final = answers.request_ids()

    def authorize(
        self, request: Request, product: str, environment: Environment
    ) -> Answer | Awaitable[Answer]:
        """Answer a gateway's sub-request: may this request, whose headers are here, reach the product?

        Method, body and the rest of the path do not matter.
        """
        started = perf_counter_ns()
        presented = self._read(request.headers)
        call = Call(
            question_of(presented, product, environment),
            self._new_request_id(),
            self._clock(),
            presented.cost,
            presented.refusal,
        )
        decision = self._walk.decision(call, self._spend)
        if isinstance(decision, Decision):
            return self._authorized(request, started, call, decision)
        return then(decision, partial(self._authorized, request, started, call))

    def whoami(self, request: Request) -> Answer:
        """Tell the holder of a key what it is for, and which address they come from."""
        request_id = self._new_request_id()
        presented = self._read(request.headers)
        if presented.credential is None:
            return answers.refused(presented.refusal or Code.KEY_MISSING, request_id)
        credential, address = presented.credential, presented.address
        with rows_of(self._store) as rows:
            decision = self._decider.about_itself(rows, credential, address, self._clock())
        if not decision.accepted:
            return answers.refused(decision.code, request_id, retry_after=decision.retry_after)
        return answers.decided(answers.whoami(decision, request_id, address=address), request_id)

    def verify(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a service: the decision, or a batch of decisions, on what its JSON body asks."""
        started = perf_counter_ns()
        request_id = self._new_request_id()
        code = self._service_refusal(request.headers)
        if code is not None:
            self._count_verify(code, started)
            retry_after = RETRY_AFTER_SECONDS if code is Code.UNAVAILABLE else None
            return answers.refused(code, request_id, retry_after=retry_after)
        try:
            body = read_questions(request.body)
        except InvalidBodyError as error:
            self._count_verify(Code.INVALID_INPUT, started)
            return answers.bad_request(request_id, detail=str(error))
        now = self._clock()
        if isinstance(body, Batch):
            calls = [check.call(self._new_request_id(), now) for check in body.checks]
        else:
            calls = [body.call(request_id, now)]
        with rows_of(self._store) as rows:
            decided = [self._decider.decide(rows, call.question, now) for call in calls]
        made = [spent_on(*pair, self._spend) for pair in zip(calls, decided, strict=True)]
        inquiry = Inquiry(calls, request_id, isinstance(body, Batch), started)
        decisions = [each for each in made if isinstance(each, Decision)]
        if len(decisions) < len(made):
            return then(all_of(made), partial(self._verdicts, inquiry))
        return self._verdicts(inquiry, decisions)

    def count_fault(self, door: Door) -> None:
        """Count a request at a door that ended in a fault, as the `unavailable` that its caller was told."""
        count = self._count_verify if door is Door.VERIFY else self._count_authorize
        count(Code.UNAVAILABLE, perf_counter_ns())

    def livez(self) -> Answer:
        """Say that this process lives."""
        return answers.told(HTTPStatus.OK, {"alive": True})

    def readyz(self) -> Answer:
        """Say whether this process can decide: its replica is within the default lease, and its clock is right."""
        try:
            status = self._store.status()
        except ReplicaMissing:
            return not_ready("replica_missing")
        if status.confirmed_at is None:
            return not_ready("replica_never_confirmed")
        age = max(0.0, self._clock() - status.confirmed_at)
        if age > DEFAULT_LEASE_SECONDS:
            return not_ready("replica_stale", age_seconds=age)
        ahead = status.clock_ahead_seconds or 0.0
        if abs(ahead) > MOST_SKEW_SECONDS:
            return not_ready("clock_skewed", age_seconds=age, clock_ahead_seconds=ahead)
        return answers.told(
            HTTPStatus.OK,
            {"ready": True, "revision": status.revision, "age_seconds": round(age, 3)},
        )

    def _authorized(self, request: Request, started: int, call: Call, decision: Decision) -> Answer:
        """Give the answer to a gateway, and count it."""
        query = request.query
        if decision.code is _OK:
            answer = answers.accepted(decision, call.request_id, notice=self._walk.notice(query))
        else:
            for_nginx = is_from_nginx(request.headers)
            answer = self._walk.refused(call, decision, query=query, for_nginx=for_nginx)
        self._count_authorize(decision.code, started)
        self._note(decision, call.question, call.request_id, call.now)
        return answer

    def _service_refusal(self, headers: list[Header]) -> Code | None:
        credential = self._read_service(headers)
        with rows_of(self._store) as rows:
            return self._gate.refusal(rows, credential, self._clock())

    def _verdicts(self, inquiry: Inquiry, decisions: Sequence[Decision]) -> Answer:
        """Give the answer to a service, and count every decision in it."""
        for call, decision in zip(inquiry.calls, decisions, strict=True):
            self._count_verify(decision.code, inquiry.started)
            self._note(decision, call.question, call.request_id, call.now)
        if inquiry.is_batch:
            ids = [call.request_id for call in inquiry.calls]
            verdicts = list(map(answers.verdict, decisions, ids))
            return answers.decided({"decisions": verdicts}, inquiry.request_id)
        decision, request_id = decisions[0], inquiry.request_id
        if decision.code is Code.UNAVAILABLE:
            return answers.refused(decision.code, request_id, retry_after=decision.retry_after)
        return answers.decided(answers.verdict(decision, request_id), request_id)


def question_of(presented: Presented, product: str, environment: Environment) -> Question:
    """Give what a gateway's sub-request asks."""
    return Question(
        presented.credential,
        product,
        environment,
        presented.username,
        presented.address,
        presented.scopes,
    )


def not_ready(reason: str, **known_seconds: float) -> Answer:
    """Give the 503 of a verifier that should not be asked, with the reason and what is known, in seconds."""
    known = {name: round(seconds, 3) for name, seconds in known_seconds.items()}
    return answers.told(HTTPStatus.SERVICE_UNAVAILABLE, {"ready": False, "reason": reason, **known})


async def then(made: Awaitable[Made], answer: Callable[[Made], Answer]) -> Answer:
    """Give the answer to what is still to be waited for."""
    return answer(await made)


async def all_of(made: Sequence[Decision | Awaitable[Decision]]) -> list[Decision]:
    """Give all decisions in their order, after waiting together for those that are still to come."""
    waited = [each for each in made if not isinstance(each, Decision)]
    arrived = iter(await asyncio.gather(*waited))
    return [each if isinstance(each, Decision) else next(arrived) for each in made]
