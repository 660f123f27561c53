"""What a host's replica tells to replicators of other hosts: where it stands, what changed, and all rows, in pages.

It runs in a process of its own, so that nobody who follows it is in the way of a decision. Each answer is read in one
short view of the replica, so followers, however many and however slow, neither keep old pages nor fill its memory.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from keydesk.core.clock import Clock, system_clock
from keydesk.core.codes import Code
from keydesk.core.decide import RETRY_AFTER_SECONDS
from keydesk.core.digest import Digester
from keydesk.core.keyformat import KeyFormat, service_marker
from keydesk.core.records import ServiceScope
from keydesk.gate import answers
from keydesk.gate.answers import Answer
from keydesk.gate.credentials import CredentialReader
from keydesk.gate.faults import described
from keydesk.gate.guard import Header
from keydesk.replica import wire
from keydesk.replica.changes import KINDS, StoredRow, View
from keydesk.replica.layout import LONGEST_KEY, Head, Meta, Place, ReplicaMissing
from keydesk.replica.store import Reader
from keydesk.verifier.app import GET
from keydesk.verifier.request import Request
from keydesk.verifier.services import ServiceGate

LOOK_SECONDS: Final = 0.01
"""How often the replica is looked at for something new, for all who wait together."""
MILLISECONDS: Final = 1000
MOST_DIGITS: Final = 19
OCTETS: Final = (b"content-type", wire.MEDIA_TYPE.encode())

Asked = dict[str, str]
Row = TypeVar("Row")

logger: Final = logging.getLogger(__name__)


class BadQuestionError(Exception):
    """The query does not say what is asked for; the message says why."""


class NotVouchedError(Exception):
    """The replica cannot say how old it is, so nobody may follow it."""


class RelayApp:
    """The application of the relay's process: `keydesk.verifier.http1.Application`."""

    def __init__(
        self, marker: str, digester: Digester, reader: Reader, *, clock: Clock = system_clock
    ) -> None:
        """Takes the marker, the digests of service credentials, the host's replica and the clock."""
        self._read: Final = CredentialReader(service_marker(marker)).read_bearer
        self._gate: Final = ServiceGate(
            KeyFormat(service_marker(marker)), digester, scope=ServiceScope.REPLICATE
        )
        self._reader: Final = reader
        self._clock: Final = clock
        self._new_request_id: Final = answers.request_ids()
        self._place: Place | None = None
        self._news = asyncio.Event()
        self._doors: Final[dict[bytes, Callable[[View, Asked], Any]]] = {
            wire.HEAD_PATH.encode(): head_page,
            wire.CHANGES_PATH.encode(): changes_page,
            wire.ROWS_PATH.encode(): rows_page,
        }

    def reads_body(self, _method: bytes, _path: bytes) -> bool:
        """Say that no request is answered by its body."""
        return False

    async def answer(self, request: Request) -> Answer:
        """Answer one request; whatever goes wrong is a 503."""
        request_id = self._new_request_id()
        try:
            return await self._answer(request, request_id)
        except BadQuestionError as error:
            return answers.bad_request(request_id, detail=str(error))
        except (ReplicaMissing, NotVouchedError) as error:
            return answers.unavailable(request_id, detail=str(error))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the answer is "not now"
            logger.error("A request failed: %s, %s", described(error), request_id)  # noqa: TRY400 - its text stays out
            return answers.unavailable(request_id)

    async def watch(self) -> None:
        """Look at the replica again and again, and wake those who wait once it stands elsewhere, until cancelled."""
        while True:
            with contextlib.suppress(ReplicaMissing):
                self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _answer(self, request: Request, request_id: str) -> Answer:
        if request.path == b"/livez":
            return answers.told(HTTPStatus.OK, {"alive": True})
        door = self._doors.get(request.path)
        if door is None:
            return answers.refused(
                Code.NOT_FOUND, request_id, detail=f"This relay's feed is at {wire.BASE}/."
            )
        if request.method != GET:
            return answers.wrong_method(request_id, allowed="GET")
        asked = read_query(request.query)
        refusal = self._refusal(request.headers, request_id)
        if refusal is None and "wait_ms" in asked:
            await self._wait(asked)
            refusal = self._refusal(request.headers, request_id)  # revoked meanwhile, perhaps
        if refusal is not None:
            return refusal
        with self._reader.view() as view:
            body = wire.encode(door(view, asked))
        return answers.whole(HTTPStatus.OK, [OCTETS, answers.NO_STORE], body)

    def _refusal(self, headers: list[Header], request_id: str) -> Answer | None:
        credential = self._read(headers)
        with self._reader.rows() as rows:
            code = self._gate.refusal(rows, credential, self._clock())
        if code is None:
            return None
        retry_after = RETRY_AFTER_SECONDS if code is Code.UNAVAILABLE else None
        return answers.refused(code, request_id, retry_after=retry_after)

    async def _wait(self, asked: Asked) -> None:
        """Wait until the replica stands elsewhere than the asker says, at most as long as it says."""
        known = Place(asked.get("log", ""), to_number(asked, "position"))
        seconds = min(to_number(asked, "wait_ms"), wire.LONGEST_WAIT_MS) / MILLISECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while known == self._place:
                    await self._news.wait()

    def _look(self) -> None:
        self._reader.status()  # goes over to a file that was put in the place of this one
        with self._reader.view() as view:
            place = view.place
        if place != self._place:
            self._place = place
            self._news.set()
            self._news = asyncio.Event()


