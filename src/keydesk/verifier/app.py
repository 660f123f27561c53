"""The verifier as an ASGI application: which path is which door, and 503 for whatever goes wrong behind one.

Paths are compared as raw bytes and never normalised or decoded, because a gateway appends its client's own path.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import PurePath
from traceback import extract_tb
from typing import Final

from keydesk.core.codes import Code
from keydesk.core.decide import RETRY_AFTER_SECONDS
from keydesk.core.records import Environment
from keydesk.gate import answers
from keydesk.gate.answers import Answer, Message
from keydesk.verifier.doors import Doors, Receive
from keydesk.verifier.metrics import Door

Send = Callable[[Message], Awaitable[None]]

AUTHORIZE: Final = b"/v1/authorize"
VERIFY: Final = b"/v1/verify"
WHOAMI: Final = b"/v1/whoami"
PRODUCT_PART: Final = 3
KNOWN_PATHS: Final = 256
ENVIRONMENTS: Final = {b"authorize": Environment.LIVE, b"authorize-test": Environment.TEST}
LOG_INTERVAL_SECONDS: Final = 1.0

logger: Final = logging.getLogger(__name__)


def reads_body(method: bytes, path: bytes) -> bool:
    """Say whether a request is answered by what its body says; no gateway's request is."""
    return path == VERIFY and method == b"POST"


class VerifierApp:
    """The ASGI application of one worker process."""

    def __init__(
        self,
        doors: Doors,
        *,
        prepare: Callable[[], Awaitable[None]],
        watch: Callable[[], Awaitable[None]],
    ) -> None:
        """Takes the doors, what is to be done before the first request, and what runs beside them until the stop."""
        self._doors: Final = doors
        self._prepare: Final = prepare
        self._watch: Final = watch
        self._about_process: Final = {b"/livez": doors.livez, b"/readyz": doors.readyz}
        self._new_request_id: Final = answers.request_ids()
        self._logged_at = -LOG_INTERVAL_SECONDS

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or run through the server's own start and stop."""
        if scope["type"] != "http":
            await self._run(receive, send)
            return
        try:
            path = scope["raw_path"]
            if path.startswith(AUTHORIZE):
                start, body = await self._authorize(scope, path)
            else:
                start, body = await self._other(scope, path, receive)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the answer is "not now", never "allowed"
            start, body = self._failed(error, at=scope.get("raw_path"))
        await send(start)
        await send(body)

    async def _authorize(self, scope: Message, path: bytes) -> Answer:
        asked = asked_by(path)
        if asked is None:
            return answers.refused(Code.NOT_FOUND, self._new_request_id())
        return await self._doors.authorize(scope, asked[0], asked[1])

    async def _other(self, scope: Message, path: bytes, receive: Receive) -> Answer:
        if path == VERIFY:
            if scope["method"] != "POST":
                return answers.wrong_method(self._new_request_id(), allowed="POST")
            return await self._doors.verify(scope, receive)
        if path == WHOAMI:
            if scope["method"] != "GET":
                return answers.wrong_method(self._new_request_id(), allowed="GET")
            return self._doors.whoami(scope)
        about_process = self._about_process.get(path)
        if about_process is not None:
            return about_process()
        return answers.refused(Code.NOT_FOUND, self._new_request_id())

    def _failed(self, error: Exception, *, at: bytes | None) -> Answer:
        """Count the fault, give the 503, and log what failed where.

        An error's own text can hold what a caller sent, so it stays out.
        """
        if at == VERIFY:
            self._doors.count_fault(Door.VERIFY)
        elif at is not None and at.startswith(AUTHORIZE):
            self._doors.count_fault(Door.AUTHORIZE)
        request_id = self._new_request_id()
        now = time.monotonic()
        if now - self._logged_at >= LOG_INTERVAL_SECONDS:
            self._logged_at = now
            logger.error("A request failed: %s, %s", describe(error), request_id)
        return answers.refused(Code.UNAVAILABLE, request_id, retry_after=RETRY_AFTER_SECONDS)

    async def _run(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._prepare()
        watch = asyncio.ensure_future(self._watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        await send({"type": "lifespan.shutdown.complete"})


@lru_cache(KNOWN_PATHS)
def asked_by(path: bytes) -> tuple[str, Environment] | None:
    """Give the product and the environment that an authorize path asks for, None if it is not one."""
    parts = path.split(b"/", 4)
    environment = ENVIRONMENTS.get(parts[2])
    if environment is None:
        return None
    return parts[3].decode("latin-1") if len(parts) > PRODUCT_PART else "", environment


def describe(error: Exception) -> str:
    """Give an error's class and the innermost places it passed, without its text."""
    places = [
        f"{PurePath(frame.filename).name}:{frame.lineno}"
        for frame in extract_tb(error.__traceback__)
    ]
    return f"{type(error).__name__} at {' < '.join(reversed(places[-3:]))}"
