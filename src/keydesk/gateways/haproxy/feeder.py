"""The feeder: keeps the maps of this host's HAProxy equal to this host's replica.

`keys.map` is only ever replaced as a whole, once it was counted. What changes meanwhile goes into `changed.map`, which
is looked at first and stays short, so that one change takes effect at once however many keys there are. The moment
until which HAProxy may decide is moved on only while both are known to be whole, and only ever some seconds ahead.
"""

import fcntl
import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import lmdb
from msgspec import MsgspecError

from keydesk.core.records import (
    AccountRecord,
    EntitlementRecord,
    KeyRecord,
    ProductRecord,
    ProductState,
    Record,
)
from keydesk.gateways.haproxy.entries import ASK, LATEST, Place, entry_of
from keydesk.gateways.haproxy.runtime import Pair, Runtime, RuntimeFault
from keydesk.replica.changes import StoredRow
from keydesk.replica.store import Reader, ReplicaMissing, ReplicaRows

POLL_SECONDS: Final = 0.01
CHECK_SECONDS: Final = 0.1
PAUSE_SECONDS: Final = 0.25
MOST_CHANGED: Final = 10_000
"""How many keys `changed.map` may hold before everything is written anew."""
AHEAD_SECONDS: Final = 5
"""How long HAProxy may decide by itself without hearing of its feeder; the verifier does from then on."""
UNTIL: Final = "until"
LEASE: Final = "lease"

T = TypeVar("T")

log: Final = logging.getLogger("keydesk.feeder")


class Lost(Exception):  # noqa: N818 - it names a state, not a mistake
    """The maps are not what they were filled to be, and are filled again; the message says what was seen."""


class NotFedError(Exception):
    """HAProxy cannot be fed as it is set up; the message says what to mend."""


class FedAlready(Exception):  # noqa: N818 - it names a state, not a mistake
    """Another feeder feeds this HAProxy: stop that one, or run this one for another socket."""


def run_feeder(socket: Path, replica_dir: Path, *, stop: threading.Event) -> None:
    """Feed the HAProxy behind a socket from the replica in a folder until `stop` is set.

    Trouble with either is told once and tried again; nothing but `stop` ends it. Raises FedAlready if another feeder
    feeds the same HAProxy.
    """
    with sole_feeder(socket, replica_dir):
        feed(socket, Reader(replica_dir), stop=stop)


