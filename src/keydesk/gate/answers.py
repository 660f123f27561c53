"""From a decision to what goes over the wire: identity headers for gateways, JSON for services, problems for refusals.

A refusal is a problem (RFC 9457) whose body tells a stranger nothing more than its code may; the exact code is in
`X-Keydesk-Code`, for the gateway or service that asked, which does not pass it on.
"""

import os
import random
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import msgspec
from msgspec import Struct

from keydesk.core.codes import CODES, COMPAT_MESSAGES, Code
from keydesk.core.decide import RETRY_AFTER_SECONDS, Decision, UnfitIdentityError
from keydesk.core.gcra import Balance
from keydesk.core.limits import DAY_SECONDS, Limit, Window
from keydesk.core.records import Envelope
from keydesk.gate.guard import Header

PUBLIC_CODES: Final = {Code.KEY_MALFORMED: "key_invalid", Code.KEY_UNKNOWN: "key_invalid"}
"""Codes that an end client must not tell apart, and the one that it reads for them."""

PROBLEM_TYPE: Final = "urn:keydesk:code:"
END: Final = b"\r\n"
CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="keydesk"')
NO_STORE: Final = (b"cache-control", b"no-store")
JSON: Final = (b"content-type", b"application/json")
PROBLEM_JSON: Final = (b"content-type", b"application/problem+json")
ACCEPTED: Final = b"x-keydesk-code: ok\r\ncache-control: no-store\r\n"

BAD_BODY: Final = "The body does not ask a question that can be answered."
QUERY_NOTICE: Final = "A key in the query string is ignored. Send it in the x-api-key header."

LIMITED: Final = frozenset((Code.RATE_LIMITED, Code.QUOTA_EXCEEDED))
KEPT_BY_COMPAT: Final = frozenset((HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE))
"""The statuses that the compat envelope has too; all other refusals are 403 in it."""
KNOWN_POLICIES: Final = 1024

_encode: Final = msgspec.json.Encoder().encode


class Answer(Struct, frozen=True, gc=False):
    """A whole answer, as it goes over the wire."""

    status: int
    head: bytes
    """The lines of its headers, each with its end; names are in lower case."""
    body: bytes = b""

    @property
    def headers(self) -> list[Header]:
        """Its headers as names and values, for whoever does not write bytes."""
        pairs = (line.partition(b": ") for line in self.head.split(END)[:-1])
        return [(name, value) for name, _, value in pairs]


class Problem(Struct, frozen=True, omit_defaults=True):
    """The body of a refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    request_id: str
    detail: str | None = None


class Standing(Struct, frozen=True):
    """How one limit stands after a call."""

    name: str
    whose: str
    calls: int
    remaining: int
    reset_seconds: int


class Verdict(Struct, frozen=True):
    """A decision as `/v1/verify` gives it to a service: the exact code, and whom it is about as far as proven."""

    accepted: bool
    code: str
    status: int
    title: str
    request_id: str
    retry_after: int | None
    account: str | None
    username: str | None
    product: str | None
    key_id: str | None
    environment: str | None
    scopes: tuple[str, ...] | None
    limits: tuple[Standing, ...]


class Whoami(Struct, frozen=True):
    """What a key's holder may know of it."""

    account: str
    username: str
    product: str
    environment: str
    key_id: str
    scopes: tuple[str, ...]
    expires_at: int | None
    """When it ends, in Unix seconds; None if it does not."""
    address: str | None
    """The caller's address, as the gateway saw it."""
    request_id: str


def request_ids() -> Callable[[], str]:
    """Give a function that makes request ids: `req_` and 80 random bits in hexadecimal.

    Call this once in each process after its fork, or two processes give the same ids.
    """
    bits = random.Random(os.urandom(32)).getrandbits  # noqa: S311 - an id is to be found, not kept secret
    return lambda: "req_" + bits(80).to_bytes(10).hex()


