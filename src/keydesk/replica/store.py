"""The replica as processes that decide see it: one `Reader` a process, and one consistent view for each request.

It never shows half a change, because every batch is one LMDB transaction, and it never says how fresh is fresh enough:
that is the decision's business.
"""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import lmdb
from msgspec import MsgspecError, Struct
from msgspec.msgpack import Decoder

from keydesk.core.records import (
    AccountRecord,
    CredentialRecord,
    EntitlementRecord,
    KeyRecord,
    ProductRecord,
)
from keydesk.replica.changes import View
from keydesk.replica.layout import (
    FILE_NAME,
    META,
    META_KEY,
    NEVER_FILLED,
    REFUSED,
    TABLES,
    Head,
    Meta,
    ReplicaMissing,
    decode_meta,
    entitlement_key,
    file_identity,
    open_environment,
)
from keydesk.replica.moments import Moment
from keydesk.replica.writer import Writer

__all__ = [
    "Head",
    "Moment",
    "Reader",
    "ReplicaMissing",
    "ReplicaRows",
    "Status",
    "Writer",
]

MOST_REMEMBERED: Final = 10_000

_decode_key: Final = Decoder(KeyRecord).decode
_decode_account: Final = Decoder(AccountRecord).decode
_decode_product: Final = Decoder(ProductRecord).decode
_decode_entitlement: Final = Decoder(EntitlementRecord).decode
_decode_credential: Final = Decoder(CredentialRecord).decode

Name = TypeVar("Name")
Found = TypeVar("Found")


class Status(Struct, frozen=True):
    """How a replica stands, for metrics and for people."""

    epoch: str
    """The name of the history that the rows come from; empty before the first snapshot."""
    revision: int
    confirmed_at: float | None
    """When the source last confirmed these rows as current (Unix seconds), None if that is not known."""
    heartbeat_at: int
    refused_rows: int
    """How many published rows the replica does not follow; the replicator's log names each."""
    has_gone_back: bool
    """Whether the source was last seen behind this replica."""
    clock_ahead_seconds: float | None
    """By how much this host's clock was ahead of the database's when last seen, negative if behind; None if unknown."""


class Seen(Struct, frozen=True):
    """What one LMDB transaction showed: the head, and the rows of its generation that were decoded since."""

    transaction_id: int
    meta: Meta
    accounts: dict[str, AccountRecord]
    entitlements: dict[tuple[str, str, str], EntitlementRecord]
    products: dict[str, ProductRecord]


class OpenReplica:
    """An open environment, its tables, and what was last seen in it."""

    def __init__(self, replica_dir: Path) -> None:
        """Takes the replica's folder. Raises ReplicaMissing."""
        path = replica_dir / FILE_NAME
        try:
            self.identity = file_identity(path)
            self.env = open_environment(replica_dir, is_writer=False)
            self.tables = {name: self.env.open_db(name.encode(), create=False) for name in TABLES}
        except (lmdb.Error, OSError) as error:
            raise ReplicaMissing(f"There is no readable replica at {path}: {error}") from error
        self.key = self.tables["key"]
        self.account = self.tables["account"]
        self.product = self.tables["product"]
        self.entitlement = self.tables["entitlement"]
        self.credential = self.tables["credential"]
        self.begin = self.env.begin
        self.seen = Seen(-1, NEVER_FILLED, {}, {}, {})

    def look(self, transaction: Any) -> Seen:
        """Read the head as the transaction shows it; rows of another generation are forgotten."""
        raw = transaction.get(META_KEY, None, self.tables[META])
        meta = NEVER_FILLED if raw is None else decode_meta(raw)
        before = self.seen
        known: tuple[Any, Any, Any] = ({}, {}, {})
        if meta.generation == before.meta.generation:
            known = (before.accounts, before.entitlements, before.products)
        # Another thread may look at the same time: what it sees is not what this transaction shows.
        self.seen = seen = Seen(transaction.id(), meta, *known)
        return seen