@contextmanager
def sole_feeder(socket: Path, replica_dir: Path) -> Iterator[None]:
    """Hold a socket for one feeder while it runs; the hold ends with the process, however that ends.

    Raises FedAlready if another feeder holds it.
    """
    name = hashlib.sha256(os.fsencode(socket.resolve())).hexdigest()[:16]
    replica_dir.mkdir(parents=True, exist_ok=True)
    with (replica_dir / f"feeder-{name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FedAlready(f"Another keydesk feed-haproxy feeds {socket}.") from None
        yield


def feed(socket: Path, reader: Reader, *, stop: threading.Event) -> None:
    """Feed the HAProxy behind a socket, which nobody else feeds, until `stop` is set, and close the reader."""
    told = ""
    while not stop.is_set():
        try:
            feeder = Feeder(Runtime(socket), reader, stop=stop)
            feeder.fill()
            log.info("HAProxy holds %d keys.", feeder.count)
            told = ""
            while not stop.is_set():
                feeder.step()
                stop.wait(POLL_SECONDS)
        except Lost as error:
            log.warning("The maps are filled again: %s", error)
        except TROUBLE as error:
            if told != str(error):
                told = str(error)
                log.warning("HAProxy is not fed: %s", told)
            stop.wait(PAUSE_SECONDS)
    reader.close()


TROUBLE: Final = (NotFedError, RuntimeFault, ReplicaMissing, MsgspecError, lmdb.Error, OSError)
"""What may pass: HAProxy or the replica is away, or a row is of a newer Keydesk than this one."""


class Feeder:
    """One HAProxy process and what it was told."""

    def __init__(self, runtime: Runtime, reader: Reader, *, stop: threading.Event) -> None:
        """Takes the way to HAProxy, the replica, and the event that ends a filling."""
        self._runtime: Final = runtime
        self._reader: Final = reader
        self._stop: Final = stop
        text = runtime.place()
        try:
            self._place: Final = Place.of_text(text)
        except ValueError as error:
            raise NotFedError(str(error)) from error
        self._pid: Final = runtime.pid()
        self._maps: Final = maps_of(runtime)
        self._keys_of: dict[str, set[bytes]] = {}
        self._changed = set(runtime.values(self._maps["changed"]))
        self._next_check = 0.0
        self._is_whole = self._has_new_limits = False
        self._limits: tuple[str, ...] = ()
        with reader.view() as view:
            self._at = view.place
        self.count = runtime.counts()[self._maps["keys"]]

    def fill(self) -> None:
        """Write all keys anew beside what HAProxy decides by, and change over once every one of them is counted.

        Changes that happen meanwhile take effect at once, as always. Where nothing is known of what HAProxy holds, the
        verifier decides meanwhile.
        """
        if not self._is_whole:
            self._leave_to_verifier()
        path, earlier = self._maps["keys"], set(self._changed)
        before, version = self._runtime.counts()[path], self._runtime.prepare(path)
        is_ready = False
        try:
            count, touched = self._prepare(version)
            found = self._runtime.counts()[path] - before
            if found != count:
                raise Lost(f"HAProxy took {found} of {count} keys")
            is_ready = not self._stop.is_set()
        finally:
            if not is_ready:
                self._runtime.clear(path, version)
        if not is_ready:
            return
        self._runtime.commit(path, version)
        for key in earlier:
            touched |= self._follow()
            if key not in touched:
                self._runtime.remove(self._maps["changed"], key)
                self._changed.discard(key)
        self.count, self._is_whole = count, True
        self._check()

    def _prepare(self, version: int) -> tuple[int, set[str]]:
        """Write all keys into a version of their map; give how many, and the keys that changed meanwhile."""
        product, count = self._product(), 0
        touched: set[str] = set()
        self._limits, self._has_new_limits = product.limits, False
        with self._reader.view() as view:
            if not view.reaches_back_to(self._at):
                self._at = view.place
            for portion in in_portions(view.rows("key")):
                if self._stop.is_set():
                    break
                # Rows no older than what was followed last: since `view`, an account may have been suspended.
                with self._reader.rows() as rows:
                    pairs = list(self._pairs(portion, rows, product))
                count += self._runtime.add(self._maps["keys"], pairs, version=version)
                touched |= self._follow()
                if self._is_whole:
                    self._renew()
        return count, touched

    def step(self) -> None:
        """Bring HAProxy to what the replica holds now, and let it decide a little longer.

        Raises Lost if HAProxy does not hold what it was told.
        """
        self._follow()
        if time.monotonic() >= self._next_check:
            self._check()
        if self._has_new_limits or len(self._changed) > MOST_CHANGED:
            self.fill()

    def _follow(self) -> set[str]:
        """Pass on what changed, and give the keys that this touched."""
        with self._reader.view() as view:
            if view.place == self._at:
                return set()
            if not view.reaches_back_to(self._at):
                raise Lost("the replica's history begins anew")
            records = [change.row.record for change in view.changes(self._at)]
            self._at = view.place
        digests = [digest for record in records for digest in self._touched_by(record)]
        product = self._product()
        with self._reader.rows() as rows:
            found = [(digest, rows.key(digest)) for digest in dict.fromkeys(digests)]
            pairs = [self._pair(key, rows, product) for _, key in found if key is not None]
        self._change(pairs)
        return {key for key, _ in pairs}

    def _touched_by(self, record: Record) -> Iterable[bytes]:
        """Give the digests of the keys whose entries a changed row changes at once."""
        match record:
            case KeyRecord():
                self._keys_of.setdefault(record.account, set()).add(record.digest)
                return (record.digest,)
            case AccountRecord():
                return self._keys_of.get(record.id, ())
            case EntitlementRecord():
                return self._keys_of.get(record.account, ())
            case ProductRecord() if record.slug == self._place.product:
                self._has_new_limits = record.limits != self._limits
                if self._is_whole:
                    self._renew()
        return ()

    def _change(self, pairs: list[Pair]) -> None:
        path, new = self._maps["changed"], []
        for key, value in pairs:
            if key not in self._changed:
                new.append((key, value))
            elif not self._runtime.set(path, key, value):
                raise Lost("a key was removed from changed.map")
        self._changed.update(key for key, _ in new)
        self._runtime.add(path, new)

    def _check(self) -> None:
        """Renew, if HAProxy is the process that was filled and holds what it was told."""
        self._next_check = time.monotonic() + CHECK_SECONDS
        if self._runtime.pid() != self._pid:
            raise Lost("HAProxy was started anew")
        counts = self._runtime.counts()
        expected = {"keys": self.count, "changed": len(self._changed)}
        for name, count in expected.items():
            if counts[self._maps[name]] != count:
                self._leave_to_verifier()
                raise Lost(f"{name}.map has {counts[self._maps[name]]} entries in place of {count}")
        self._renew()

    def _renew(self) -> None:
        """Tell HAProxy until when it may decide, or that the verifier does."""
        confirmed_at = self._reader.status().confirmed_at
        ends_at = lease_end(self._product(), self._place, confirmed_at)
        if ends_at is None:
            self._leave_to_verifier()
            return
        self._put(LEASE, str(ends_at))
        until = min(ends_at, int(time.time()) + AHEAD_SECONDS)
        # Never added: a process that was started a moment ago would decide with empty maps.
        if not self._runtime.set(self._maps["state"], UNTIL, str(until)):
            raise Lost("HAProxy was started anew")

    def _leave_to_verifier(self) -> None:
        self._put(UNTIL, ASK)

    def _put(self, name: str, value: str) -> None:
        if not self._runtime.set(self._maps["state"], name, value):
            self._runtime.add(self._maps["state"], [(name, value)])

    def _product(self) -> ProductRecord:
        with self._reader.rows() as rows:
            product = rows.product(self._place.product)
        if product is None:
            raise NotFedError(f"The replica has no product {self._place.product}.")
        return product

    def _pairs(
        self, found: Iterable[StoredRow], rows: ReplicaRows, product: ProductRecord
    ) -> Iterator[Pair]:
        for row in found:
            key = row.record
            if isinstance(key, KeyRecord):
                self._keys_of.setdefault(key.account, set()).add(key.digest)
                yield self._pair(key, rows, product)

    def _pair(self, key: KeyRecord, rows: ReplicaRows, product: ProductRecord) -> Pair:
        place = self._place
        account = rows.account(key.account)
        entitlement = rows.entitlement(key.account, place.product, place.environment)
        entry = entry_of(key, account, entitlement, product=product, place=place)
        return key.digest.hex().upper(), entry


def lease_end(product: ProductRecord, place: Place, confirmed_at: float | None) -> int | None:
    """Give the moment (Unix seconds) at which a product's lease ends, or None where the verifier decides.

    It does where the product is stopped, or is no longer what the configuration was made for.
    """
    if product.state != ProductState.ACTIVE or not place.fits(product):
        return None
    if confirmed_at is None:
        return 0
    lease = product.lease_seconds
    return LATEST if lease is None else int(confirmed_at + lease)


def maps_of(runtime: Runtime) -> dict[str, str]:
    """Give the path of each of the configuration's maps; raises NotFedError if one is not there."""
    paths = {Path(path).stem: path for path in runtime.counts()}
    missing = {"keys", "changed", "state"} - paths.keys()
    if missing:
        raise NotFedError(f"HAProxy has no {' and no '.join(sorted(missing))}.map.")
    return paths


def in_portions(found: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """Give what is found in lists, between which there is time for what changed."""
    portion = []
    for each in found:
        portion.append(each)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion
