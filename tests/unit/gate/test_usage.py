"""What a worker counts, within bounds, and what leaves it: never more of a credential than may be shown."""

import asyncio
import itertools
import threading

import msgspec
import pytest
from tests.fixtures.rows import account, key
from tests.fixtures.spools import spooled

from keydesk.core.codes import Code
from keydesk.core.decide import Decision, Question
from keydesk.core.keyformat import KeyFormat
from keydesk.core.records import Environment
from keydesk.core.strict_json import NotStrictError
from keydesk.core.usage import (
    MOST_BATCH_BYTES,
    Batch,
    Count,
    Entry,
    RefusedCall,
    Stranger,
    batch_text,
    encode_entry,
    read_batch,
)
from keydesk.gate import usage
from keydesk.gate.usage import UsageFlush, UsageMeter, entries_of
from keydesk.host.spool import SpoolWriter
from keydesk.verifier.metrics import OVERFLOWED, WAITING, Tally

NOON = 1_800_000_000
TEXT = KeyFormat("kd").mint(Environment.LIVE)
KEY = key(bytes(32))
QUESTION = Question(TEXT, "disbursement", "live")
ACCEPTED = Decision(Code.OK, KEY, account())


@pytest.fixture
def meter():
    return UsageMeter("kd")


def counted(meter):
    """Take what was counted and give it as one entry."""
    entries = list(entries_of(meter.take(), first_sequence=1))
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    return Entry(
        sequence=1,
        counts=[count for entry in entries for count in entry.counts],
        strangers=[stranger for entry in entries for stranger in entry.strangers],
        refused=[call for entry in entries for call in entry.refused],
    )


def total(entry):
    return sum(row.number for row in (*entry.counts, *entry.strangers))


def asked_from(address, **fields):
    return msgspec.structs.replace(QUESTION, address=address, **fields)


def count(**fields):
    good = {
        "key": KEY.id,
        "code": "ok",
        "minute": NOON,
        "number": 1,
        "last_at": NOON,
        "product": "disbursement",
        "environment": "live",
        "address": None,
    }
    return Count(**{**good, **fields})


def test_requests_are_counted_by_key_address_and_minute(meter):
    for address, moment in [("10.0.0.1", 0.2), ("10.0.0.1", 59.9), ("::1", 7), ("10.0.0.1", 60)]:
        meter.note(ACCEPTED, asked_from(address), "req_1", NOON + moment)
    assert counted(meter).counts == [
        count(number=2, last_at=NOON + 59, address="10.0.0.1"),
        count(last_at=NOON + 7, address="::1"),
        count(minute=NOON + 60, last_at=NOON + 60, address="10.0.0.1"),
    ]
    assert counted(meter) == Entry(sequence=1)


def test_a_clock_that_is_put_back_counts_into_the_minute_that_it_says(meter):
    for moment in (NOON, NOON - 120, NOON):
        meter.note(ACCEPTED, QUESTION, "req_1", moment)
    minutes = [(row.minute, row.number) for row in counted(meter).counts]
    assert minutes == [(NOON, 1), (NOON - 120, 1), (NOON, 1)]


def test_a_refused_call_of_a_known_key_is_counted_and_kept_with_its_id(meter):
    refused = Decision(Code.WRONG_PRODUCT, KEY, account())
    asked = asked_from("10.0.0.1", product="payment-link")
    meter.note(refused, asked, "req_1", NOON + 0.5)
    about = {
        "key": KEY.id,
        "code": "wrong_product",
        "product": "payment-link",
        "environment": "live",
        "address": "10.0.0.1",
    }
    assert counted(meter) == Entry(
        sequence=1,
        counts=[count(**about)],
        refused=[RefusedCall(request_id="req_1", at=NOON + 0.5, **about)],
    )


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        (TEXT, TEXT[:12]),
        (TEXT[:20], TEXT[:12]),
        (TEXT + "x", TEXT[:12]),
        ("kd_test_AbCd", "kd_test_AbCd"),
        ("kd_live_AbC", ""),
        ("kd_live_Ab-d", ""),
        ("kds_live_AbCdEf", ""),
        ("sk_live_AbCdEfGh", ""),
        ("hunter2 is my password", ""),
        ("kd_live_\xe9\xe9\xe9\xe9", ""),
        ("", ""),
        (None, ""),
    ],
    ids=range(12),
)
def test_of_a_credential_that_is_no_known_key_only_what_may_be_shown_is_kept(
    meter, credential, shown
):
    asked = asked_from("10.0.0.1", credential=credential)
    meter.note(Decision(Code.KEY_MALFORMED), asked, "req_1", NOON)
    entry = counted(meter)
    assert entry == Entry(
        sequence=1,
        strangers=[
            Stranger(
                code="key_malformed",
                minute=NOON,
                number=1,
                last_at=NOON,
                prefix=shown,
                address="10.0.0.1",
            )
        ],
    )


