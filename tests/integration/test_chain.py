"""The chain of audit events: each event is entered once, whoever enters and whenever it commits, and noted outside."""

import base64
import hashlib
import json
import resource
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from tests.fixtures.trail import execute, happen

from keydesk.control.access.actor import HOST_OPERATOR, Actor, ActorKind
from keydesk.control.audit.actions import record
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.audit.rules import FIELDS, canonical
from keydesk.control.chain import actions
from keydesk.control.chain.actions import enter_events
from keydesk.control.chain.checkpoints import add_checkpoint, read_checkpoints
from keydesk.control.chain.keys import chain_keys
from keydesk.control.chain.models import Entry, Waiting
from keydesk.control.chain.notes import Unsigned
from keydesk.control.chain.queries import Head, backlog, chain_head
from keydesk.control.chain.verification import verify_trail
from keydesk.control.policies.actions import change_policies
from keydesk.control.policies.queries import current_policies
from keydesk.jobs import chain
from keydesk.jobs.chain import Keeper

pytestmark = pytest.mark.django_db
PATIENCE_SECONDS = 60
SAID = (
    7,
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    None,
    "staff",
    12,
    "eko@provider.example",
    "2001:db8::1",
    "",
    "",
    "account.status_changed",
    "acct_a",
    {"to": "APPROVED", "reason": "Selesai — “baik”", "n": [1, None, True]},
)
AS_BYTES = (
    rb'{"account_id":null,"actor_id":12,"actor_kind":"staff","actor_label":"eko@provider.example",'
    rb'"at":"2026-01-02T03:04:05.000000+00:00","details":{"n":[1,null,true],'
    rb'"reason":"Selesai \u2014 \u201cbaik\u201d","to":"APPROVED"},"event":"account.status_changed",'
    rb'"ip":"20010db8000000000000000000000001","object_id":"acct_a","request_id":"","seq":7,"session_ref":""}'
)


def entered():
    return list(Entry.objects.order_by("number").values_list("number", "event_id"))


def test_the_bytes_of_an_event_are_what_they_have_always_been():
    assert canonical(SAID) == AS_BYTES
    written = dict(zip(FIELDS, SAID, strict=True))
    written |= {"at": "2026-01-02T03:04:05.000000+00:00", "ip": "20010db8" + "0" * 23 + "1"}
    assert json.dumps(written, sort_keys=True, separators=(",", ":")).encode() == AS_BYTES


def test_an_event_is_signed_with_all_that_it_says():
    columns = [field.attname for field in AuditEvent._meta.concrete_fields]
    assert columns == [*FIELDS, "mac"]


@pytest.mark.parametrize("ip", ["2001:DB8::A", "::ffff:192.0.2.1", "192.0.2.1", None])
def test_what_a_database_gives_back_is_what_was_signed(ip):
    who = Actor(kind=ActorKind.MEMBER, label="Ånå@sinar.example", user_id=1, ip=ip)
    details = {"10": 2**40, "9": [{"b": 1, "a": "\x7f\u2028😀"}], "": None}
    record(who, Event.KEY_REVOKED, details=details)
    enter_events()
    assert verify_trail([], tell=pytest.fail)[:3:2] == (1, 0)
    assert AuditEvent.objects.latest("seq").details == details


def test_a_number_that_databases_write_differently_is_refused():
    with pytest.raises(ValueError, match=r"cannot have 1\.5"), transaction.atomic():
        record(HOST_OPERATOR, Event.KEY_REVOKED, details={"seconds": [1.5]})
    assert not AuditEvent.objects.exists()


REFUSING = {
    "sqlite": "BEGIN SELECT RAISE(ABORT, 'The disk is full.'); END",
    "postgresql": "FOR EACH ROW EXECUTE FUNCTION keydesk_refuse()",
}


def test_an_action_whose_event_cannot_be_written_does_not_happen():
    before = current_policies().keys_a_product
    with transaction.atomic():
        execute(
            f"CREATE TRIGGER no_room BEFORE INSERT ON audit_events {REFUSING[connection.vendor]}"
        )
        with pytest.raises(DatabaseError):
            change_policies(HOST_OPERATOR, changes={"keys_a_product": before + 1})
        assert current_policies().keys_a_product == before
        with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
            go_on_without_the_event()
        transaction.set_rollback(True)


def go_on_without_the_event():
    """Change something although the event could not be written, as no action is able to."""
    with pytest.raises(DatabaseError):
        record(HOST_OPERATOR, Event.KEY_REVOKED)
    Waiting.objects.create(seq=1)


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_enter_each_event_once_and_fork_nothing(at_once):
    happen(40)
    while Waiting.objects.exists():
        assert all(isinstance(each, int | IntegrityError) for each in at_once(*[enter_events] * 4))
    events = AuditEvent.objects.order_by("seq").values_list("seq", flat=True)
    assert entered() == list(enumerate(events, start=1))
    assert verify_trail([], tell=pytest.fail).entries == 40


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_after_later_ones_is_entered_all_the_same():
    written, go_on = threading.Event(), threading.Event()

    def write_slowly():
        try:
            with transaction.atomic():
                record(HOST_OPERATOR, Event.KEY_REVOKED, object_id="late")
                written.set()
                assert go_on.wait(PATIENCE_SECONDS)
        finally:
            connection.close()

    slow = threading.Thread(target=write_slowly)
    slow.start()
    assert written.wait(PATIENCE_SECONDS)
    happen()
    assert enter_events() == 1
    go_on.set()
    slow.join(PATIENCE_SECONDS)
    assert enter_events() == 1
    early, late = AuditEvent.objects.order_by("-seq").values_list("seq", flat=True)
    assert entered() == [(1, early), (2, late)]
    assert verify_trail([], tell=pytest.fail).entries == 2


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_entries",
        "UPDATE audit_entries SET number = 2",
        "INSERT INTO audit_entries SELECT 2, hash, mac, seq FROM audit_entries",
        "INSERT INTO audit_entries SELECT 0, hash, mac, seq + 1 FROM audit_entries",
    ],
)
def test_the_database_keeps_entries_as_they_are(statement):
    happen(2)
    enter_events()
    with pytest.raises(DatabaseError), transaction.atomic():
        execute(statement)


class Watch:
    """A clock that stands still until it is turned, or goes on by some seconds at each look."""

    def __init__(self, each_look=0.0):
        self.seconds, self._each_look = 0.0, each_look

    def __call__(self):
        self.seconds += self._each_look
        return self.seconds


@pytest.fixture
def path(tmp_path):
    return tmp_path / "on" / "another" / "volume.txt"


def sizes(path):
    return [getattr(each, "size", each) for each in read_checkpoints(path)]


def test_a_checkpoint_is_added_at_once_then_each_minute_if_there_is_something_new(path):
    watch = Watch()
    keeper = Keeper(path, monotonic=watch)
    keeper.keep()
    assert not path.exists()
    for happened, watch.seconds in [(2, 1), (1, 2), (0, 60.9), (0, 61), (0, 300), (1, 301)]:
        happen(happened)
        keeper.keep()
    assert sizes(path) == [2, 3, 4]
    assert path.stat().st_mode & 0o777 == 0o600


def test_many_events_have_checkpoints_without_waiting(path, monkeypatch):
    monkeypatch.setattr(chain, "CHECKPOINT_ENTRIES", 10)
    keeper = Keeper(path, monotonic=Watch())
    for count in (1, 9, 1, 30):
        happen(count)
        keeper.keep()
    assert sizes(path) == [1, 11, 41]


def test_a_file_that_cannot_be_written_is_told_of_once_and_holds_up_no_event(path, caplog):
    path.mkdir(parents=True)
    keeper = Keeper(path, monotonic=Watch())
    for _ in range(3):
        happen()
        keeper.keep()
    told = "No checkpoint of the audit trail can be written"
    assert [record.message.startswith(told) for record in caplog.records] == [True]
    assert len(entered()) == 3
    path.rmdir()
    keeper.keep()
    assert sizes(path) == [3]


