"""The counts of several hosts: in Valkey (or Redis), where one script counts a call against all its buckets or none.

The script runs on the server's clock and counts as `keydesk.core.gcra` does, so limits are exact whatever asks from
wherever. A store that does not answer in time holds up nobody twice: from then on it is away, calls go where the
provider said they go meanwhile, and it is tried again once a second.
"""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from libvalkey import ReplyError

from keydesk.core.gcra import Count, Spent, interval_of, kept_seconds, spend
from keydesk.core.limits import KNOWN, Bucket, Limit
from keydesk.limits.host import HostLedger
from keydesk.limits.ledger import LedgerUnavailable
from keydesk.limits.wire import Connection, ConnectionLost

KEY_PREFIX: Final = b"keydesk:limits:"
SCRIPT: Final = Path(__file__).with_name("spend.lua").read_bytes()
SCRIPT_NAME: Final = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()
SCRIPT_UNKNOWN: Final = "NOSCRIPT"
DEFAULT_PORT: Final = 6379
TLS_SCHEMES: Final = frozenset(("valkeys", "rediss"))
CONNECT_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 1.0
MILLISECONDS: Final = 1000

Words = tuple[bytes, ...]

logger: Final = logging.getLogger(__name__)


class Refusal(Exception):  # noqa: N818 - it names what the server said, not a mistake
    """The server answered with an error; the message is the error's first word, which repeats nothing of ours."""


class Address(NamedTuple):
    """Where a server is, and what it is told first."""

    host: str
    port: int
    has_tls: bool
    greeting: tuple[Words, ...]

    @classmethod
    def of_url(cls, url: str) -> Self:
        """Give the address in a URL like valkey://user:password@host:6379/0; with valkeys:// it has TLS.

        The schemes redis:// and rediss:// mean the same.
        """
        parts = urlsplit(url)
        greeting: list[Words] = [(b"SCRIPT", b"LOAD", SCRIPT)]
        if database := parts.path.strip("/"):
            greeting.insert(0, (b"SELECT", database.encode()))
        if parts.password is not None:
            named = (unquote(parts.username or "default"), unquote(parts.password))
            greeting.insert(0, (b"AUTH", *(word.encode() for word in named)))
        has_tls = parts.scheme in TLS_SCHEMES
        return cls(parts.hostname or "", parts.port or DEFAULT_PORT, has_tls, tuple(greeting))


class SharedLedger:
    """The counts in Valkey: `keydesk.limits.ledger.Ledger`, over one connection of this process.

    While the store is away, a call is counted in `meanwhile`, or is not let through if that is None.
    """

    def __init__(
        self,
        url: str,
        *,
        wait_seconds: float,
        meanwhile: HostLedger | None,
        count_away: Callable[[], None],
    ) -> None:
        """Takes the server's URL, how long a call may wait for it, and what to call for each that came meanwhile."""
        self._address: Final = Address.of_url(url)
        self._tls: Final = ssl.create_default_context() if self._address.has_tls else None
        self._wait_seconds: Final = wait_seconds
        self._meanwhile: Final = meanwhile
        self._count_away: Final = count_away
        self._connection: Connection | None = None
        self.away: str | None = None
        """Why the store is away, as it was found; None while it is there, or nobody has looked."""

    async def spend(self, buckets: Sequence[Bucket], *, cost: int, now: float) -> Spent:
        """Count a call against all its buckets, or none. The server's clock counts, not `now`, unless it is away.

        Raises LedgerUnavailable if the store is away and nothing counts meanwhile.
        """
        connection = self._connection
        if connection is not None:
            try:
                moment, *before = await count(connection, buckets, cost)
            except Refusal as error:
                connection.give_up(str(error))
            except ConnectionLost:
                pass
            else:
                counts = [Count(*pair) for pair in zip(before[::2], before[1::2], strict=True)]
                return spend(buckets, counts, cost=cost, now=moment)[0]
        self._count_away()
        if self._meanwhile is None:
            raise LedgerUnavailable("The shared store of counts is away.")
        return self._meanwhile.spend(buckets, cost=cost, now=now)

    async def open(self) -> None:
        """Connect, in a second at most; without success the store is away."""
        host, port, _, greeting = self._address
        connection = Connection(self._wait_seconds, on_lost=self._note_lost)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, host, port, ssl=self._tls
                )
                for words in greeting:
                    taken(await connection.ask(*words))
        except (ConnectionLost, Refusal, OSError, UnicodeError) as error:
            connection.give_up(described(error))
            self._note_away(described(error))
        else:
            self._connection = connection
            self._note_back()

    async def keep(self) -> None:
        """Connect again where the store is away, once a second, until cancelled; then close."""
        try:
            while True:
                await asyncio.sleep(RETRY_SECONDS)
                if self._connection is None:
                    await self.open()
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection; whoever waits is told that the store is away."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.give_up("this process stops")

    def _note_lost(self, reason: str) -> None:
        if self._connection is not None:
            self._connection = None
            self._note_away(reason)

    def _note_away(self, reason: str) -> None:
        if self.away is None:
            logger.warning("The shared store of counts is away: %s.", reason)
        self.away = reason

    def _note_back(self) -> None:
        if self.away is not None:
            logger.warning("The shared store of counts is there again.")
        self.away = None


async def count(connection: Connection, buckets: Sequence[Bucket], cost: int) -> list[int]:
    """Have the script count a call; give the server's clock in microseconds, then mark and spent of each bucket before.

    Raises ConnectionLost, or Refusal if the server answers with an error.
    """
    words = [b"%d" % len(buckets), *[KEY_PREFIX + bucket.place for bucket in buckets], b"%d" % cost]
    for bucket in buckets:
        words += terms_of(bucket.limit)
    reply = await connection.ask(b"EVALSHA", SCRIPT_NAME, *words)
    if isinstance(reply, ReplyError) and str(reply).startswith(SCRIPT_UNKNOWN):
        reply = await connection.ask(b"EVAL", SCRIPT, *words)
    found: list[int] = taken(reply)
    return found


async def reason_away(url: str, *, wait_seconds: float) -> str | None:
    """Connect once, and say why that does not work; None if it does."""
    ledger = SharedLedger(url, wait_seconds=wait_seconds, meanwhile=None, count_away=lambda: None)
    await ledger.open()
    ledger.close()
    return ledger.away


def taken(reply: Any) -> Any:
    """Give an answer as it is; raises Refusal if it is an error."""
    if isinstance(reply, ReplyError):
        raise Refusal(f"it refuses with {str(reply).partition(' ')[0]}")
    return reply


def described(error: Exception) -> str:
    """Say why there is no connection, without anything that was sent."""
    if isinstance(error, TimeoutError):
        return "it cannot be reached in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, UnicodeError):
        return "its name is not one that a host can have"
    return str(error)


@lru_cache(KNOWN)
def terms_of(limit: Limit) -> Words:
    """Give what the script is told of a limit: its window, its size, a call's share of it, how long to keep it."""
    keep = kept_seconds(limit) * MILLISECONDS
    if limit.window is not None:
        return limit.window.encode(), b"%d" % limit.calls, b"1", b"%d" % keep
    share = interval_of(limit)
    return b"rate", b"%d" % (share * limit.calls), b"%d" % share, b"%d" % keep