@pytest.mark.parametrize("product", ["", "x" * 5000, "Disbursement", "a b", "\u0000", "é"])
def test_a_product_that_can_be_none_is_counted_without_its_text(meter, product):
    refused = Decision(Code.WRONG_PRODUCT, KEY, account())
    meter.note(refused, asked_from("no address", product=product), "req_1", NOON)
    entry = counted(meter)
    assert (entry.counts[0].product, entry.counts[0].address) == ("", None)
    assert (entry.refused[0].product, entry.refused[0].address) == ("", None)


def test_of_a_key_s_refused_calls_only_so_many_are_kept_and_all_are_counted(meter):
    refused = Decision(Code.KEY_REVOKED, KEY, account())
    for number in range(50):
        meter.note(refused, QUESTION, f"req_{number}", NOON)
    entry = counted(meter)
    assert total(entry) == 50
    assert [call.request_id for call in entry.refused] == [f"req_{n}" for n in range(10)]
    meter.note(refused, QUESTION, "req_next", NOON + 1)
    assert [call.request_id for call in counted(meter).refused] == ["req_next"]


@pytest.fixture
def small(monkeypatch):
    for name, most in {
        "MOST_ADDRESSES_OF_A_KEY": 3,
        "MOST_PLACES": 5,
        "MOST_KEYS": 8,
        "MOST_STRANGERS": 4,
        "MOST_REFUSED": 6,
    }.items():
        monkeypatch.setattr(usage, name, most)


def flood(meter, code, *, keys, addresses):
    decisions = [
        Decision(code, msgspec.structs.replace(KEY, id=f"key_{number}"), account())
        for number in range(keys)
    ]
    for decision, number in itertools.product(decisions, range(addresses)):
        meter.note(decision, asked_from(f"10.0.0.{number}"), "req_1", NOON)


@pytest.mark.parametrize("code", [Code.OK, Code.KEY_REVOKED])
@pytest.mark.parametrize(
    ("keys", "addresses", "apart"), [(1, 200, 3), (100, 1, 5), (50, 4, 5), (1, 3, 3)]
)
def test_a_flood_of_keys_and_addresses_is_counted_whole_within_bounds(
    small, meter, code, keys, addresses, apart
):
    for _ in range(2):
        flood(meter, code, keys=keys, addresses=addresses)
        entry = counted(meter)
        assert total(entry) == keys * addresses
        assert len([row for row in entry.counts if row.address is not None]) == apart
        assert len(entry.counts) <= 8
        assert {(row.prefix, row.address) for row in entry.strangers} <= {("", None)}
    assert (meter.overflowed > 0) == (keys * addresses > apart)


def test_a_flood_of_strangers_is_counted_whole_within_bounds(small, meter):
    for number in range(1000):
        asked = asked_from(f"10.0.{number % 7}.1", credential=f"kd_live_{number:04}")
        meter.note(Decision(Code.KEY_MALFORMED), asked, "req_1", NOON)
    entry = counted(meter)
    assert total(entry) == 1000
    assert len(entry.strangers) == 5
    assert meter.overflowed == 996


def test_with_the_next_hour_addresses_and_strangers_are_told_apart_anew(small, meter):
    for hour in range(2):
        for number in range(10):
            at = NOON + 3600 * hour
            asked = asked_from(f"10.0.{hour}.{number}")
            meter.note(ACCEPTED, asked, "req_1", at)
            meter.note(Decision(Code.KEY_MISSING), asked, "req_1", at)
    entry = counted(meter)
    for rows, apart in ((entry.counts, 3), (entry.strangers, 4)):
        told = [row.address for row in rows if row.address is not None]
        assert told == [f"10.0.{hour}.{n}" for hour in range(2) for n in range(apart)]


