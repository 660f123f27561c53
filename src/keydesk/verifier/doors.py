"""The doors of the verifier: each turns a request into a question, asks, and answers.

A door never answers "accepted" unless the decision function said so; whatever else goes wrong is for the caller to
turn into 503.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from time import perf_counter_ns
from typing import Any, Final, Protocol

from keydesk.core.clock import Clock, system_clock
from keydesk.core.codes import Code
from keydesk.core.decide import (
    DEFAULT_LEASE_SECONDS,
    RETRY_AFTER_SECONDS,
    UNAVAILABLE,
    Decider,
    Decision,
    Question,
    counted,
)
from keydesk.core.digest import Digester
from keydesk.core.keyformat import KeyFormat, service_marker
from keydesk.core.records import Envelope, Environment
from keydesk.gate import answers
from keydesk.gate.answers import Answer, Message
from keydesk.gate.credentials import CredentialReader, Presented, is_from_nginx
from keydesk.gate.guard import Header
from keydesk.gate.usage import Meter, NoMeter
from keydesk.limits.ledger import Ledger, LedgerUnavailable
from keydesk.replica.layout import ReplicaMissing
from keydesk.replica.store import Status
from keydesk.verifier.metrics import Door, Tally
from keydesk.verifier.questions import (
    MAX_BODY_BYTES,
    Batch,
    Check,
    InvalidBodyError,
    read_questions,
)
from keydesk.verifier.services import ServiceGate, ServiceRows

Receive = Callable[[], Awaitable[Message]]

BODY_TIMEOUT_SECONDS: Final = 10
QUERY_SIGNS: Final = (b"api_key=", b"api-key=", b"apikey=")


class Store(Protocol):
    """The replica, as the doors need it."""

    def rows(self) -> AbstractContextManager[ServiceRows]:
        """Give one consistent view; raises ReplicaMissing."""

    def status(self) -> Status:
        """Give what is known about the replica's age; raises ReplicaMissing."""


class NoRows:
    """What there is to read where there is no replica: nothing, never confirmed."""

    confirmed_at = None

    def nothing(self, *_: Any) -> None:
        """Give no row."""

    key = account = product = entitlement = credential = nothing


