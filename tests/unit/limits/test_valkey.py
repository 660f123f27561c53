"""The counts in Valkey: exact like the ones of a host, on the server's clock, and never in anybody's way."""

import asyncio
import contextlib
import ipaddress
import logging
import secrets
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures.valkey import running

from keydesk.core.codes import Code
from keydesk.core.gcra import EMPTY, spend
from keydesk.core.limits import Bucket, parse_limit
from keydesk.limits.host import HostLedger
from keydesk.limits.ledger import LedgerUnavailable
from keydesk.limits.valkey import KEY_PREFIX, SCRIPT, SharedLedger, terms_of
from keydesk.limits.wire import Connection

ALL_DAY = parse_limit("account:daily=1000/day")
LIMITS = [
    "key:burst=5/10s",
    "key:quick=7/3s",
    "key:vast=100000/1s",
    "key:slow=1/86400s",
    "account:daily=20/day",
    "product:monthly=40/month",
    "product:most=999999999999/month",
]
CLOCK = b"redis.call('TIME')"
GIVEN_CLOCK = b"{ARGV[#ARGV - 1], ARGV[#ARGV]}"
STEP_MICROSECONDS = 40 * 86_400 * 10**6
BEGIN_MICROSECONDS = 1_700_000_000 * 10**6


def bucket(limit=ALL_DAY, name=b"a"):
    return Bucket(name, limit)


class Away:
    """Counts how often the store was away."""

    times = 0

    def count(self):
        self.times += 1


@contextlib.asynccontextmanager
async def opened(url, *, wait_seconds=5.0, meanwhile=None, away=None):
    ledger = SharedLedger(
        url, wait_seconds=wait_seconds, meanwhile=meanwhile, count_away=(away or Away()).count
    )
    await ledger.open()
    keeping = asyncio.ensure_future(ledger.keep())
    try:
        yield ledger
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def call(ledger, *buckets, cost=1, now=0.0):
    return (await ledger.spend(buckets or (bucket(),), cost=cost, now=now)).code


async def is_back(ledger):
    """Wait until calls are counted in the store again."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(LedgerUnavailable):
                return await call(ledger, bucket(name=b"probe"))
            await asyncio.sleep(0.01)


class Scripted:
    """Buckets counted by the script at moments of the test's choice: the server's clock is handed in."""

    def __init__(self, port, limits):
        assert SCRIPT.count(CLOCK) == 1
        self.script = SCRIPT.replace(CLOCK, GIVEN_CLOCK)
        self.port = port
        self.buckets = [Bucket(secrets.token_bytes(8), parse_limit(text)) for text in limits]

    async def run(self, calls):
        """Count the calls, each a moment and a cost, and give what the script found before each, and then after."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(5.0, on_lost=lambda _: None), "127.0.0.1", self.port
        )
        keys = [KEY_PREFIX + bucket.place for bucket in self.buckets]
        terms = [word for bucket in self.buckets for word in terms_of(bucket.limit)]
        found = []
        for now, cost in calls:
            clock = (b"%d" % word for word in divmod(now, 10**6))
            words = (b"EVAL", self.script, b"%d" % len(keys), *keys, b"%d" % cost, *terms, *clock)
            found.append((await connection.ask(*words))[1:])
        kept = [(await connection.ask(b"GET", key)) or b"0 0" for key in keys]
        connection.give_up("done")
        return found, [int(word) for value in kept for word in value.split()]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    limits=st.lists(st.sampled_from(LIMITS), min_size=1, max_size=4, unique=True),
    steps=st.lists(
        st.tuples(
            st.one_of(
                st.integers(-(10**7), 10**7), st.integers(-STEP_MICROSECONDS, STEP_MICROSECONDS)
            ),
            st.integers(1, 30),
        ),
        min_size=1,
        max_size=30,
    ),
)
def test_the_script_counts_as_the_rules_do_whatever_the_limits_costs_and_moments(
    lasting_valkey, limits, steps
):
    scripted = Scripted(lasting_valkey.port, limits)
    now, calls = BEGIN_MICROSECONDS, []
    for step, cost in steps:
        now = max(now + step, 86_400 * 10**6)
        calls.append((now, cost))
    counts, expected = [EMPTY] * len(limits), []
    for moment, cost in calls:
        expected.append(words_of(counts))
        counts = spend(scripted.buckets, counts, cost=cost, now=moment)[1] or counts
    assert asyncio.run(scripted.run(calls)) == (
        expected,
        words_of(counts),
    )


def words_of(counts):
    """Give what the script says of counts."""
    return [word for count in counts for word in (count.mark, count.spent)]


def test_exactly_as_many_calls_pass_as_the_limit_says_over_several_connections(valkey):
    async def count():
        async with contextlib.AsyncExitStack() as stack:
            ledgers = [await stack.enter_async_context(opened(valkey.url)) for _ in range(4)]
            return await asyncio.gather(*(call(ledgers[n % 4]) for n in range(4000)))

    codes = asyncio.run(count())
    assert (codes.count(Code.OK), codes.count(Code.QUOTA_EXCEEDED)) == (1000, 3000)


