"""Whatever a relay answers, a replica takes over whole pages of one history or nothing, and asks nobody else."""

import contextlib
import select
import socket
import threading
import time
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from msgspec.structs import replace
from tests.fixtures.feeds import ROW_KEY, SINAR, credential, key
from tests.fixtures.relays import CREDENTIAL, Answers, fake_relay
from tests.fixtures.replicators import eventually

from keydesk.core.digest import row_mac
from keydesk.replica.follow import Follower, run_replicator
from keydesk.replica.layout import Head, Place, Signed, value_of
from keydesk.replica.sources import https
from keydesk.replica.sources.contract import SourceUnavailable
from keydesk.replica.sources.https import HttpsSource
from keydesk.replica.store import Reader, Writer
from keydesk.replica.wire import MOST_ANSWER_BYTES, RowsPage


@pytest.fixture
def credential_file(tmp_path):
    path = tmp_path / "credential"
    path.write_text(CREDENTIAL)
    return path


@pytest.fixture
def step(replica_dir, credential_file):
    """Let a replicator look once at a relay that answers so, and give the records then held."""

    def step(answers, *, row_mac_key=None):
        with fake_relay(answers) as url, Writer(replica_dir) as writer:
            source = HttpsSource(url, credential_file)
            follower = Follower(source, writer, row_mac_key=row_mac_key, stop=threading.Event())
            try:
                follower.step()
            finally:
                source.close()

    return step


@pytest.mark.parametrize(
    "written",
    [f"{CREDENTIAL}\nThis is crd_1.", "", "Bearer x"],
    ids=["with a remark", "nothing", "a header"],
)
def test_what_is_no_credential_alone_is_neither_sent_nor_told(step, credential_file, written):
    credential_file.write_text(written)
    answers = Answers(SINAR)
    with pytest.raises(SourceUnavailable) as error:
        step(answers)
    assert (CREDENTIAL in str(error.value), answers.asked) == (False, [])
    assert str(credential_file) in str(error.value)


def held(replica_dir):
    reader = Reader(replica_dir)
    with reader.view() as view:
        found = [row.record for row in view.everything()], view.meta
    reader.close()
    return found


def test_what_a_relay_gives_is_taken_over_and_the_credential_is_all_it_hears(step, replica_dir):
    answers = Answers(key(), SINAR)
    step(answers)
    records, meta = held(replica_dir)
    assert (records, meta.epoch, meta.revision) == ([key(), SINAR], "first", 5)
    assert meta.followed == Place("log", 3)
    assert {said for _, said in answers.asked} == {f"Bearer {CREDENTIAL}"}


class Paged(Answers):
    """Gives one row a page."""

    def give(self, path):
        page = super().give(path)
        if "rows?" not in path:
            return page
        at = int(bytes.fromhex(parse_qs(urlsplit(path).query).get("after", [""])[0]) or b"0")
        following = ("key", b"%d" % (at + 1)) if at + 1 < len(self.packed) else None
        return RowsPage(self.head, self.packed[at : at + 1], following)


def pages_asked_for(answers):
    return sum("rows?" in path for path, _ in answers.asked)


def test_the_next_page_is_asked_for_before_the_rows_of_the_one_at_hand_are_taken(credential_file):
    answers = Paged(key("key_a"), key("key_b"), key("key_c"))
    with fake_relay(answers) as url:
        source = HttpsSource(url, credential_file)
        with source.snapshot() as reading:
            names, asked = [], []
            for row in reading.rows:
                if isinstance(row, Head):
                    continue
                names.append(row.values[0])
                expected = min(len(names) + 1, 3)
                eventually(lambda expected=expected: pages_asked_for(answers) >= expected)
                asked.append(pages_asked_for(answers))
    assert (names, asked) == (["key_a", "key_b", "key_c"], [2, 3, 3])


def test_after_a_reading_that_was_broken_off_a_relay_can_be_asked_anew(credential_file):
    answers = Paged(key("key_a"), key("key_b"))
    with fake_relay(answers) as url:
        source = HttpsSource(url, credential_file)
        with source.snapshot() as reading:
            next(row for row in reading.rows if not isinstance(row, Head))
        assert source.head() == answers.head
        source.close()


class Cut(Answers):
    """Ends in the middle of a page."""

    def raw(self, path):
        whole = super().raw(path)
        return whole[:-10] if "rows" in path.split("/")[-1] else whole


class Garbled(Answers):
    def body(self, path):
        return b"\xc1" * 100 if "rows?" in path else super().body(path)


class Endless(Answers):
    def give(self, path):
        page = super().give(path)
        return RowsPage(page.head, page.rows, ("key", b"again")) if "rows?" in path else page


class Circling(Answers):
    def give(self, path):
        page = super().give(path)
        return replace(page, reached=2) if "changes?" in path else page


