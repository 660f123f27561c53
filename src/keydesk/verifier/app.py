"""The verifier as an application: which path is which door, and 503 for whatever goes wrong behind one.

Paths are compared as raw bytes and never normalised or decoded, because a gateway appends its client's own path.
"""

import logging
import time
from collections.abc import Awaitable
from functools import lru_cache
from pathlib import PurePath
from traceback import extract_tb
from typing import Final

from keydesk.core.codes import Code
from keydesk.core.decide import RETRY_AFTER_SECONDS
from keydesk.core.records import Environment
from keydesk.gate import answers
from keydesk.gate.answers import Answer
from keydesk.verifier.doors import Doors
from keydesk.verifier.http1 import Request
from keydesk.verifier.metrics import Door

AUTHORIZE: Final = b"/v1/authorize"
VERIFY: Final = b"/v1/verify"
WHOAMI: Final = b"/v1/whoami"
GET: Final = b"GET"
POST: Final = b"POST"
PRODUCT_PART: Final = 3
KNOWN_PATHS: Final = 256
LONGEST_KNOWN: Final = 128
ENVIRONMENTS: Final = {b"authorize": Environment.LIVE, b"authorize-test": Environment.TEST}
LOG_INTERVAL_SECONDS: Final = 1.0

logger: Final = logging.getLogger(__name__)


class VerifierApp:
    """The application of one worker process: `keydesk.verifier.http1.Application`."""

    def __init__(self, doors: Doors) -> None:
        """Takes the doors."""
        self._doors: Final = doors
        self._about_process: Final = {b"/livez": doors.livez, b"/readyz": doors.readyz}
        self._new_request_id: Final = answers.request_ids()
        self._logged_at = -LOG_INTERVAL_SECONDS

    def reads_body(self, method: bytes, path: bytes) -> bool:
        """Say whether a request is answered by what its body says; no gateway's request is."""
        return path == VERIFY and method == POST

    def answer(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer one request; whatever goes wrong is a 503."""
        path = request.path
        try:
            is_gateway = path.startswith(AUTHORIZE)
            answer = (self._authorize if is_gateway else self._other)(request, path)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the answer is "not now", never "allowed"
            return self._failed(error, at=path)
        return answer if isinstance(answer, Answer) else self._later(answer, at=path)

    async def _later(self, answer: Awaitable[Answer], *, at: bytes) -> Answer:
        try:
            return await answer
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(error, at=at)

    def _authorize(self, request: Request, path: bytes) -> Answer | Awaitable[Answer]:
        asked = (_known_asked_by if len(path) <= LONGEST_KNOWN else asked_by)(path)
        if asked is None:
            return answers.refused(Code.NOT_FOUND, self._new_request_id())
        return self._doors.authorize(request, asked[0], asked[1])

    def _other(self, request: Request, path: bytes) -> Answer | Awaitable[Answer]:
        if path == VERIFY:
            if request.method != POST:
                return answers.wrong_method(self._new_request_id(), allowed="POST")
            return self._doors.verify(request)
        if path == WHOAMI:
            if request.method != GET:
                return answers.wrong_method(self._new_request_id(), allowed="GET")
            return self._doors.whoami(request)
        about_process = self._about_process.get(path)
        if about_process is not None:
            return about_process()
        return answers.refused(Code.NOT_FOUND, self._new_request_id())

    def _failed(self, error: Exception, *, at: bytes) -> Answer:
        """Count the fault, give the 503, and log what failed where.

        An error's own text can hold what a caller sent, so it stays out.
        """
        if at == VERIFY:
            self._doors.count_fault(Door.VERIFY)
        elif at.startswith(AUTHORIZE):
            self._doors.count_fault(Door.AUTHORIZE)
        request_id = self._new_request_id()
        now = time.monotonic()
        if now - self._logged_at >= LOG_INTERVAL_SECONDS:
            self._logged_at = now
            logger.error("A request failed: %s, %s", describe(error), request_id)
        return answers.refused(Code.UNAVAILABLE, request_id, retry_after=RETRY_AFTER_SECONDS)


def asked_by(path: bytes) -> tuple[str, Environment] | None:
    """Give the product and the environment that an authorize path asks for, None if it is not one."""
    parts = path.split(b"/", 4)
    environment = ENVIRONMENTS.get(parts[2])
    if environment is None:
        return None
    return parts[3].decode("latin-1") if len(parts) > PRODUCT_PART else "", environment


_known_asked_by: Final = lru_cache(KNOWN_PATHS)(asked_by)
"""As above, for the short paths that gateways ask again and again."""


def describe(error: Exception) -> str:
    """Give an error's class and the innermost places it passed, without its text."""
    places = [
        f"{PurePath(frame.filename).name}:{frame.lineno}"
        for frame in extract_tb(error.__traceback__)
    ]
    return f"{type(error).__name__} at {' < '.join(reversed(places[-3:]))}"
