"""Published rows from another host's relay, over HTTPS with a service credential: no database, no secret of it.

Whatever comes is checked for being whole and of one history before any of it is taken over. Nothing is followed to
another address, and a relay that is silent counts as one that is not there.
"""

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from keydesk.replica.layout import Head, Place
from keydesk.replica.sources.contract import KINDS, Published, Reading, SourceUnavailable
from keydesk.replica.sources.patience import cut_after
from keydesk.replica.wire import (
    CHANGES_PATH,
    HEAD_PATH,
    MOST_ANSWER_BYTES,
    ROWS_PATH,
    ChangesPage,
    Next,
    decode_changes,
    decode_head,
    decode_rows,
)

SILENCE_SECONDS: Final = 2.0
"""How long a relay may be silent, when it is called and in the middle of an answer."""
ANSWER_SECONDS: Final = 15.0
"""How long an answer may take, its head included, however steadily it trickles."""
READ_BYTES: Final = 64 * 1024
SHOWN_LENGTH: Final = 200
MILLISECONDS: Final = 1000
CREDENTIAL: Final = re.compile(r"[0-9A-Za-z_]+", re.ASCII)
REQUEST_ID: Final = re.compile(rb',?"request_id": ?"[^"]*"')
"""What makes each refusal another one, though it says the same: left out, it is told once."""

_decode: Final = msgspec.msgpack.Decoder(tuple[Any, ...]).decode

Answer = TypeVar("Answer")
RawRows = list[tuple[str, bytes]]


class HttpsSource:
    """The relay at an address: `keydesk.replica.sources.contract.Source`."""

    def __init__(self, url: str, credential_file: Path, *, ca_file: Path | None = None) -> None:
        """Takes the relay's address, the file of the service credential, which is read anew for each connection.

        `ca_file` names the certificates to trust in place of the system's. Raises OSError, `ssl.SSLError` among them,
        if they cannot be read.
        """
        self._url: Final = url.rstrip("/")
        self._parts: Final = urlsplit(self._url)
        self._credential_file: Final = credential_file
        is_secure = self._parts.scheme == "https"
        self._tls: Final = ssl.create_default_context(cafile=ca_file) if is_secure else None
        self._connection: HTTPConnection | None = None
        self._headers: dict[str, str] = {}
        self._place = Place()
        self._awaits_answer = False

    def head(self) -> Head:
        """Give where the relay stands now."""
        head = self._told(decode_head, HEAD_PATH)
        self._place = require_place(head)
        return head

    @contextmanager
    def changes(self, after: int) -> Iterator[Reading]:
        """Give the rows that changed after a position of the relay's."""
        page = self._changes_page(self._place, after)
        yield Reading(page.head, self._changes(page.head, page))

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """Give all rows, and then what changed while they were read."""
        head = self.head()
        try:
            yield Reading(head, self._everything(head))
        finally:
            if self._awaits_answer:  # a page was asked for that nobody reads any more
                self.close()

    def wait(self, timeout_seconds: float) -> None:
        """Return once the relay says that there is something new, at the latest when the time is over."""
        self._told(
            decode_head,
            HEAD_PATH,
            log=self._place.log,
            position=self._place.position,
            wait_ms=int(timeout_seconds * MILLISECONDS),
        )

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        connection, self._connection, self._awaits_answer = self._connection, None, False
        if connection is not None:
            connection.close()

    def _everything(self, first: Head) -> Iterator[Published | Head]:
        """Give all rows; the relay reads each page while the one before it is taken over here."""
        at: Next | None = ("", b"")
        self._ask_for_rows("", b"")
        while at is not None:
            page = self._answered(decode_rows)
            if page.next == at:
                raise SourceUnavailable("The relay gives the same rows again and again.")
            if page.next is not None:
                self._ask_for_rows(*page.next)
            yield of_one_history(first, page.head)
            yield from published(page.rows)
            at = page.next
        place = require_place(first)
        yield from self._changes(first, self._changes_page(place, place.position))

    def _ask_for_rows(self, kind: str, after: bytes) -> None:
        self._ask(ROWS_PATH, kind=kind, after=after.hex())

    def _changes(self, first: Head, page: ChangesPage) -> Iterator[Published | Head]:
        while True:
            yield of_one_history(first, page.head)
            yield from published(page.rows)
            place, reached = require_place(page.head), page.reached
            if reached == place.position:
                return
            page = self._changes_page(place, reached)
            if page.reached <= reached:
                raise SourceUnavailable("The relay gives the same changes again and again.")

    def _changes_page(self, place: Place, after: int) -> ChangesPage:
        return self._told(decode_changes, CHANGES_PATH, log=place.log, after=after)

    def _told(self, decode: Callable[[bytes], Answer], path: str, **query: str | int) -> Answer:
        """Ask the relay, and give what it says."""
        self._ask(path, **query)
        return self._answered(decode)

    def _ask(self, path: str, **query: str | int) -> None:
        """Send a question, whose answer is read next; raises SourceUnavailable if it cannot be sent."""
        with self._speaking():
            target = f"{path}?{urlencode(query)}" if query else path
            connection = self._connected()
            connection.request("GET", self._parts.path + target, headers=self._headers)
            self._awaits_answer = True

    def _answered(self, decode: Callable[[bytes], Answer]) -> Answer:
        """Give what the relay says to the last question; raises SourceUnavailable unless that makes sense."""
        with self._speaking():
            connection = self._connected()
            with cut_after(ANSWER_SECONDS, connection.sock), connection.getresponse() as response:
                body = read_whole(response)
            self._awaits_answer = False
            if response.status != HTTPStatus.OK:
                raise SourceUnavailable(refused(self._url, response.status, body))
            return decode(body)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except SourceUnavailable:
            self.close()
            raise
        except msgspec.MsgspecError as error:
            self.close()
            raise SourceUnavailable(f"{self._url} gives an answer that makes no sense: {error}") from error  # fmt: skip
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SourceUnavailable(f"{self._url} cannot be asked: {reason}") from error

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._tls is None:
                connection = HTTPConnection(host, port, timeout=SILENCE_SECONDS)
            else:
                connection = HTTPSConnection(host, port, timeout=SILENCE_SECONDS, context=self._tls)
            self._headers = {"Authorization": f"Bearer {credential_in(self._credential_file)}"}
            self._connection = connection
        return self._connection