def test_a_checkpoint_of_which_a_part_is_written_is_none(path):
    path.parent.mkdir(parents=True)
    path.touch()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="only a part of it was written"):
            add_checkpoint(path, Head(1, bytes(32)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.stat().st_size == 100


def test_much_is_entered_in_several_goes_so_that_other_tasks_have_their_turn(path, monkeypatch):
    monkeypatch.setattr(chain, "EVENTS_AT_ONCE", 2)
    monkeypatch.setattr(actions, "EVENTS_AT_ONCE", 2)
    keeper = Keeper(path, monotonic=Watch(each_look=0.5))
    happen(9)
    done = []
    while Waiting.objects.exists():
        keeper.keep()
        done.append(len(entered()))
    assert done == [4, 8, 9]
    assert verify_trail([], tell=pytest.fail).entries == 9


def test_what_cannot_be_entered_ends_no_other_task_and_is_told_once(path, caplog):
    keeper = Keeper(path, monotonic=Watch())
    happen(2)
    with transaction.atomic():
        last = 2**63 - 1
        execute(f"INSERT INTO audit_entries SELECT {last}, mac, mac, seq FROM audit_events LIMIT 1")
        for _ in range(5):
            keeper.keep()
        assert len(entered()) == 1
        transaction.set_rollback(True)
    keeper.keep()
    assert len(entered()) == 2
    assert [record.message for record in caplog.records] == [
        "No event can be entered into the chain of the audit trail."
    ]


def test_an_entry_that_is_gone_or_another_is_told_of_once_while_the_worker_runs(path, caplog):
    keeper = Keeper(path, monotonic=Watch())
    happen(3)
    keeper.keep()
    with transaction.atomic():
        put_back_into_waiting()
        happen()
        for _ in range(3):
            keeper.keep()
        transaction.set_rollback(True)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Entry 3 of the audit trail was taken away or exchanged"
    ]


def put_back_into_waiting():
    """Take an event away and let the worker enter those after it again, as who owns the database can."""
    if connection.vendor == "postgresql":
        execute("SET LOCAL session_replication_role = replica")
    else:
        execute("DROP TRIGGER audit_entries_no_delete")
        execute("DROP TRIGGER audit_events_no_delete")
    first, *others = AuditEvent.objects.order_by("seq").values_list("seq", flat=True)
    execute("DELETE FROM audit_entries")
    execute(f"DELETE FROM audit_events WHERE seq = {first}")
    Waiting.objects.bulk_create(Waiting(seq=seq) for seq in others)
    if connection.vendor == "postgresql":
        execute("SET LOCAL session_replication_role = origin")


def test_an_event_that_nobody_noted_as_waiting_is_late_all_the_same():
    with time_machine.travel(timezone.now() - timedelta(minutes=3)):
        happen(2)
        written = AuditEvent.objects.order_by("seq").values_list("at", flat=True)[0]
    happen()
    Waiting.objects.all().delete()
    assert backlog() == (2, written)
    for seq in AuditEvent.objects.values_list("seq", flat=True):
        Waiting.objects.create(seq=seq)
    assert backlog() == (2, written)
    enter_events()
    assert backlog() is None


def test_a_checkpoint_that_was_cut_short_spoils_none_after_it(path):
    head = Head(1, bytes(32))
    add_checkpoint(path, head)
    whole = path.read_bytes()
    ends = [place for place, octet in enumerate(whole) if octet in b"\n "]
    for kept in sorted({place + more for place in ends for more in (0, 1, 5)}):
        path.write_bytes(whole + whole[:kept])
        add_checkpoint(path, head)
        first, *cut_short, last = read_checkpoints(path)
        assert (first.size, last.size) == (1, 1)
        assert all(each == Unsigned(is_whole=False) or each == first for each in cut_short)
    path.write_bytes(whole[:-3] + "é\n\n".encode() + whole)
    assert list(read_checkpoints(path)) == [Unsigned(is_whole=False), first]


def test_a_checkpoint_is_a_signed_note_that_others_can_check(path):
    happen(3)
    enter_events()
    Keeper(path, monotonic=Watch()).keep()
    text, _, signature = path.read_text().removesuffix("\n\n").partition("\n\n")
    origin, size, head, _ = text.split("\n")
    assert (size, base64.b64decode(head)) == ("3", chain_head().digest)
    mark, name, given = signature.split(" ")
    public = chain_keys().checkpoint.public_key()
    key_id = hashlib.sha256(f"{origin}\n".encode() + b"\x01" + public.public_bytes_raw()).digest()
    assert (mark, name, base64.b64decode(given)[:4]) == ("—", origin, key_id[:4])
    public.verify(base64.b64decode(given)[4:], f"{text}\n".encode())
