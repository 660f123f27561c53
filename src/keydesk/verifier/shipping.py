"""Carries what the verifiers of a host without a database have counted to their desk, over HTTPS.

Whatever has not been acknowledged stays in the spool, and the desk counts an entry that it is sent twice once.
"""

import logging
import threading
import urllib.error
import urllib.request
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import IO, Final

from keydesk.core.usage import batch_text
from keydesk.host.spool import SpoolReader

PATH: Final = "/v1/usage"
TIMEOUT_SECONDS: Final = 30
BATCH_BYTES: Final = 512 * 1024
EVERY_SECONDS: Final = 1.0
LONGEST_DELAY_SECONDS: Final = 30.0
SHOWN_LENGTH: Final = 200
UNREADABLE: Final = frozenset(
    {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Answers to a batch that another version of the desk may take."""

NOT_ALLOWED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

logger: Final = logging.getLogger(__name__)


class NotShippedError(Exception):
    """The desk has not taken a batch; the message says why, and it is sent again later."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nobody: the credential is for the desk that was named."""

    def redirect_request(  # noqa: PLR0913, PLR0917 - urllib's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> None:
        """Give no request to go on with."""


class Desk:
    """The desk that a host's usage is carried to."""

    def __init__(self, url: str, credential_file: Path) -> None:
        """Takes the desk's address and the file of the service credential, which is read anew for each batch."""
        self._url: Final = url.rstrip("/") + PATH
        self._credential_file: Final = credential_file
        self._open: Final = urllib.request.build_opener(NoRedirects).open
        self._told_of: set[str] = set()

    def deliver(self, source: str, entries: list[bytes]) -> bool:
        """Post entries of one process; False if this desk cannot read them. Raises NotShippedError for all else."""
        try:
            request = urllib.request.Request(  # noqa: S310 - the command has looked at the scheme
                self._url,
                data=batch_text(source, entries),
                headers={
                    "Authorization": f"Bearer {self._credential_file.read_text().strip()}",
                    "Content-Type": "application/json",
                },
            )
            with self._open(request, timeout=TIMEOUT_SECONDS):
                return True
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(source, error)
        except (OSError, HTTPException, ValueError) as error:
            raise NotShippedError(f"{self._url} cannot be asked: {error}") from error

    def _refused(self, source: str, error: urllib.error.HTTPError) -> bool:
        told = error.read(SHOWN_LENGTH).decode(errors="replace")
        if error.code in NOT_ALLOWED:
            told = f"is the service credential in force, with the scope `usage`? {told}"
        if error.code not in UNREADABLE:
            raise NotShippedError(f"{self._url} answers {error.code}: {told}") from error
        if source not in self._told_of:
            logger.warning("What %s counted waits, for the desk cannot read it: %s", source, told)
        self._told_of.add(source)
        return False


def ship(folder: Path, desk: Desk, *, stop: threading.Event) -> None:
    """Carry what comes into the spool to the desk until `stop` is set; an outage is logged at its beginning and end."""
    reader, delay_seconds, is_out = SpoolReader(folder), EVERY_SECONDS, False
    while not stop.is_set():
        try:
            reader.drain(desk.deliver, most_bytes=BATCH_BYTES)
        except NotShippedError as error:
            if not is_out:
                logger.warning("%s. It stays here meanwhile.", error)
            is_out, delay_seconds = True, min(delay_seconds * 2, LONGEST_DELAY_SECONDS)
        else:
            if is_out:
                logger.warning("The desk takes usage again.")
            is_out, delay_seconds = False, EVERY_SECONDS
        stop.wait(delay_seconds)