def head_page(view: View, _asked: Asked) -> Head:
    """Give where the replica stands, and how old it is. Raises NotVouchedError if nobody knows."""
    meta = view.meta
    age_seconds = None if meta.confirmed is None else meta.confirmed.age_seconds()
    if age_seconds is None:
        raise NotVouchedError("This host's replica was never confirmed.")
    return Head(
        meta.epoch,
        meta.revision,
        meta.heartbeat_at,
        place=view.place,
        oldest=view.oldest,
        age_ms=math.ceil(age_seconds * MILLISECONDS),
        clock_ms=clock_of_database_ms(meta),
    )


def clock_of_database_ms(meta: Meta) -> int | None:
    """Give what the clock of the database's host says now, as far as this host's replica knows, in Unix milliseconds.

    A wrong clock of this host is taken out, so that it does not look like one of those below.
    """
    ahead_seconds = meta.clock_ahead_seconds
    return None if ahead_seconds is None else int((time.time() - ahead_seconds) * MILLISECONDS)


def changes_page(view: View, asked: Asked) -> wire.ChangesPage:
    """Give a page of what changed after a position. Raises BadQuestionError if the replica reaches no further back."""
    head = head_page(view, asked)
    place = Place(asked.get("log", ""), to_number(asked, "after"))
    if not view.reaches_back_to(place):
        raise BadQuestionError("The changes after that position are not known here: take all rows.")
    changes, is_all = a_page_of(view.changes(place), lambda change: change.row)
    reached = view.place.position if is_all else changes[-1].position
    return wire.ChangesPage(head, [packed(change.row) for change in changes], reached)


def rows_page(view: View, asked: Asked) -> wire.RowsPage:
    """Give a page of all rows, from behind the key of a kind on. Raises BadQuestionError for a kind that is none."""
    kind = asked.get("kind") or KINDS[0]
    if kind not in KINDS:
        raise BadQuestionError("There is no such kind of row.")
    rows, is_all = a_page_of(rows_from(view, kind, to_key(asked)), lambda row: row)
    end = None if is_all else (rows[-1].kind, rows[-1].key)
    return wire.RowsPage(head_page(view, asked), [packed(row) for row in rows], end)


def rows_from(view: View, kind: str, after: bytes) -> Iterable[StoredRow]:
    """Give the rows behind a key of a kind, and those of the kinds that follow."""
    yield from view.rows(kind, after)
    for later in KINDS[KINDS.index(kind) + 1 :]:
        yield from view.rows(later)


def a_page_of(rows: Iterable[Row], row_of: Callable[[Row], StoredRow]) -> tuple[list[Row], bool]:
    """Give as many as make a page, and whether these are all."""
    page, size = [], 0
    for each in rows:
        page.append(each)
        size += len(row_of(each).value)
        if len(page) == wire.PAGE_ROWS or size >= wire.PAGE_BYTES:
            return page, False
    return page, True


def packed(row: StoredRow) -> tuple[str, bytes]:
    """Give a row as it goes over the wire."""
    return row.kind, row.value


def read_query(query: bytes) -> Asked:
    """Give what a query asks for, by name. Raises BadQuestionError if it cannot be read or names something twice."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), max_num_fields=4
        )  # fmt: skip
    except ValueError:
        raise BadQuestionError("The query cannot be read.") from None
    asked = dict(pairs)
    if len(asked) != len(pairs):
        raise BadQuestionError("The query names something twice.")
    return asked


def to_number(asked: Asked, name: str) -> int:
    """Give a number of the query. Raises BadQuestionError if it is missing or none."""
    text = asked.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < MOST_DIGITS):
        raise BadQuestionError(f"The query has to say {name}, a number.")
    return int(text)


def to_key(asked: Asked) -> bytes:
    """Give the key that a query goes on behind. Raises BadQuestionError if it is none."""
    try:
        key = bytes.fromhex(asked.get("after", ""))
    except ValueError:
        key = bytes(LONGEST_KEY + 1)
    if len(key) > LONGEST_KEY:
        raise BadQuestionError("That is no row's key.")
    return key