class ReplicaRows:
    """One consistent view of the replica: `keydesk.core.decide.Rows`, and service credentials.

    Use it in a `with` statement and for one request only: while it is open, pages that it sees are not used again.
    """

    __slots__ = ("_get", "_opened", "_seen", "_transaction", "confirmed_at")

    def __init__(self, opened: OpenReplica) -> None:
        """Takes the open replica."""
        self._transaction = transaction = opened.begin()
        seen = opened.seen
        if transaction.id() != seen.transaction_id:
            seen = opened.look(transaction)
        self._get = transaction.get
        self._opened = opened
        self._seen = seen
        confirmed = seen.meta.confirmed
        self.confirmed_at = None if confirmed is None else confirmed.on_wall_clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transaction.abort()

    @property
    def epoch(self) -> str:
        """The name of the history that these rows come from; empty before the first snapshot."""
        return self._seen.meta.epoch

    @property
    def revision(self) -> int:
        """The revision up to which these rows hold every change."""
        return self._seen.meta.revision

    def key(self, digest: bytes) -> KeyRecord | None:
        """Give the key with this digest."""
        raw = self._get(digest, None, self._opened.key)
        return None if raw is None else _decode_key(raw)

    def account(self, account: str) -> AccountRecord | None:
        """Give the account with this id."""
        found = self._seen.accounts.get(account)
        if found is None:
            raw = self._get(account.encode(), None, self._opened.account)
            if raw is not None:
                found = remember(self._seen.accounts, account, _decode_account(raw))
        return found

    def product(self, slug: str) -> ProductRecord | None:
        """Give the product with this slug, which may be any text: it comes out of a request."""
        found = self._seen.products.get(slug)
        if found is None and slug:
            raw = self._get(slug.encode(errors="surrogatepass"), None, self._opened.product)
            if raw is not None:
                found = remember(self._seen.products, slug, _decode_product(raw))
        return found

    def entitlement(self, account: str, product: str, environment: str) -> EntitlementRecord | None:
        """Give the account's entitlement to the product in the environment."""
        name = (account, product, environment)
        found = self._seen.entitlements.get(name)
        if found is None:
            raw = self._get(entitlement_key(*name), None, self._opened.entitlement)
            if raw is not None:
                found = remember(self._seen.entitlements, name, _decode_entitlement(raw))
        return found

    def credential(self, digest: bytes) -> CredentialRecord | None:
        """Give the service credential with this digest."""
        raw = self._get(digest, None, self._opened.credential)
        return None if raw is None else _decode_credential(raw)

    def status(self) -> Status:
        """Give how the replica stands."""
        meta = self._seen.meta
        return Status(
            epoch=meta.epoch,
            revision=meta.revision,
            confirmed_at=self.confirmed_at,
            heartbeat_at=meta.heartbeat_at,
            refused_rows=self._transaction.stat(self._opened.tables[REFUSED])["entries"],
            has_gone_back=meta.has_gone_back,
            clock_ahead_seconds=meta.clock_ahead_seconds,
        )


class Reader:
    """A process's way to the replica of its host.

    It opens the file at first use, so it may be made before there is one. Whoever keeps a reader asks for its status
    now and then: that is when it sees that the file was replaced, and opens the new one. One process has one reader of
    a folder, and no writer of it. After a fork, the child opens the file for itself.
    """

    def __init__(self, replica_dir: Path) -> None:
        """Takes the replica's folder, which need not exist yet."""
        self._dir: Final = replica_dir
        self._lock = threading.Lock()
        self._opened: OpenReplica | None = None
        _READERS.add(self)

    def rows(self) -> ReplicaRows:
        """Give one consistent view, to be used in a `with` statement. Raises ReplicaMissing."""
        try:
            return ReplicaRows(self._opened or self._open())
        except (lmdb.Error, MsgspecError) as error:
            raise ReplicaMissing(f"The replica in {self._dir} cannot be read: {error}") from error

    @contextmanager
    def view(self) -> Iterator[View]:
        """Give all rows and what changed, as one consistent view, to those who carry them elsewhere.

        Raises ReplicaMissing, also in the middle of reading.
        """
        try:
            opened = self._opened or self._open()
            with opened.begin() as transaction:
                yield View(transaction, opened.tables)
        except (lmdb.Error, MsgspecError) as error:
            raise ReplicaMissing(f"The replica in {self._dir} cannot be read: {error}") from error

    def status(self) -> Status:
        """Give how the replica stands, after going over to another file if there is one now. Raises ReplicaMissing."""
        self._leave_replaced()
        with self.rows() as rows:
            return rows.status()

    def is_replaced(self) -> bool:
        """Say whether another file lies in the place of the one that is open."""
        opened = self._opened
        with suppress(OSError):
            return opened is not None and file_identity(self._dir / FILE_NAME) != opened.identity
        return False

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.env.close()

    def _open(self) -> OpenReplica:
        with self._lock:
            if self._opened is None:
                self._opened = OpenReplica(self._dir)
            return self._opened

    def _leave_replaced(self) -> None:
        """Close the file if another lies in its place: LMDB takes two files with one lock for one, opened twice."""
        with self._lock:
            if self.is_replaced():
                self.close()

    def start_afresh_after_fork(self) -> None:
        """Let go of what the parent opened: neither its file nor its lock is the child's."""
        self._lock = threading.Lock()
        self.close()


_READERS: Final[weakref.WeakSet[Reader]] = weakref.WeakSet()


def _start_afresh_after_fork() -> None:
    for reader in _READERS:
        reader.start_afresh_after_fork()


os.register_at_fork(after_in_child=_start_afresh_after_fork)


def remember(known: dict[Name, Found], name: Name, found: Found) -> Found:
    """Keep a decoded row for the requests to come, and give it."""
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[name] = found
    return found