def accepted(decision: Decision, request_id: str, *, notice: str | None = None) -> Answer:
    """Give a gateway's 200: every identity header, always, so that a client's own cannot stay in its place.

    A notice goes into a header of its own, since there is no body. Raises UnfitIdentityError if it is nobody's.
    """
    key, account = decision.key, decision.account
    if key is None or account is None:
        raise UnfitIdentityError
    head = (
        f"x-keydesk-account: {key.account}\r\nx-keydesk-username: {account.username}\r\n"
        f"x-keydesk-product: {key.product}\r\nx-keydesk-key-id: {key.id}\r\n"
        f"x-keydesk-environment: {key.environment}\r\nx-keydesk-scopes: {' '.join(key.scopes)}\r\n"
        f"x-keydesk-request-id: {request_id}\r\n"
    ).encode() + ACCEPTED
    if decision.balances:
        head += lines_of(rate_limit_headers(decision.balances))
    if notice is not None:
        head += f"x-keydesk-notice: {notice}\r\n".encode()
    return Answer(200, head)


def rate_limit_headers(balances: tuple[Balance, ...]) -> list[Header]:
    """Give `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) for the limits of a call."""
    state = ", ".join(
        [
            f'"{balance.limit.name}";r={balance.remaining};t={balance.reset_seconds}'
            for balance in balances
        ]
    )
    policy = rate_limit_policy(tuple([balance.limit for balance in balances]))
    return [(b"ratelimit-policy", policy), (b"ratelimit", state.encode())]


def lines_of(headers: Iterable[Header]) -> bytes:
    """Give headers as the lines that they go over the wire in."""
    return b"".join([name + b": " + value + END for name, value in headers])


@lru_cache(KNOWN_POLICIES)
def rate_limit_policy(limits: tuple[Limit, ...]) -> bytes:
    """Give the value of `RateLimit-Policy`; a month has no fixed length, so it goes without a window."""
    policies = []
    for limit in limits:
        seconds = DAY_SECONDS if limit.window == Window.DAY else limit.seconds
        window = "" if seconds is None else f";w={seconds}"
        policies.append(f'"{limit.name}";q={limit.calls}{window}')
    return ", ".join(policies).encode()


def refused(
    code: Code, request_id: str, *, detail: str | None = None, retry_after: int | None = None
) -> Answer:
    """Give the problem for a code; `retry_after` is in seconds."""
    info = CODES[code]
    problem = problem_of(code, request_id, status=info.status, title=info.title, detail=detail)
    return problem_answer(problem, code, retry_after=retry_after)


def unavailable(request_id: str, *, detail: str | None = None) -> Answer:
    """Give the 503 for what cannot be decided or told at the moment."""
    return refused(Code.UNAVAILABLE, request_id, detail=detail, retry_after=RETRY_AFTER_SECONDS)


def turned_away(
    decision: Decision,
    request_id: str,
    *,
    envelope: str,
    for_nginx: bool = False,
    notice: str | None = None,
) -> Answer:
    """Give a gateway's refusal in the form that the product has for its callers.

    For nginx, a call that a limit stopped is 403: it would make a 500 of a 429, and its configuration puts the status
    right by the code.
    """
    code = decision.code
    if envelope == Envelope.COMPAT:
        answer = compat(code, request_id, retry_after=decision.retry_after)
    else:
        answer = refused(code, request_id, detail=notice, retry_after=decision.retry_after)
    if code not in LIMITED:
        return answer
    status = int(HTTPStatus.FORBIDDEN) if for_nginx else answer.status
    return Answer(
        status, answer.head + lines_of(rate_limit_headers(decision.balances)), answer.body
    )


def compat(code: Code, request_id: str, *, retry_after: int | None = None) -> Answer:
    """Give the compat envelope for a code that decides on a request."""
    info = CODES[code]
    number = info.compat or "999"
    status = info.status if info.status in KEPT_BY_COMPAT else HTTPStatus.FORBIDDEN
    headers = [
        JSON,
        (b"x-keydesk-code", code.encode()),
        (b"x-keydesk-request-id", request_id.encode()),
        NO_STORE,
    ]
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % retry_after))
    body = {"status": {"code": number, "message": COMPAT_MESSAGES[number]}}
    return whole(status, headers, _encode(body))


