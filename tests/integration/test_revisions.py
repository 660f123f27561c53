"""Revisions become visible in order, whatever happens at once."""

import threading
import time

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from tests.fixtures.heads import head

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.actions import create_account, set_account_status
from keydesk.control.accounts.models import Account
from keydesk.control.feed import actions
from keydesk.core.records import AccountStatus
from keydesk.replica.layout import Head

WRITERS = 5
CHANGES = 12


@pytest.mark.django_db(transaction=True)
def test_a_follower_that_asks_for_what_is_above_n_misses_nothing(at_once, host):
    def write(writer):
        for number in range(CHANGES):
            create_account(host, username=f"account-{writer}-{number}", name="PT Beramai")

    def follow():
        pause, seen, deadline = threading.Event(), [], time.monotonic() + 60
        while len(seen) < WRITERS * CHANGES and time.monotonic() < deadline:
            above = Account.objects.filter(revision__gt=seen[-1] if seen else 0)
            pause.wait(0.005)  # as a replicator does; a tighter loop starves the writers' threads
            seen += above.order_by("revision").values_list("revision", flat=True)
        return seen

    *written, seen = at_once(*(lambda n=n: write(n) for n in range(WRITERS)), follow)
    assert written == [None] * WRITERS
    assert seen == list(range(1, WRITERS * CHANGES + 1))
    assert head().revision == WRITERS * CHANGES


@pytest.mark.django_db(transaction=True)
def test_a_change_that_fails_takes_no_revision(host, sinar):
    before = head()
    with pytest.raises(Refused):
        create_account(host, username=sinar.username, name="PT Kembar")
    assert head() == before
    assert (
        set_account_status(host, account_id=sinar.id, status=AccountStatus.CLOSED, reason="Gone")
        == before.revision + 1
    )


@pytest.mark.django_db(transaction=True)
def test_a_row_is_published_only_inside_a_transaction(sinar):
    with pytest.raises(transaction.TransactionManagementError):
        actions.publish(sinar)


def test_a_new_row_never_overwrites_one_with_its_id(host, sinar, disbursement):
    with pytest.raises(Refused) as refused:
        create_account(host, username=sinar.username, name="PT Kembar")
    assert refused.value.details == {"field": "username", "reason": "taken"}
    assert Account.objects.get().name == "PT Sinar Abadi"


def test_the_heartbeat_moves_the_moment_and_nothing_else(db):
    before = head()
    actions.heartbeat(lambda: 1_800_000_000.9)
    assert head() == Head(before.epoch, before.revision, 1_800_000_000)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_commit_hints_at_its_revision_and_a_roll_back_does_not(host, sinar):
    described = connection.get_connection_params()
    wanted = ("dbname", "host", "port", "user", "password")
    with psycopg.connect(
        autocommit=True, **{name: described[name] for name in wanted if name in described}
    ) as listener:
        listener.execute(f"LISTEN {actions.CHANNEL}")
        with pytest.raises(Refused):
            create_account(host, username=sinar.username, name="PT Kembar")
        revision = set_account_status(
            host, account_id=sinar.id, status=AccountStatus.CLOSED, reason="Gone"
        )
        hints = [hint.payload for hint in listener.notifies(timeout=10, stop_after=1)]
    assert hints == [str(revision)]
    assert settings.KEYDESK.database_url is not None