def test_every_entry_fits_into_a_batch_however_much_was_counted(meter):
    code, wide = Code.PRODUCT_NOT_ENABLED, "f" * 4
    address = ":".join([wide] * 8)
    for number in range(usage.MOST_KEYS):
        known = msgspec.structs.replace(KEY, id=f"key_{number:020}")
        asked = asked_from(address, product=f"{number:040}")
        meter.note(Decision(code, known, account()), asked, f"req_{'a' * 20}", NOON)
    for number in range(usage.MOST_STRANGERS):
        asked = asked_from(address, credential=f"kd_live_{number:04}")
        meter.note(Decision(Code.KEY_MALFORMED), asked, "req_1", NOON)
    texts = [encode_entry(entry) for entry in entries_of(meter.take(), first_sequence=1)]
    rows = usage.MOST_KEYS + usage.MOST_STRANGERS
    assert len(texts) == rows // usage.ROWS_AN_ENTRY + 1
    assert max(map(len, texts)) < MOST_BATCH_BYTES * 0.9


@pytest.fixture
def flush(tmp_path, meter):
    (tmp_path / "tallies").mkdir()
    writer = SpoolWriter(tmp_path / "usage", "web-1")
    yield UsageFlush(meter, writer, Tally(tmp_path / "tallies"))
    writer.close()


def test_a_flush_writes_what_was_counted_and_a_clean_end_writes_the_rest(
    tmp_path, meter, flush, monkeypatch
):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.01)

    is_written = threading.Event()

    class Spool(SpoolWriter):
        def append(self, records):
            super().append(records)
            is_written.set()

    flush = UsageFlush(meter, Spool(tmp_path / "usage", "web-1"), flush._board)

    async def run():
        task = asyncio.ensure_future(flush.run())
        meter.note(ACCEPTED, QUESTION, "req_1", NOON)
        assert await asyncio.to_thread(is_written.wait, 10)
        meter.note(ACCEPTED, QUESTION, "req_2", NOON + 60)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())
    entries = spooled(tmp_path / "usage")
    assert [entry.sequence for entry in entries] == [1, 2]
    assert [entry.counts[0].minute for entry in entries] == [NOON, NOON + 60]
    assert list((tmp_path / "usage").iterdir()) == []


def test_an_idle_process_leaves_no_file(tmp_path, flush):
    flush.write(UsageMeter("kd").take())
    assert not (tmp_path / "usage").exists()


def test_what_the_disk_refuses_waits_and_the_metrics_say_so(tmp_path, meter, flush):
    (tmp_path / "usage").write_text("in the way")
    meter.note(ACCEPTED, QUESTION, "req_1", NOON)
    meter.overflowed = 3
    flush.write(meter.take())
    cells = flush._board._cells
    assert (cells[OVERFLOWED], cells[WAITING] > 0) == (3, True)
    (tmp_path / "usage").unlink()
    flush.write(meter.take())
    assert cells[WAITING] == 0
    assert [entry.counts for entry in spooled(tmp_path / "usage")] == [[count()]]


def test_a_batch_reads_back_what_was_counted():
    entries = [
        Entry(sequence=7, counts=[count(address="::1")]),
        Entry(sequence=8, strangers=[Stranger(code="key_missing", minute=0, number=1, last_at=0)]),
    ]
    text = batch_text("web-1", [encode_entry(entry) for entry in entries])
    assert read_batch(text) == Batch(source="web-1", entries=entries)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "Expecting value"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"source":"web-1","source":"web-2","entries":[{"sequence":1}]}', "comes twice"),
        (b'{"source":"web-1","entries":[]}', "length >= 1"),
        (b'{"source":"Web 1","entries":[{"sequence":1}]}', "matching regex"),
        (b'{"source":"web-1","entries":[{"sequence":0}]}', ">= 1"),
        (b'{"source":"web-1","entries":[{"sequence":"1"}]}', "Expected `int`"),
        (b'{"source":"web-1","entries":[{"sequence":1,"extra":1}]}', "unknown field"),
        (b'{"source":"web-1","entries":[{"sequence":1,"counts":[{}]}]}', "missing required"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_batch_is_refused_with_a_sentence(text, told):
    with pytest.raises(NotStrictError, match=told):
        read_batch(text)