class Long(Answers):
    def raw(self, _):
        return f"HTTP/1.1 200 OK\r\nContent-Length: {MOST_ANSWER_BYTES + 1}\r\n\r\n".encode()


class Unmeasured(Answers):
    def raw(self, path):
        return b"HTTP/1.1 200 OK\r\n\r\n" + self.body(path)


class NotHttp(Answers):
    def raw(self, _):
        return b"\x16\x03\x01\x00nothing of the kind\r\n\r\n"


class Nothing(Answers):
    def raw(self, _):
        return b""


class Redirecting(Answers):
    def __init__(self, *rows):
        super().__init__(*rows)
        self.status = 302
        self.extra = b"Location: http://127.0.0.1:1/\r\n"


class BeginsAnew(Answers):
    def give(self, path):
        if "changes?" in path:
            self.head = replace(self.head, place=Place("other", 3))
        return super().give(path)


class GoesBack(Answers):
    def give(self, path):
        if "changes?" in path:
            self.head = replace(self.head, revision=4)
        return super().give(path)


class Placeless(Answers):
    def __init__(self, *rows):
        super().__init__(*rows)
        self.head = replace(self.head, place=None)


class OtherKind(Answers):
    def __init__(self, *rows):
        super().__init__(*rows)
        self.packed.append(("meta", self.packed[0][1]))


class OfAnotherVersion(Answers):
    """Gives rows with a field more than this version knows, which might forbid something."""

    def __init__(self, *rows):
        super().__init__(*rows)
        fields = msgspec.msgpack.decode(self.packed[0][1])
        self.packed.append(("key", msgspec.msgpack.encode([*fields, "more"])))


@pytest.mark.parametrize(
    ("relay", "reason"),
    [
        (Cut, "broke off"),
        (Garbled, "makes no sense"),
        (Endless, "again and again"),
        (Circling, "again and again"),
        (Long, "bytes"),
        (Unmeasured, "how long"),
        (NotHttp, "cannot be asked"),
        (Nothing, "cannot be asked"),
        (Redirecting, "answers 302"),
        (BeginsAnew, "began anew"),
        (GoesBack, "began anew"),
        (Placeless, "does not say"),
        (OtherKind, "kind 'meta'"),
        (OfAnotherVersion, "kind 'key'"),
    ],
)
def test_an_answer_that_is_not_whole_and_of_one_history_changes_nothing(
    step, replica_dir, relay, reason
):
    step(Answers(SINAR))
    before = held(replica_dir)
    answers = relay(key(), SINAR)
    answers.head = answers.head and replace(answers.head, epoch="second")
    with pytest.raises(SourceUnavailable, match=reason):
        step(answers)
    assert held(replica_dir) == before


class Refusing(Answers):
    """Refuses each question under a request id of its own."""

    def body(self, path):
        self.status = 401
        told = {
            "detail": path,
            "code": "service_credential_invalid",
            "request_id": f"req_{len(self.asked)}",
        }
        return msgspec.json.encode(told)


def test_a_refusal_that_differs_in_its_request_id_alone_is_told_alike_so_that_it_is_told_once(step):
    answers, told = Refusing(), []
    for _ in range(2):
        with pytest.raises(SourceUnavailable) as error:
            step(answers)
        told.append(
            str(error.value).partition(" ")[2]
        )  # behind the address, which each relay has of its own
    assert len(answers.asked) == 2
    assert told[0] == told[1]
    assert "service_credential_invalid" in told[0]


def test_a_relay_of_another_version_is_named_as_one(step):
    answers = Answers()
    answers.status = 404
    with pytest.raises(SourceUnavailable, match="no relay of this version's rows"):
        step(answers)


@pytest.mark.parametrize(
    "row",
    [
        key(digest=b"short"),
        key(digest=b"d" * 600),
        replace(SINAR, id=""),
        replace(SINAR, id="a" * 600),
        key(revision=6),
        key(state=["ACTIVE"]),
        key(scopes=(1,)),
        credential(expires_at="never"),
    ],
)
def test_a_row_that_cannot_be_one_is_refused_even_by_a_host_that_trusts_its_relay(
    step, replica_dir, row
):
    step(Answers(row, key("key_b")))
    assert held(replica_dir)[0] == [key("key_b")]
    assert Reader(replica_dir).status().refused_rows == 1


def test_a_row_with_a_wrong_mac_is_refused_and_the_right_ones_are_taken_over(
    step, replica_dir, caplog
):
    answers = Answers(key())
    answers.packed.append(("account", value_of(Signed(SINAR, row_mac(ROW_KEY, SINAR)))))
    step(answers, row_mac_key=ROW_KEY)
    assert held(replica_dir)[0] == [SINAR]
    assert "The key 'key_a' is not taken over as published: its MAC is wrong." in caplog.text


