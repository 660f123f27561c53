"""Publishing: the one way in which a row that verifiers follow is saved."""

from functools import cache

from django.conf import settings
from django.db import connection, transaction

from keydesk.config import Secret
from keydesk.control.feed.models import FeedHead, Published
from keydesk.core.clock import Clock, system_clock
from keydesk.core.digest import row_mac
from keydesk.core.records import CHANNEL


@cache
def row_mac_key() -> bytes:
    """Give the key of row MACs; raises ConfigError if it is nowhere."""
    return settings.KEYDESK.require_secret(Secret.ROW_MAC_KEY)


def publish(row: Published) -> int:
    """Save a new or changed row under the next revision, with its MAC, and give the revision.

    Call it last in the transaction: from here until the commit no other change can take a revision, which is what
    puts them in order. A row that was read before must have been locked. Raises TransactionManagementError outside of
    a transaction.
    """
    row.revision = take_next_revision()
    row.mac = row_mac(row_mac_key(), row.record())
    # A new row must never overwrite an old one that happens to have its primary key.
    row.save(force_insert=row._state.adding)  # noqa: SLF001 - Django documents this attribute
    return row.revision


def take_next_revision() -> int:
    """Take the next revision under the head's lock, and hint at it on PostgreSQL."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A row is published inside a transaction.")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE feed_head SET revision = revision + 1 RETURNING revision")
        ((revision,),) = cursor.fetchall()
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(revision)])
    return int(revision)


def heartbeat(clock: Clock = system_clock) -> None:
    """Note that the control plane lives at this moment, so that a stalled standby can be told from a quiet primary."""
    FeedHead.objects.update(heartbeat_at=int(clock()))
