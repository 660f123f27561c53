"""The verifier as an application: which path is which door, and 503 for whatever goes wrong behind one.

Paths are compared as raw bytes and never normalised or decoded, because a gateway appends its client's own path.
"""

from collections.abc import Awaitable
from functools import lru_cache
from typing import Final

from keydesk.core.codes import Code
from keydesk.core.records import Environment
from keydesk.gate import answers
from keydesk.gate.answers import Answer
from keydesk.gate.faults import FaultLog
from keydesk.verifier.doors import Doors
from keydesk.verifier.metrics import Door
from keydesk.verifier.request import Request

AUTHORIZE: Final = b"/v1/authorize"
VERIFY: Final = b"/v1/verify"
WHOAMI: Final = b"/v1/whoami"
GET: Final = b"GET"
POST: Final = b"POST"
PRODUCT_PART: Final = 3
KNOWN_PATHS: Final = 256
LONGEST_KNOWN: Final = 128
ENVIRONMENTS: Final = {b"authorize": Environment.LIVE, b"authorize-test": Environment.TEST}


class VerifierApp:
    """The application of one worker process: `keydesk.verifier.http1.Application`."""

    def __init__(self, doors: Doors) -> None:
        """Takes the doors."""
        self._doors: Final = doors
        self._about_process: Final = {b"/livez": doors.livez, b"/readyz": doors.readyz}
        self._new_request_id: Final = answers.request_ids()
        self._faults: Final = FaultLog("A request failed")

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
        except Exception as error:  # noqa: BLE001 - nor is it "allowed" for who had to wait
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
        """Count the fault, give the 503, and log what failed where."""
        if at == VERIFY:
            self._doors.count_fault(Door.VERIFY)
        elif at.startswith(AUTHORIZE):
            self._doors.count_fault(Door.AUTHORIZE)
        request_id = self._new_request_id()
        self._faults.tell(error, request_id)
        return answers.unavailable(request_id)


def asked_by(path: bytes) -> tuple[str, Environment] | None:
    """Give the product and the environment that an authorize path asks for, None if it is not one."""
    parts = path.split(b"/", 4)
    environment = ENVIRONMENTS.get(parts[2])
    if environment is None:
        return None
    return parts[3].decode("latin-1") if len(parts) > PRODUCT_PART else "", environment


_known_asked_by: Final = lru_cache(KNOWN_PATHS)(asked_by)
"""As above, for the short paths that gateways ask again and again."""
