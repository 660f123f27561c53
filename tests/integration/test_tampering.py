"""Whoever can write to the database takes its guards away and falsifies the trail: what a verification says (L1)."""

import hashlib
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from tests.fixtures.trail import execute, happen

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.audit.actions import record
from keydesk.control.audit.events import Event
from keydesk.control.audit.models import AuditEvent
from keydesk.control.audit.signing import event_mac
from keydesk.control.chain.actions import enter_events
from keydesk.control.chain.comparison import told
from keydesk.control.chain.keys import chain_keys
from keydesk.control.chain.models import Entry
from keydesk.control.chain.notes import Checkpoint
from keydesk.control.chain.queries import chain_head
from keydesk.control.chain.reading import links
from keydesk.control.chain.rules import beginning, covered
from keydesk.control.chain.verification import verify_trail
from keydesk.control.histories.actions import begin_history

pytestmark = pytest.mark.django_db
GUARDS = {
    "audit_events": ("audit_events_no_update", "audit_events_no_delete", "audit_events_wait"),
    "audit_entries": (
        "audit_entries_no_update", "audit_entries_no_delete", "audit_entries_number_whole",
    ),
}  # fmt: skip
EVENTS = 12
SEEN = (4, 8, 12)
"""After how many entries there is a checkpoint."""
MADE_UP = (
    "INSERT INTO audit_events (seq, at, actor_kind, actor_label, request_id, session_ref, event, object_id, details) "
    "VALUES ({new}, '2030-01-02 03:04:05.678901', 'host', 'host', '', '', 'key.revoked', 'key_none', '{{}}')"
)
COPIED = (
    "INSERT INTO audit_events SELECT {new}, at, account_id, actor_kind, actor_id, actor_label, ip, request_id, "
    "session_ref, event, object_id, details, mac FROM audit_events WHERE seq = {e5}"
)
AWAIT = "INSERT INTO audit_waiting (seq) VALUES ({new})"
CUT_OFF = (
    "The trail ends at entry {end}, and a checkpoint saw entry {seen} on {at}: its end was cut off, or this is an "
    "older copy of the database."
)
ANOTHER = (
    "After entry {last} the trail is another than the one whose entry {seen} a checkpoint saw on {at}: it was "
    "rewritten, or an older copy of the database went on."
)
LATE = (
    "Event {seq} of {at} and 1 more should be in entries and are in none: start Keydesk, whose worker enters them; if "
    "it runs, their entries were taken away."
)
AFTER_4 = ANOTHER.format(last=4, seen=8, at="{at8}")
AFTER_8 = ANOTHER.format(last=8, seen=12, at="{at12}")


def cut_off(end):
    """Give what is said of a trail that ends here, with the last checkpoint's moment still to be put in."""
    return CUT_OFF.format(end=end, seen=12, at="{at12}")


def take_guards_away():
    if connection.vendor == "postgresql":
        execute("SET LOCAL session_replication_role = replica")
    else:
        execute(*(f"DROP TRIGGER {name}" for names in GUARDS.values() for name in names))


@pytest.fixture
def seen(db):
    """The checkpoints of a trail of twelve events."""
    checkpoints = []
    for before, size in zip((0, *SEEN), SEEN, strict=False):
        happen(size - before)
        enter_events()
        checkpoints.append(Checkpoint(size, chain_head().digest, timezone.now()))
    assert chain_head().number == EVENTS
    return checkpoints


def names_of(seen):
    """Give what the statements and sentences of a case call their events and checkpoints."""
    events = dict(Entry.objects.values_list("number", "event_id"))
    return {
        **{f"e{number}": seq for number, seq in events.items()},
        **{f"at{each.size}": told(each.at) for each in seen},
        "new": max(events.values()) + 1,
    }


def found(checkpoints):
    sentences = []
    verify_trail(checkpoints, tell=sentences.append)
    return sentences


def verified(seen, tamper):
    """Give what a verification says after the tampering, without and with the checkpoints, and undo it."""
    with transaction.atomic():
        take_guards_away()
        tamper()
        both = found([]), found(seen)
        transaction.set_rollback(True)
    assert found(seen) == []
    return both


def rewrite(*, with_secrets):
    """Make the whole chain anew over the events as they are, as anybody can, or as only who has the secrets can."""
    head = beginning(chain_keys().origin)
    for link in list(links()):
        # As the documentation says: 0x01, the hash before, the event.
        head = hashlib.sha256(b"\x01" + head + link.event.canonical).digest()
        mac = chain_keys().entry_mac(covered(link.number, head)) if with_secrets else link.mac
        update("audit_entries SET hash = %s, mac = %s WHERE number = %s", head, mac, link.number)
        if with_secrets:
            signed = event_mac()(link.event.canonical)
            update("audit_events SET mac = %s WHERE seq = %s", signed, link.seq)


def update(what, *values):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {what}", values)


EDIT = "UPDATE audit_events SET actor_label = 'nobody' WHERE seq = {e5}"
ALTERED_5 = "Entry 5: its event, {e5}, was altered after it was entered."
MADE_UP_13 = "Entry 13: its event, {new}, was made up or altered."
CASES = {
    "an event is edited": ([EDIT], [ALTERED_5], []),
    "its details are edited": (
        ["UPDATE audit_events SET details = '{{\"n\": 2}}' WHERE seq = {e5}"], [ALTERED_5], [],
    ),
    "its moment is edited": (
        ["UPDATE audit_events SET at = '2030-01-02 03:04:05.678901' WHERE seq = {e5}"], [ALTERED_5], [],
    ),
    "its MAC is taken away": (
        ["UPDATE audit_events SET mac = NULL WHERE seq = {e5}"],
        ["Entry 5: its event, {e5}, was made up or altered."], [],
    ),
    "several are edited": (
        ["UPDATE audit_events SET ip = '203.0.113.9' WHERE seq IN ({e5}, {e6}, {e7})"],
        ["Entries 5 to 7: their events were altered after they were entered, from {e5} on."], [],
    ),
    "an event is deleted": (
        ["DELETE FROM audit_events WHERE seq = {e5}"], ["Entry 5: its event, {e5}, is gone."], [],
    ),
    "an entry is deleted": (
        ["DELETE FROM audit_entries WHERE number = 5"], ["Entry 5 is missing."], [],
    ),
    "events are deleted with their entries": (
        ["DELETE FROM audit_entries WHERE number IN (5, 6)", "DELETE FROM audit_events WHERE seq IN ({e5}, {e6})"],
        ["Entries 5 to 6 are missing."], [],
    ),
    "one is deleted and the gap closed": (
        [
            "DELETE FROM audit_entries WHERE number = 5", "DELETE FROM audit_events WHERE seq = {e5}",
            *(f"UPDATE audit_entries SET number = {number - 1} WHERE number = {number}" for number in range(6, 13)),
        ],
        ["Entries 5 to 11 were not made by Keydesk: they were altered or made anew."],
        [AFTER_4, cut_off(11)],
    ),
    "an event is inserted with an entry": (
        [MADE_UP, "INSERT INTO audit_entries SELECT 13, hash, mac, {new} FROM audit_entries WHERE number = 12"],
        [
            "Entry 13 was not made by Keydesk: it was altered or made anew.",
            "Entry 13: its event, {new}, was made up or altered.",
        ], [],
    ),
    "an event is inserted, and the worker enters it": ([MADE_UP, AWAIT], [MADE_UP_13], []),
    "an event is copied, and the worker enters it": ([COPIED, AWAIT], [MADE_UP_13], []),
    "an event is inserted and kept from the worker": (
        [MADE_UP], ["Event {new} is in no entry, and was made up or altered."], [],
    ),
    "an event is deleted before it is entered": (
        [AWAIT], ["Event {new} was written, and is gone before it was entered."], [],
    ),
    "two entries change places": (
        [f"UPDATE audit_entries SET number = {after} WHERE number = {before}"
         for before, after in ((5, 99), (6, 5), (99, 6))],
        ["Entries 5 to 6 were not made by Keydesk: they were altered or made anew."], [],
    ),
    "two events change places": (
        [f"UPDATE audit_entries SET seq = {{{after}}} WHERE number = {number}"
         for number, after in ((5, "new"), (6, "e5"), (5, "e6"))],
        ["Entries 5 to 6: events are in the places of others, from {e6} on."], [],
    ),
    "the head is changed": (
        ["UPDATE audit_entries SET hash = mac WHERE number = 12"],
        ["Entry 12 was not made by Keydesk: it was altered or made anew."], [AFTER_8],
    ),
    "an event is deleted, and the worker enters those after it again": (
        [
            "DELETE FROM audit_entries WHERE number >= 5", "DELETE FROM audit_events WHERE seq = {e5}",
            "INSERT INTO audit_waiting SELECT seq FROM audit_events WHERE seq > {e5}",
        ],
        [], [AFTER_4, cut_off(11)],
    ),
    "an event has a number that none has": (
        [MADE_UP.replace("{new}", "-1")], ["Event -1 is in no entry, and was made up or altered."], [],
    ),
    "an event has the last number there is": (
        [MADE_UP.replace("{new}", f"{2**63 - 1}")],
        [f"Event {2**63 - 1} is in no entry, and was made up or altered."], [],
    ),
    "an entry has the last number there is": (
        [f"UPDATE audit_entries SET number = {2**63 - 1} WHERE number = 12"],
        [
            f"Entries 12 to {2**63 - 2} are missing.",
            f"Entry {2**63 - 1} was not made by Keydesk: it was altered or made anew.",
        ], [],
    ),
    "the end is cut off": (
        ["DELETE FROM audit_entries WHERE number > 9", "DELETE FROM audit_events WHERE seq > {e9}"],
        [], [cut_off(9)],
    ),
    "all is deleted": (
        ["DELETE FROM audit_entries", "DELETE FROM audit_events"], [], [cut_off(0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_tampering_is_told_with_its_place(case, seen):
    statements, always, more_with_checkpoints = CASES[case]
    names = names_of(seen)

    def tamper():
        execute(*(statement.format(**names) for statement in statements))
        enter_events()

    without, against = verified(seen, tamper)
    assert without == [sentence.format(**names) for sentence in always]
    assert against == [sentence.format(**names) for sentence in always + more_with_checkpoints]


@pytest.mark.parametrize("with_secrets", [False, True])
def test_a_rewritten_chain_is_found_without_checkpoints_unless_the_secrets_are_gone_too(
    with_secrets, seen
):
    names = names_of(seen)

    def tamper():
        execute(EDIT.format(**names))
        rewrite(with_secrets=with_secrets)

    without, against = verified(seen, tamper)
    told_of = [
        f"Entry 5: its event, {names['e5']}, was made up or altered.",
        "Entries 5 to 12 were not made by Keydesk: they were altered or made anew.",
    ]
    always = [] if with_secrets else told_of
    assert (without, against) == (always, [*always, AFTER_4.format(**names)])


def go_back(names):
    """Put an older copy with six entries in the database's place."""
    execute(
        "DELETE FROM audit_entries WHERE number > 6",
        f"DELETE FROM audit_events WHERE seq > {names['e6']}",
    )


@pytest.mark.parametrize(("more", "sentence"), [(0, cut_off(6)), (9, AFTER_4)])
def test_an_older_copy_of_the_database_is_found_by_a_checkpoint_even_if_it_went_on(
    more, sentence, seen
):
    names = names_of(seen)

    def tamper():
        go_back(names)
        happen_there(more)

    assert verified(seen, tamper) == ([], [sentence.format(**names)])


def happen_there(count):
    """Let events happen and be entered where the database notes by itself no more that they wait."""
    happen(count)
    enter_all()


def enter_all():
    entered = Entry.objects.values("event_id")
    for seq in AuditEvent.objects.exclude(seq__in=entered).values_list("seq", flat=True):
        execute(f"INSERT INTO audit_waiting (seq) VALUES ({seq})")
    enter_events()


def test_an_older_copy_that_was_put_back_on_purpose_explains_its_checkpoints(seen):
    results = []

    def tamper():
        go_back(names_of(seen))
        begin_history(HOST_OPERATOR)
        happen_there(3)
        results.append(verify_trail(seen, tell=results.append))

    assert verified(seen, tamper) == ([], [])
    ((returned,),) = [each.comparison.returns for each in results]
    assert (returned.number, returned.entries) == (7, 6)
    assert [(each.comparison.agreed, each.comparison.excused) for each in results] == [(1, 2)]


def test_an_end_that_is_cut_off_after_a_restore_is_no_restore(seen):
    names = names_of(seen)

    def tamper():
        go_back(names)
        begin_history(HOST_OPERATOR)
        happen_there(3)
        after = Checkpoint(chain_head().number, chain_head().digest, timezone.now())
        execute("DELETE FROM audit_entries WHERE number > 8")
        sentences.append((found([*seen, after]), told(after.at)))

    sentences = []
    verified(seen, tamper)
    ((sentence, moment),) = sentences
    assert sentence == [CUT_OFF.format(end=8, seen=10, at=moment)]


def test_events_that_wait_are_counted_and_late_ones_told(seen):
    record(HOST_OPERATOR, Event.KEY_REVOKED)
    assert verify_trail(seen, tell=pytest.fail).waiting == 1
    with time_machine.travel(timezone.now() - timedelta(minutes=3)):
        record(HOST_OPERATOR, Event.KEY_REVOKED)
        record(HOST_OPERATOR, Event.KEY_REVOKED)
    first = AuditEvent.objects.order_by("-seq")[1]
    assert found(seen) == [LATE.format(seq=first.seq, at=told(first.at))]


ODD_EVENTS = {
    "sqlite": [
        "details = '1'", """details = '{"n": 2, "n": 1}'""", "at = 'yesterday'", "at = at || '+14:00'",
        "at = CAST(x'ff' AS TEXT)", "actor_label = CAST(x'ff' AS TEXT)", "actor_label = x'ff'", "ip = 'a:b'",
    ],
    "postgresql": [
        "details = '1'", "at = 'infinity'", "at = '-infinity'", "at = '4713-01-01 BC'", "at = '20000-01-01'",
    ],
}  # fmt: skip


def test_an_event_that_no_reader_could_make_sense_of_is_told_as_well(seen):
    names = names_of(seen)
    for change in ODD_EVENTS[connection.vendor]:
        statement = f"UPDATE audit_events SET {change} WHERE seq = {names['e5']}"
        both = verified(seen, partial(execute, statement))
        assert (change, *both) == (change, *[[ALTERED_5.format(**names)]] * 2)


@pytest.mark.sqlite
@pytest.mark.parametrize(("number", "told_as"), [("'abc'", "'abc'"), ("5.5", "5.5")])
def test_an_entry_whose_number_is_none_is_told_and_refused_while_the_guards_are_there(
    number, told_as, seen
):
    statement = f"UPDATE audit_entries SET number = {number} WHERE number = 5"
    told_of = [
        f"An entry has the number {told_as}, which Keydesk gives none.",
        "Entry 5 is missing.",
    ]
    without, against = verified(seen, partial(execute, statement))
    assert (sorted(without), sorted(against)) == (told_of, told_of)
    copied = f"INSERT INTO audit_entries SELECT {number}, hash, mac, {EVENTS + 1} FROM audit_entries WHERE number = 5"
    with pytest.raises(DatabaseError, match="An entry has a whole number"), transaction.atomic():
        execute(copied)