NO_ROWS: Final = NoRows()
NO_METER: Final = NoMeter()


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
        self._marker: Final = marker.encode() + b"_"
        self._read: Final = CredentialReader(marker).read
        self._read_service: Final = CredentialReader(service_marker(marker)).read_bearer
        self._decider: Final = Decider(KeyFormat(marker), digester)
        self._decide: Final = self._decider.decide
        self._gate: Final = ServiceGate(KeyFormat(service_marker(marker)), digester)
        self._store: Final = store
        self._ledger: Final = ledger
        self._count_authorize: Final = tally.counter(Door.AUTHORIZE)
        self._count_verify: Final = tally.counter(Door.VERIFY)
        self._note: Final = meter.note
        self._clock: Final = clock
        self._new_request_id: Final = answers.request_ids()

    async def authorize(self, scope: Message, product: str, environment: Environment) -> Answer:
        """Answer a gateway's sub-request: may this request, whose headers are here, reach the product?

        Method, body and the rest of the path do not matter.
        """
        started = perf_counter_ns()
        request_id = self._new_request_id()
        headers = scope["headers"]
        presented = self._read(headers)
        question = question_of(presented, product, environment)
        decision = await self._decision(presented, question)
        query = scope["query_string"]
        notice = answers.QUERY_NOTICE if query and self._has_credential(query) else None
        if decision.code is Code.OK:
            answer = answers.accepted(decision, request_id, notice=notice)
        else:
            answer = answers.turned_away(
                decision,
                request_id,
                envelope=self._envelope(product),
                for_nginx=is_from_nginx(headers),
                notice=notice,
            )
        self._count_authorize(decision.code, started)
        self._note(decision, question, request_id, self._clock())
        return answer

    def whoami(self, scope: Message) -> Answer:
        """Tell the holder of a key what it is for, and which address they come from."""
        request_id = self._new_request_id()
        presented = self._read(scope["headers"])
        if presented.credential is None:
            return answers.refused(presented.refusal or Code.KEY_MISSING, request_id)
        credential, address = presented.credential, presented.address
        try:
            with self._store.rows() as rows:
                decision = self._decider.about_itself(rows, credential, address, self._clock())
        except ReplicaMissing:
            decision = UNAVAILABLE
        if not decision.accepted:
            return answers.refused(decision.code, request_id, retry_after=decision.retry_after)
        return answers.decided(answers.whoami(decision, request_id, address=address), request_id)

    async def verify(self, scope: Message, receive: Receive) -> Answer:
        """Answer a service: the decision, or a batch of decisions, on what its JSON body asks."""
        started = perf_counter_ns()
        request_id = self._new_request_id()
        code = self._service_refusal(scope["headers"])
        if code is not None:
            return self._service_refused(code, request_id, started)
        try:
            asked = read_questions(await read_body(receive))
        except InvalidBodyError as error:
            self._count_verify(Code.INVALID_INPUT, started)
            return answers.bad_request(request_id, detail=str(error))
        # The body may have taken its time, and the credential may have been revoked meanwhile.
        code = self._service_refusal(scope["headers"])
        if code is not None:
            return self._service_refused(code, request_id, started)
        return await self._verdicts(asked, request_id, started)

    def count_fault(self, door: Door) -> None:
        """Count a request at a door that ended in a fault, as the `unavailable` that its caller was told."""
        count = self._count_verify if door is Door.VERIFY else self._count_authorize
        count(Code.UNAVAILABLE, perf_counter_ns())

    def livez(self) -> Answer:
        """Say that this process lives."""
        return answers.told(HTTPStatus.OK, {"alive": True})

    def readyz(self) -> Answer:
        """Say whether this process can decide: its replica was confirmed within the default lease."""
        try:
            status = self._store.status()
        except ReplicaMissing:
            return not_ready("replica_missing")
        if status.confirmed_at is None:
            return not_ready("replica_never_confirmed")
        age = max(0.0, self._clock() - status.confirmed_at)
        if age > DEFAULT_LEASE_SECONDS:
            return not_ready("replica_stale", age=age)
        return answers.told(
            HTTPStatus.OK,
            {"ready": True, "revision": status.revision, "age_seconds": round(age, 3)},
        )

    async def _decision(self, presented: Presented, question: Question) -> Decision:
        if presented.refusal is not None:
            return Decision(presented.refusal)
        now = self._clock()
        try:
            with self._store.rows() as rows:
                decision = self._decide(rows, question, now)
        except ReplicaMissing:
            return self._decide(NO_ROWS, question, now)
        return await self._counted(decision, presented.cost, now) if decision.buckets else decision

    async def _counted(self, decision: Decision, cost: int, now: float) -> Decision:
        """Count an accepted call against its limits; one that cannot be counted is not let through uncounted."""
        try:
            spent = await self._ledger.spend(decision.buckets, cost=cost, now=now)
        except LedgerUnavailable:
            return UNAVAILABLE
        return counted(decision, spent)

    def _envelope(self, product: str) -> str:
        """Give the form of a product's refusals; a problem where nothing is known of it."""
        try:
            with self._store.rows() as rows:
                found = rows.product(product)
        except ReplicaMissing:
            return Envelope.PROBLEM
        return Envelope.PROBLEM if found is None else found.envelope

    def _service_refusal(self, headers: list[Header]) -> Code | None:
        credential = self._read_service(headers)
        try:
            with self._store.rows() as rows:
                return self._gate.refusal(rows, credential, self._clock())
        except ReplicaMissing:
            return self._gate.refusal(NO_ROWS, credential, self._clock())

    def _service_refused(self, code: Code, request_id: str, started: int) -> Answer:
        self._count_verify(code, started)
        retry_after = RETRY_AFTER_SECONDS if code is Code.UNAVAILABLE else None
        return answers.refused(code, request_id, retry_after=retry_after)

    async def _verdicts(self, asked: Check | Batch, request_id: str, started: int) -> Answer:
        if isinstance(asked, Check):
            checks, ids = [asked], [request_id]
        else:
            checks, ids = asked.checks, [self._new_request_id() for _ in asked.checks]
        questions = [check.question() for check in checks]
        with self._store.rows() as rows:
            now = self._clock()
            decisions = [self._decide(rows, question, now) for question in questions]
        if places := [place for place, made in enumerate(decisions) if made.buckets]:
            asked_for = [self._counted(decisions[at], checks[at].cost, now) for at in places]
            for place, made in zip(places, await asyncio.gather(*asked_for), strict=True):
                decisions[place] = made
        for made, question, each_id in zip(decisions, questions, ids, strict=True):
            self._count_verify(made.code, started)
            self._note(made, question, each_id, now)
        if isinstance(asked, Batch):
            verdicts = list(map(answers.verdict, decisions, ids))
            return answers.decided({"decisions": verdicts}, request_id)
        decision = decisions[0]
        if decision.code is Code.UNAVAILABLE:
            return answers.refused(decision.code, request_id, retry_after=decision.retry_after)
        return answers.decided(answers.verdict(decision, request_id), request_id)

    def _has_credential(self, query: bytes) -> bool:
        return self._marker in query or any(sign in query.lower() for sign in QUERY_SIGNS)


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


def not_ready(reason: str, *, age: float | None = None) -> Answer:
    """Give the 503 of a verifier that cannot decide, with the reason and the replica's age in seconds, if known."""
    body = {"ready": False, "reason": reason}
    return answers.told(
        HTTPStatus.SERVICE_UNAVAILABLE,
        body if age is None else {**body, "age_seconds": round(age, 3)},
    )


async def read_body(receive: Receive) -> bytes:
    """Give a request's body, or a little more than the allowed size of it; raises InvalidBodyError if it breaks off."""
    body = b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while len(body) <= MAX_BODY_BYTES:
                message = await receive()
                if message["type"] != "http.request":
                    raise InvalidBodyError("The body broke off.")
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise InvalidBodyError("The body did not arrive in time.") from None
    return body
