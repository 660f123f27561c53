"""What one worker process counts: who asked with which key, from where, and what came of it, minute by minute.

Counting is a look-up in memory and no more: a decision never waits for a disk, and never for the desk. Once a second
the counts are taken away and written into the host's spool by another thread. Of a credential that is no known key,
nothing is kept but what may be shown anywhere.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator
from itertools import count as count_from
from itertools import islice
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from keydesk.core.codes import Code
from keydesk.core.decide import Decision, Question
from keydesk.core.keyformat import SHOWN_LENGTH
from keydesk.core.records import Environment
from keydesk.core.usage import (
    HOUR,
    LONGEST_PRODUCT,
    MINUTE,
    Count,
    Entry,
    RefusedCall,
    Stranger,
    encode_entry,
)
from keydesk.core.usage import Environment as AskedEnvironment
from keydesk.host.spool import SpoolWriter

FLUSH_SECONDS: Final = 1.0
MOST_ADDRESSES_OF_A_KEY: Final = 50
"""Addresses of a key that are told apart within an hour; its further ones are counted as one."""
MOST_PLACES: Final = 20_000
"""Addresses of all keys together that are told apart within an hour."""
MOST_KEYS: Final = 60_000
"""Counts that are kept between two flushes; beyond it what is new goes into one row for all others."""
MOST_STRANGERS: Final = 2_000
"""Credentials and addresses without a known key that are told apart within an hour."""
MOST_REFUSED_OF_A_KEY: Final = 10
"""Refused calls of a key that are kept between two flushes; the others are counted like all."""
MOST_REFUSED: Final = 1_000
ROWS_AN_ENTRY: Final = 500
"""Rows that are written at once: requests wait meanwhile, a millisecond at most."""
PRODUCT: Final = re.compile(rf"[a-z0-9-]{{1,{LONGEST_PRODUCT}}}")
ADDRESS: Final = re.compile(r"[0-9a-f.:]{2,45}")
ENVIRONMENTS: Final[dict[str, AskedEnvironment]] = {"live": "live", "test": "test"}
_OK: Final = Code.OK
_OK_TEXT: Final = Code.OK.value

Row = TypeVar("Row")
Place = tuple[str, str, str, str, str | None]
"""A key, a code, what was asked for, and the address."""
Passage = tuple[str, str, str | None]
"""A code, what may be shown of a credential that is no known key, and the address."""
Call = tuple[str, str, Code, float, str, str, str | None]
"""A refused call: request id, key, code, moment, product, environment and address."""


class Meter(Protocol):
    """Where the doors note what came of each request."""

    def note(self, decision: Decision, question: Question, request_id: str, now: float) -> None:
        """Count a decision at the moment `now` (Unix seconds)."""


class Board(Protocol):
    """Where a flush tells how counting goes."""

    def note_usage(self, *, overflowed: int, dropped: int, waiting_bytes: int) -> None:
        """Take requests not told apart, entries given up, and bytes that could not be written."""


class NoMeter:
    """Counts nothing, for decisions that nobody is to hear of."""

    def note(self, *_: object) -> None:
        """Do nothing."""


NO_METER: Final = NoMeter()


class Counter(Generic[Row]):
    """How many requests of each kind there were, and when the last one was (Unix seconds).

    Two dictionaries of plain values, so that the garbage collector has nothing to look at in them.
    """

    __slots__ = ("last_at", "number")

    def __init__(self) -> None:
        self.number: dict[Row, int] = {}
        self.last_at: dict[Row, float] = {}

    def add(self, row: Row, now: float) -> None:
        """Count one request."""
        self.number[row] = self.number.get(row, 0) + 1
        self.last_at[row] = now

    def rows(self) -> Iterator[tuple[Row, int, int]]:
        """Give each kind, how many, and the second of the last one."""
        for row, number in self.number.items():
            yield row, number, int(self.last_at[row])


class Window:
    """The counts of one minute, or of a part of it."""

    __slots__ = ("keys", "minute", "strangers")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.keys: Counter[Place] = Counter()
        self.strangers: Counter[Passage] = Counter()


class Taken(Struct, frozen=True):
    """What a meter had counted when it was emptied."""

    windows: list[Window]
    calls: list[Call]


class UsageMeter:
    """Counts in memory, within bounds whatever comes in. One thread notes and takes."""

    def __init__(self, marker: str) -> None:
        """Takes the installation's marker, which what may be shown of a credential begins with."""
        environments = "|".join(Environment)
        self._shown: Final = re.compile(
            rf"{marker}_(?:{environments})_[0-9A-Za-z]{{{SHOWN_LENGTH}}}", re.ASCII
        )
        self._over: list[Window] = []
        self._hour = -1
        self._begin(0)
        self._calls: list[Call] = []
        self._calls_of: dict[str, int] = {}
        self.overflowed = 0
        """Requests whose key or address was not kept apart from others because there were too many of them."""

    def note(self, decision: Decision, question: Question, request_id: str, now: float) -> None:
        """Count a decision, in about half a microsecond where it was accepted."""
        if not self._begins_at <= now < self._ends_at:
            self._over.append(self._window)
            self._begin(int(now) // MINUTE * MINUTE)
        key = decision.key
        if key is None:
            self._note_stranger(decision.code, question, now)
        elif decision.code is _OK:
            place = (key.id, _OK_TEXT, key.product, key.environment, question.address)
            if place in self._number:
                self._number[place] += 1
                self._last_at[place] = now
            else:
                self._note_key(place, now)
        else:
            product, environment = slug(question.product), question.environment
            place = (key.id, decision.code.value, product, environment, question.address)
            self._note_key(place, now)
            if self._has_room_for(key.id):
                asked = (product, environment, plain(question.address))
                self._calls.append((request_id, key.id, decision.code, now, *asked))

    def take(self) -> Taken:
        """Give what was counted since the last time, and begin anew."""
        taken = Taken([*self._over, self._window], self._calls)
        self._over = []
        self._begin(self._begins_at)
        self._calls, self._calls_of = [], {}
        return taken

    def _begin(self, minute: int) -> None:
        self._window = Window(minute)
        self._number, self._last_at = self._window.keys.number, self._window.keys.last_at
        self._begins_at, self._ends_at = minute, minute + MINUTE
        if minute // HOUR != self._hour:
            self._hour = minute // HOUR
            self._begin_hour()

    def _begin_hour(self) -> None:
        self._places: set[tuple[str, str]] = set()
        self._addresses_of: dict[str, int] = {}
        self._known_strangers: set[Passage] = set()

    def _apart(self, key_id: str, address: str | None) -> str | None:
        """Give the address if it is told apart from the key's others, None if there were too many."""
        address = plain(address)
        if address is None or (key_id, address) in self._places:
            return address
        number = self._addresses_of.get(key_id, 0)
        if number >= MOST_ADDRESSES_OF_A_KEY or len(self._places) >= MOST_PLACES:
            self.overflowed += 1
            return None
        self._places.add((key_id, address))
        self._addresses_of[key_id] = number + 1
        return address

    def _note_key(self, place: Place, now: float) -> None:
        """Count a request of a known key, with its address or with those that are not told apart."""
        key_id, code, product, environment, address = place
        place = (key_id, code, product, environment, self._apart(key_id, address))
        if place in self._number or len(self._number) < MOST_KEYS:
            self._window.keys.add(place, now)
        else:
            self._note_other(code, now)

    def _has_room_for(self, key_id: str) -> bool:
        """Say whether one more refused call of the key is kept, and count it if so."""
        kept = self._calls_of.get(key_id, 0)
        if kept >= MOST_REFUSED_OF_A_KEY or len(self._calls) >= MOST_REFUSED:
            return False
        self._calls_of[key_id] = kept + 1
        return True

    def _note_stranger(self, code: Code, question: Question, now: float) -> None:
        shown = self._shown.match(question.credential) if question.credential else None
        passage = (code.value, shown[0] if shown else "", plain(question.address))
        if passage in self._known_strangers or len(self._known_strangers) < MOST_STRANGERS:
            self._known_strangers.add(passage)
            self._window.strangers.add(passage, now)
        else:
            self._note_other(code.value, now)

    def _note_other(self, code: str, now: float) -> None:
        """Count what there is no room for, by code alone."""
        self.overflowed += 1
        self._window.strangers.add((code, "", None), now)


def entries_of(taken: Taken, *, first_sequence: int) -> Iterator[Entry]:
    """Give what was taken as entries, numbered from the given number on; none if nothing was counted."""
    number = count_from(first_sequence).__next__
    for window in taken.windows:
        for some in chunked(counts_of(window)):
            yield Entry(sequence=number(), counts=some)
        for others in chunked(strangers_of(window)):
            yield Entry(sequence=number(), strangers=others)
    if taken.calls:
        yield Entry(sequence=number(), refused=list(map(call_of, taken.calls)))


def call_of(kept: Call) -> RefusedCall:
    """Give a refused call as it travels."""
    request_id, key_id, code, at, product, environment, address = kept
    return RefusedCall(
        request_id=request_id,
        key=key_id,
        code=code.value,
        at=at,
        product=product,
        environment=named(environment),
        address=address,
    )


def chunked(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Give the rows in lists that are not too long for an entry."""
    rest = iter(rows)
    while some := list(islice(rest, ROWS_AN_ENTRY)):
        yield some


def counts_of(window: Window) -> Iterator[Count]:
    """Give a window's counts of known keys."""
    for (key_id, code, product, environment, address), number, last_at in window.keys.rows():
        yield Count(
            key=key_id,
            code=code,
            minute=window.minute,
            number=number,
            last_at=last_at,
            product=product,
            environment=named(environment),
            address=address,
        )


def strangers_of(window: Window) -> Iterator[Stranger]:
    """Give a window's counts of requests without a known key."""
    for (code, prefix, address), number, last_at in window.strangers.rows():
        yield Stranger(
            code=code,
            minute=window.minute,
            number=number,
            last_at=last_at,
            prefix=prefix,
            address=address,
        )


def slug(text: str) -> str:
    """Give a product as it was asked for, nothing for a text that can be none."""
    return text if PRODUCT.fullmatch(text) else ""


def named(environment: str) -> AskedEnvironment:
    """Give an environment, nothing for a text that is none."""
    return ENVIRONMENTS.get(environment, "")


def plain(address: str | None) -> str | None:
    """Give an address in its plain form, None for a text that can be none."""
    return address if address is not None and ADDRESS.fullmatch(address) else None


class UsageFlush:
    """Carries a meter's counts into the spool, once a second and at the end."""

    def __init__(self, meter: UsageMeter, spool: SpoolWriter, board: Board) -> None:
        """Takes the meter, this process's part of the spool, and where to tell how it goes."""
        self._meter: Final = meter
        self._spool: Final = spool
        self._board: Final = board
        self._sequence = 0

    async def run(self) -> None:
        """Flush until this is cancelled, and then once more."""
        flushing = None
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                flushing = asyncio.ensure_future(self._flush(self._meter.take()))
                await asyncio.shield(flushing)
        finally:
            if flushing is not None and not flushing.done():
                await flushing
            self.write(self._meter.take())
            self._spool.close()

    async def _flush(self, taken: Taken) -> None:
        """Write what was taken: the text a piece at a time between requests, the file in another thread.

        The text in another thread as well would fight over the interpreter's lock with every request meanwhile.
        """
        texts = []
        for entry in self._numbered(taken):
            texts.append(encode_entry(entry))
            await asyncio.sleep(0)
        await asyncio.to_thread(self._append, texts)

    def write(self, taken: Taken) -> None:
        """Write what was taken, at once; what the disk refuses waits in memory."""
        self._append([encode_entry(entry) for entry in self._numbered(taken)])

    def _numbered(self, taken: Taken) -> Iterator[Entry]:
        for entry in entries_of(taken, first_sequence=self._sequence + 1):
            self._sequence = entry.sequence
            yield entry

    def _append(self, texts: list[bytes]) -> None:
        if texts or self._spool.waiting_bytes:
            self._spool.append(texts)
        self._board.note_usage(
            overflowed=self._meter.overflowed,
            waiting_bytes=self._spool.waiting_bytes,
            dropped=self._spool.dropped,
        )