def bad_request(request_id: str, *, detail: str) -> Answer:
    """Give the 400 for a body that is no question."""
    code = Code.INVALID_INPUT
    problem = problem_of(
        code, request_id, status=HTTPStatus.BAD_REQUEST, title=BAD_BODY, detail=detail
    )
    return problem_answer(problem, code)


def wrong_method(request_id: str, *, allowed: str) -> Answer:
    """Give the 405 that names the method to use."""
    code = Code.INVALID_INPUT
    status = HTTPStatus.METHOD_NOT_ALLOWED
    problem = problem_of(code, request_id, status=status, title=f"Ask with {allowed}.")
    answer = problem_answer(problem, code)
    return Answer(answer.status, answer.head + f"allow: {allowed}\r\n".encode(), answer.body)


def problem_of(
    code: Code, request_id: str, *, status: int, title: str, detail: str | None = None
) -> Problem:
    """Give the problem body for a code, as a stranger may read it."""
    public = PUBLIC_CODES.get(code, code.value)
    return Problem(
        type=PROBLEM_TYPE + public,
        title=title,
        status=int(status),
        code=public,
        request_id=request_id,
        detail=detail,
    )


def problem_answer(problem: Problem, code: Code, *, retry_after: int | None = None) -> Answer:
    """Give the answer that carries a problem, with the challenge that a 401 owes (RFC 9110, 11.6.1)."""
    headers = [
        PROBLEM_JSON,
        (b"x-keydesk-code", code.encode()),
        (b"x-keydesk-request-id", problem.request_id.encode()),
        NO_STORE,
    ]
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers.append(CHALLENGE)
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % retry_after))
    return whole(problem.status, headers, _encode(problem))


def verdict(decision: Decision, request_id: str) -> Verdict:
    """Give the decision as a service reads it."""
    code, key, account = decision.code, decision.key, decision.account
    return Verdict(
        accepted=decision.accepted,
        code=code.value,
        status=CODES[code].status,
        title=CODES[code].title,
        request_id=request_id,
        retry_after=decision.retry_after,
        account=key.account if key else None,
        username=account.username if account else None,
        product=key.product if key else None,
        key_id=key.id if key else None,
        environment=key.environment if key else None,
        scopes=key.scopes if key else None,
        limits=tuple(
            Standing(
                balance.limit.name,
                balance.limit.whose,
                balance.limit.calls,
                balance.remaining,
                balance.reset_seconds,
            )
            for balance in decision.balances
        ),
    )


def whoami(decision: Decision, request_id: str, *, address: str | None) -> Whoami:
    """Give what the holder of an accepted key reads of it. Raises UnfitIdentityError if there is no key."""
    key, account = decision.key, decision.account
    if key is None or account is None:
        raise UnfitIdentityError
    return Whoami(
        account=key.account,
        username=account.username,
        product=key.product,
        environment=key.environment,
        key_id=key.id,
        scopes=key.scopes,
        expires_at=key.expires_at,
        address=address,
        request_id=request_id,
    )


def decided(body: Verdict | Whoami | dict[str, list[Verdict]], request_id: str) -> Answer:
    """Give a service's 200: one decision, or a batch of them."""
    headers = [JSON, NO_STORE, (b"x-keydesk-request-id", request_id.encode())]
    return whole(HTTPStatus.OK, headers, _encode(body))


def told(status: int, body: dict[str, Any]) -> Answer:
    """Give a small JSON answer about the process itself."""
    headers = [JSON, NO_STORE]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"1"))
    return whole(status, headers, _encode(body))


def whole(status: int, headers: list[Header], body: bytes) -> Answer:
    """Give an answer with a body."""
    return Answer(int(status), lines_of(headers), body)