def test_a_call_says_how_all_its_limits_stand_as_it_would_on_one_host(valkey, tmp_path):
    both = (bucket(parse_limit("key:burst=5/3600s"), b"burst"), bucket())

    async def count():
        host = HostLedger(tmp_path)
        async with opened(valkey.url) as shared:
            return (
                [await shared.spend(both, cost=2, now=time.time()) for _ in range(3)],
                [host.spend(both, cost=2, now=time.time()) for _ in range(3)],
            )

    def shown(spent):
        return spent.code, [(each.limit, each.remaining) for each in spent.balances]

    shared, host = asyncio.run(count())
    assert [shown(spent) for spent in shared] == [shown(spent) for spent in host]
    assert [spent.code for spent in shared] == [Code.OK, Code.OK, Code.RATE_LIMITED]
    assert shared[-1].retry_after == host[-1].retry_after


@pytest.mark.parametrize("seconds_off", [-86_400, 86_400])
def test_the_clock_of_whoever_asks_does_not_matter(valkey, seconds_off):
    async def count():
        async with opened(valkey.url) as here, opened(valkey.url) as there:
            now = time.time()
            return [
                await call(here, cost=600, now=now),
                await call(there, cost=600, now=now + seconds_off),
                await call(there, cost=400, now=now + seconds_off),
            ]

    assert asyncio.run(count()) == [Code.OK, Code.QUOTA_EXCEEDED, Code.OK]


def test_counts_go_by_themselves_when_they_say_nothing_any_more(valkey):
    async def count():
        async with opened(valkey.url) as ledger:
            await call(ledger, bucket(parse_limit("key:burst=5/60s"), b"rate"), bucket(name=b"day"))

    asyncio.run(count())
    left = [
        int(valkey.ask("PTTL", f"keydesk:limits:{name}").strip(":")) for name in ("rate", "day")
    ]
    assert [59_000 < left[0] <= 60_000, 86_399_000 < left[1] <= 86_400_000] == [True, True]


def test_a_script_that_the_server_has_forgotten_is_sent_again(valkey):
    async def count():
        away = Away()
        async with opened(valkey.url, away=away) as ledger:
            first = await call(ledger, cost=600)
            assert valkey.ask("SCRIPT", "FLUSH") == "+OK"
            return [first, *[await call(ledger, cost=400) for _ in range(2)], away.times]

    assert asyncio.run(count()) == [Code.OK, Code.OK, Code.QUOTA_EXCEEDED, 0]


@pytest.mark.parametrize("harm", ["kill", "hang"])
def test_a_store_that_is_gone_or_hangs_costs_the_calls_under_way_one_wait_and_later_ones_none(
    valkey, harm
):
    async def count():
        away = Away()
        async with opened(valkey.url, wait_seconds=1, away=away) as ledger:
            await call(ledger)
            under_way = [asyncio.ensure_future(call(ledger)) for _ in range(100)]
            await asyncio.sleep(0)
            getattr(valkey, harm)()
            under_way += [asyncio.ensure_future(call(ledger)) for _ in range(100)]
            started = time.monotonic()
            ends = await asyncio.gather(*under_way, return_exceptions=True)
            waited = time.monotonic() - started
            counted = away.times
            started = time.monotonic()
            for _ in range(1000):
                with pytest.raises(LedgerUnavailable):
                    await call(ledger)
            return ends, counted, waited, time.monotonic() - started

    ends, counted, waited, later = asyncio.run(count())
    valkey.go_on()
    refused = [end for end in ends if isinstance(end, LedgerUnavailable)]
    assert len(refused) == counted >= 100
    assert [end for end in ends if end is not Code.OK and end not in refused] == []
    assert waited < 20  # a hundred waits, one after the other, would take 100 s
    assert later < 20  # a thousand would take 1000 s


@pytest.mark.parametrize("harm", ["restart", "hang"])
def test_a_store_that_is_back_is_counted_in_again(valkey, harm, caplog):
    async def count():
        async with opened(valkey.url, wait_seconds=1) as ledger:
            getattr(valkey, harm)()
            with pytest.raises(LedgerUnavailable):
                await call(ledger)
            valkey.go_on()
            return await is_back(ledger)

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(count()) is Code.OK
    reason = {"restart": "it closed the connection", "hang": "it does not answer in time"}[harm]
    assert caplog.messages == [
        f"The shared store of counts is away: {reason}.",
        "The shared store of counts is there again.",
    ]


def test_calls_are_counted_on_the_host_while_the_store_is_away(valkey, tmp_path):
    async def count():
        away, now = Away(), time.time()
        host = HostLedger(tmp_path)
        async with opened(valkey.url, meanwhile=host, away=away) as ledger:
            before = [await call(ledger, cost=900, now=now)]
            valkey.kill()
            during = [await call(ledger, cost=600, now=now) for _ in range(2)]
            return before, during, away.times

    assert asyncio.run(count()) == ([Code.OK], [Code.OK, Code.QUOTA_EXCEEDED], 2)