def test_a_revocation_of_a_longer_history_before_is_taken_over_with_its_mac(step, replica_dir):
    revoked = key(state="REVOKED", revision=6)
    answers = Answers()
    answers.packed.append(("key", value_of(Signed(revoked, row_mac(ROW_KEY, revoked)))))
    step(answers, row_mac_key=ROW_KEY)
    assert held(replica_dir)[0] == [revoked]


def test_a_relay_that_goes_back_makes_the_replica_neither_older_rows_nor_younger(step, replica_dir):
    step(Answers(key()))
    before = held(replica_dir)
    answers = Answers(replace(key(), state="DISABLED"))
    answers.head = replace(answers.head, revision=4)
    step(answers)
    records, meta = held(replica_dir)
    assert (records, meta.confirmed) == (before[0], before[1].confirmed)
    assert meta.has_gone_back


@pytest.mark.parametrize("age_ms", [0, 250_000, 10**12])
def test_the_age_that_a_relay_tells_is_the_least_that_the_replica_has(step, replica_dir, age_ms):
    answers = Answers()
    answers.head = replace(answers.head, age_ms=age_ms)
    step(answers)
    age_seconds = held(replica_dir)[1].confirmed.age_seconds()
    assert age_ms / 1000 <= age_seconds < age_ms / 1000 + 10


def test_an_age_that_is_still_to_come_counts_as_none(step, replica_dir):
    answers = Answers()
    answers.head = replace(answers.head, age_ms=-3_600_000)
    step(answers)
    assert held(replica_dir)[1].confirmed.at <= time.time()


@pytest.mark.parametrize("told", [{"revision": -1}, {"revision": 1 << 63}, {"heartbeat_at": -1}])
def test_a_head_with_a_number_that_no_source_has_is_not_believed(step, replica_dir, told):
    answers = Answers()
    step(answers)
    before = held(replica_dir)
    answers.head = replace(answers.head, **told)
    with pytest.raises(SourceUnavailable, match="makes no sense"):
        step(answers)
    assert held(replica_dir) == before


def test_a_relay_that_takes_its_time_is_not_waited_for(step, replica_dir, monkeypatch):
    monkeypatch.setattr(https, "SILENCE_SECONDS", 0.2)
    asked, released = threading.Event(), threading.Event()

    class Silent(Answers):
        def raw(self, _):
            asked.set()
            released.wait(30)
            return b""

    try:
        with pytest.raises(SourceUnavailable, match="timed out"):
            step_and_release(step, Silent(), released)
    finally:
        released.set()
    assert asked.is_set()


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX-More: "])
def test_a_relay_whose_answer_trickles_is_cut_off(credential_file, monkeypatch, beginning):
    monkeypatch.setattr(https, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        trickling = threading.Thread(target=trickle, args=[listening, beginning])
        trickling.start()
        source = HttpsSource(f"http://127.0.0.1:{listening.getsockname()[1]}", credential_file)
        with pytest.raises(SourceUnavailable, match=r"takes longer than 0\.5 s"):
            source.head()
        trickling.join(20)
        assert not trickling.is_alive()


def trickle(listening, beginning):
    """Send a byte of a head again and again, until nobody takes it any more."""
    connection, _ = listening.accept()
    with connection, contextlib.suppress(OSError):
        connection.sendall(beginning or b"H")
        while not select.select([connection], [], [], 0.02)[0] or connection.recv(4096):
            connection.sendall(b"x")


def step_and_release(step, answers, released):
    """The relay's own end waits for its answers, so they are let go as soon as nobody waits for them."""
    timer = threading.Timer(2.0, released.set)
    timer.start()
    try:
        step(answers)
    finally:
        timer.cancel()
        timer.join()


def test_a_replicator_outlives_a_relay_that_changes_its_mind(replica_dir, credential_file, caplog):
    answers, stop = Answers(key()), threading.Event()
    with fake_relay(answers) as url:
        runs = threading.Thread(
            target=run_replicator,
            args=[HttpsSource(url, credential_file)],
            kwargs={"replica_dir": replica_dir, "row_mac_key": None, "stop": stop},
        )
        runs.start()
        try:
            eventually(lambda: "Took over" in caplog.text or answers.asked[3:])
            answers.status = 503
            eventually(lambda: "answers 503" in caplog.text)
            answers.status = 200
            eventually(lambda: "current again" in caplog.text)
        finally:
            stop.set()
            runs.join()
    assert held(replica_dir)[0] == [key()]


def test_a_head_without_changes_costs_no_more_than_a_question(step, replica_dir):
    step(Answers(key()))
    answers = Answers(key())
    step(answers)
    assert [path.split("/")[-1] for path, _ in answers.asked] == ["head"]