def credential_in(path: Path) -> str:
    """Give the service credential of a file; raises OSError, or SourceUnavailable if the file holds anything else.

    What is no header's value would be repeated by the error of whoever sends it, and so by the log.
    """
    try:
        credential = path.read_text().strip()
    except UnicodeDecodeError:
        credential = ""
    if not CREDENTIAL.fullmatch(credential):
        raise SourceUnavailable(f"{path} does not hold a service credential and nothing else.")
    return credential


def read_whole(response: HTTPResponse) -> bytes:
    """Give the body of an answer; raises HTTPException or OSError if it breaks off or is too long."""
    length = response.length
    if length is None:
        raise HTTPException("the answer does not say how long it is")
    if length > MOST_ANSWER_BYTES:
        raise HTTPException(f"the answer has {length} bytes")
    body = bytearray()
    while part := response.read1(READ_BYTES):
        body += part
    if len(body) != length:
        raise HTTPException("the answer broke off")
    return bytes(body)


def refused(url: str, status: int, body: bytes) -> str:
    """Give the sentence for an answer that is not 200, with what it says for itself."""
    told = REQUEST_ID.sub(b"", body)[:SHOWN_LENGTH].decode(errors="replace")
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return f"{url} does not take the service credential: is it in force, with the scope `replicate`? {told!r}"
        case HTTPStatus.NOT_FOUND:
            return f"{url} is no relay of this version's rows: {told!r}"
        case _:
            return f"{url} answers {status}: {told!r}"


def require_place(head: Head) -> Place:
    """Give where a relay's own changes stand; raises SourceUnavailable if it does not say."""
    if head.place is None:
        raise SourceUnavailable("The relay does not say where its changes stand.")
    return head.place


def of_one_history(first: Head, later: Head) -> Head:
    """Give the later head; raises SourceUnavailable if the relay began anew or went back since the first."""
    before, after = require_place(first), require_place(later)
    same = (first.epoch, before.log) == (later.epoch, after.log)
    if not same or later.revision < first.revision or after.position < before.position:
        raise SourceUnavailable("The relay began anew while it was read.")
    return later


def published(rows: RawRows) -> Iterator[Published]:
    """Give a page's rows; raises MsgspecError or SourceUnavailable if one has not the shape of a row."""
    for name, value in rows:
        kind, values = KINDS.get(name), decoded(value)
        if kind is None or len(values) != len(kind.__struct_fields__) + 1:
            raise SourceUnavailable(f"The relay gives a row of the kind {name!r} that is none.")
        yield Published(kind, values)


def decoded(value: bytes) -> tuple[Any, ...]:
    """Give the elements of a row's value; raises SourceUnavailable if they cannot be read."""
    try:
        return _decode(value)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SourceUnavailable(f"The relay gives a row that cannot be read: {error}") from error