def test_a_process_that_was_busy_does_not_take_the_store_for_one_that_hangs(valkey):
    async def count():
        away = Away()
        async with opened(valkey.url, wait_seconds=0.2, away=away) as ledger:
            asked = [asyncio.ensure_future(call(ledger)) for _ in range(10)]
            await asyncio.sleep(0)
            busy_until = time.monotonic() + 0.5
            while time.monotonic() < busy_until:
                pass
            return await asyncio.gather(*asked), away.times

    assert asyncio.run(count()) == ([Code.OK] * 10, 0)


@pytest.mark.parametrize(
    ("password", "given", "reason"),
    [("s3cret", "wr0ng", "WRONGPASS"), ("s3cret", None, "NOAUTH")],
)
def test_a_wrong_password_is_a_store_that_is_away_and_is_told_without_it(
    tmp_path, caplog, password, given, reason
):
    with running(tmp_path, password=password) as valkey:
        credentials = f":{given}@" if given else ""

        async def count():
            async with opened(f"valkey://{credentials}127.0.0.1:{valkey.port}") as ledger:
                with pytest.raises(LedgerUnavailable):
                    await call(ledger)

        asyncio.run(count())
    assert caplog.messages == [f"The shared store of counts is away: it refuses with {reason}."]


def test_a_password_with_special_characters_and_a_database_are_taken_from_the_url(tmp_path):
    with running(tmp_path, password="a@b:c/d") as valkey:

        async def count():
            async with opened(f"redis://:a%40b%3Ac%2Fd@127.0.0.1:{valkey.port}/3") as ledger:
                return await call(ledger)

        assert asyncio.run(count()) is Code.OK
        assert (valkey.ask("SWAPDB", "0", "3"), valkey.ask("DBSIZE")) == ("+OK", ":1")


@pytest.mark.parametrize("words", [("SET", "strange"), ("HSET", "field strange"), ("SET", "1")])
def test_what_somebody_else_put_in_a_counts_place_holds_up_nobody(valkey, words):
    command, value = words
    assert valkey.ask(command, "keydesk:limits:a", value) in {"+OK", ":1"}

    async def count():
        async with opened(valkey.url) as ledger:
            return [await call(ledger, cost=600), await call(ledger, cost=600)]

    assert asyncio.run(count()) == [Code.OK, Code.QUOTA_EXCEEDED]


def test_a_user_needs_no_more_rights_than_the_documentation_says(valkey):
    rights = "+@scripting +get +set +time +select ~keydesk:limits:*"
    assert valkey.ask("ACL", "SETUSER", "desk", "on", ">s3cret", rights) == "+OK"

    async def count():
        async with opened(f"valkey://desk:s3cret@127.0.0.1:{valkey.port}/0") as ledger:
            assert valkey.ask("SCRIPT", "FLUSH") == "+OK"
            return [await call(ledger), await call(ledger)]

    assert asyncio.run(count()) == [Code.OK, Code.OK]


def certificate(folder):
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key; give both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "valkey")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


async def relay(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def tls_before(port, paths):
    """Give the port of a TLS listener that passes on to the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    passing = []

    async def pass_on(reader, writer):
        passing.append(asyncio.current_task())
        behind, before = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(relay(reader, before), relay(behind, writer))

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*passing)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_server_with_tls_counts_if_its_certificate_is_trusted(
    valkey, tmp_path, monkeypatch, is_trusted
):
    paths = certificate(tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(paths[0]))

    async def count():
        async with tls_before(valkey.port, paths) as port:
            away = Away()
            async with opened(f"valkeys://127.0.0.1:{port}", away=away) as ledger:
                with contextlib.suppress(LedgerUnavailable):
                    await call(ledger)
            return away.times

    assert asyncio.run(count()) == (0 if is_trusted else 1)


async def answer_wrongly(reader, writer):
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


def test_what_is_no_valkey_is_a_store_that_is_away(caplog):
    async def count():
        async with await asyncio.start_server(answer_wrongly, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with opened(f"valkey://127.0.0.1:{port}") as ledger:
                with pytest.raises(LedgerUnavailable):
                    await call(ledger)

    asyncio.run(count())
    assert caplog.messages == [
        "The shared store of counts is away: it does not speak its protocol."
    ]


def test_a_store_that_cannot_count_is_away(valkey, caplog):
    async def count():
        async with opened(valkey.url) as ledger:
            assert valkey.ask("CONFIG", "SET", "min-replicas-to-write", "1") == "+OK"
            with pytest.raises(LedgerUnavailable):
                await call(ledger)

    asyncio.run(count())
    assert caplog.messages == ["The shared store of counts is away: it refuses with NOREPLICAS."]
