"""The feeder: keeps the maps of this host's HAProxy equal to this host's replica.

`keys.map` is only ever replaced as a whole, once it was counted. What changes meanwhile goes into `changed.map`, which
is looked at first and stays short, so that one change takes effect at once however many keys there are. The moment
until which HAProxy may decide is moved on only while both are known to be whole.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import lmdb

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
UNTIL: Final = "until"

log: Final = logging.getLogger("keydesk.feeder")


class Lost(Exception):  # noqa: N818 - it names a state, not a mistake
    """The maps are not what they were filled to be, and are filled again; the message says what was seen."""


class NotFedError(Exception):
    """HAProxy cannot be fed as it is set up; the message says what to mend."""


def run_feeder(socket: Path, replica_dir: Path, *, stop: threading.Event) -> None:
    """Feed the HAProxy behind a socket from the replica in a folder until `stop` is set.

    Trouble with either is told once and tried again; nothing but `stop` ends it.
    """
    reader, told = Reader(replica_dir), ""
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
        except (NotFedError, RuntimeFault, ReplicaMissing, lmdb.Error, OSError) as error:
            if told != str(error):
                told = str(error)
                log.warning("HAProxy is not fed: %s", told)
            stop.wait(PAUSE_SECONDS)
    reader.close()


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
            self._let_decide_until(ASK)
        path, earlier = self._maps["keys"], set(self._changed)
        before, version = self._runtime.counts()[path], self._runtime.prepare(path)
        count, touched = self._prepare(version)
        if self._stop.is_set():
            return
        found = self._runtime.counts()[path] - before
        if found != count:
            raise Lost(f"HAProxy took {found} of {count} keys")
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
        with self._reader.view() as view, self._reader.rows() as rows:
            if not view.reaches_back_to(self._at):
                self._at = view.place
            for pairs in in_portions(self._pairs(view.rows("key"), rows, product)):
                if self._stop.is_set():
                    break
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
                self._let_decide_until(ASK)
                raise Lost(f"{name}.map has {counts[self._maps[name]]} entries in place of {count}")
        self._renew()

    def _renew(self) -> None:
        """Tell HAProxy until when it may decide, or that the verifier does."""
        confirmed_at = self._reader.status().confirmed_at
        self._let_decide_until(until_of(self._product(), self._place, confirmed_at))

    def _let_decide_until(self, until: str) -> None:
        if not self._runtime.set(self._maps["state"], UNTIL, until):
            self._runtime.add(self._maps["state"], [(UNTIL, until)])

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


def until_of(product: ProductRecord, place: Place, confirmed_at: float | None) -> str:
    """Give the moment (Unix seconds) until which HAProxy may decide, or `ask`.

    Ask is right where the product is stopped, or is no longer what the configuration was made for.
    """
    if product.state != ProductState.ACTIVE or not place.fits(product):
        return ASK
    if confirmed_at is None:
        return "0"
    lease = product.lease_seconds
    return str(LATEST if lease is None else int(confirmed_at + lease))


def maps_of(runtime: Runtime) -> dict[str, str]:
    """Give the path of each of the configuration's maps; raises NotFedError if one is not there."""
    paths = {Path(path).stem: path for path in runtime.counts()}
    missing = {"keys", "changed", "state"} - paths.keys()
    if missing:
        raise NotFedError(f"HAProxy has no {' and no '.join(sorted(missing))}.map.")
    return paths


def in_portions(pairs: Iterator[Pair], size: int = 500) -> Iterator[list[Pair]]:
    """Give the pairs in lists, between which there is time for what changed."""
    portion = []
    for pair in pairs:
        portion.append(pair)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion
