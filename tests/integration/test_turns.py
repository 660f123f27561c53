"""On SQLite, the transactions of a process take turns, and a turn ends with its transaction, however that ends."""

from contextlib import suppress

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from tests.fixtures.trail import execute

from keydesk.server.sqlite import base

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


class EndedError(Exception):
    """Ends a transaction from within."""


def beat():
    with transaction.atomic():
        execute("UPDATE feed_head SET heartbeat_at = heartbeat_at + 1")


def beats():
    with connection.cursor() as cursor:
        return cursor.execute("SELECT heartbeat_at FROM feed_head").fetchone()[0]


def fail():
    with suppress(EndedError), transaction.atomic():
        execute("UPDATE feed_head SET heartbeat_at = -1")
        raise EndedError


def fail_to_commit():
    reached = []
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        join_nothing(reached)
    assert reached == ["the commit"]


@transaction.atomic
def join_nothing(reached):
    execute(
        "INSERT INTO memberships (account_id, user_id, role, is_active, created_at) "
        "VALUES ('nothing', 0, 'viewer', TRUE, '2030-01-01')"
    )
    reached.append("the commit")


def close_within():
    with suppress(EndedError), transaction.atomic():
        execute("UPDATE feed_head SET heartbeat_at = -1")
        connection.close()
        raise EndedError


def fail_to_begin():
    execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError), transaction.atomic():
        pytest.fail("a transaction began within another")
    execute("ROLLBACK")


@pytest.mark.parametrize("end", [beat, fail, fail_to_commit, close_within, fail_to_begin])
def test_after_a_transaction_the_next_thread_has_its_turn(at_once, end):
    before = beats()
    end()
    mine = beats()
    assert at_once(beat) == [None]
    assert (mine - before, beats() - mine) == (int(end is beat), 1)


def test_threads_that_write_at_once_write_one_after_the_other_and_none_is_refused(at_once):
    def beat_often():
        for _ in range(20):
            beat()

    before = beats()
    assert at_once(*[beat_often] * 8) == [None] * 8
    assert beats() - before == 160


def test_who_does_not_get_a_turn_in_time_is_refused_and_gets_one_later(at_once, monkeypatch):
    monkeypatch.setattr(base, "PATIENCE_SECONDS", 0.1)
    with transaction.atomic():
        (refused,) = at_once(beat)
    assert (type(refused), str(refused)) == (OperationalError, "database is locked")
    assert at_once(beat) == [None]


def test_who_only_reads_waits_for_nobody(at_once):
    with transaction.atomic():
        execute("UPDATE feed_head SET heartbeat_at = 1")
        assert at_once(beats) == [0]
