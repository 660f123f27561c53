"""What the control plane publishes is what the replica holds, on either database."""

import base64
import threading
from contextlib import closing
from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone
from tests.fixtures.feeds import rows_in
from tests.fixtures.generating import generated
from tests.fixtures.heads import head
from tests.fixtures.verifier import RunningVerifier

from keydesk.config import Secret
from keydesk.control.credentials.actions import create_credential, revoke_credential
from keydesk.control.feed.models import Published
from keydesk.control.keys.actions import regenerate_key
from keydesk.control.keys.rules import Overlap
from keydesk.core.records import RECORD_TYPES, ServiceScope
from keydesk.replica.follow import Follower
from keydesk.replica.layout import key_of
from keydesk.replica.sources.postgres import PostgresSource
from keydesk.replica.sources.sqlite import SqliteSource
from keydesk.replica.store import Reader, Writer

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = [record_type.kind for record_type in RECORD_TYPES]


def published():
    """Give the records of all rows that control publishes, in the order in which a replica holds them."""
    models = [model for model in apps.get_models() if issubclass(model, Published)]
    records = [row.record() for model in models for row in model.objects.all()]
    return sorted(records, key=lambda record: (ORDER.index(record.kind), key_of(record)))


@pytest.fixture
def catch_up(replica_dir, database):
    """Bring the replica to what control has published, as the replicator does."""
    config = settings.KEYDESK
    url, key = config.database_url, config.require_secret(Secret.ROW_MAC_KEY)

    def catch_up():
        source = PostgresSource(url) if url else SqliteSource(config.sqlite_path)
        with closing(source), Writer(replica_dir) as writer:
            Follower(source, writer, row_mac_key=key, stop=threading.Event()).step()

    return catch_up


@pytest.fixture
def new_key(host, sinar, disbursement):
    """Make a key, each with a button of its own."""

    def new_key(press):
        return generated(sinar, token=press)

    return new_key


@pytest.fixture
def api_key(new_key):
    return new_key("press")


def test_a_replica_holds_every_published_record_and_follows_its_changes(
    host, api_key, samudra, inquiry, catch_up, replica_dir
):
    later = timezone.now() + timedelta(days=1)
    automation = create_credential(
        host, name="Gateway", scopes={ServiceScope.VERIFY}, expires_at=later
    )
    catch_up()
    assert rows_in(replica_dir) == published()
    regenerate_key(host, key_id=api_key.id, grant=None, request_token="again")
    revoke_credential(host, credential_id=automation.id)
    catch_up()
    assert rows_in(replica_dir) == published()
    status = Reader(replica_dir).status()
    assert (status.epoch, status.revision) == (head().epoch, head().revision)
    assert status.refused_rows == 0


def test_a_key_widened_past_the_control_plane_stays_as_narrow_as_it_was(
    api_key, catch_up, replica_dir
):
    catch_up()
    held = rows_in(replica_dir)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_keys SET scopes = 'everything', revision = revision + 7")
        cursor.execute("UPDATE feed_head SET revision = revision + 7")
    catch_up()
    assert rows_in(replica_dir) == held
    assert Reader(replica_dir).status().refused_rows == 1


def test_a_verifier_takes_a_key_beside_its_successor_until_their_overlap_is_over(
    host, new_key, catch_up, replica_dir
):
    def replace(old):
        named = {"grant": None, "request_token": old.id, "overlap": Overlap.HOUR}
        return regenerate_key(host, key_id=old.id, **named)

    with time_machine.travel(timezone.now() - timedelta(hours=2)):
        over = new_key("two hours ago")
        after = replace(over)
    old = new_key("now")
    new = replace(old)
    catch_up()
    pepper = base64.b64encode(settings.KEYDESK.require_secret(Secret.PEPPER)).decode()
    with RunningVerifier(replica_dir.parent, PEPPER=pepper) as verifier:
        answers = [verifier.authorize(key.plaintext) for key in (old, new, over, after)]
    assert [(answer.status, answer.headers["x-keydesk-code"]) for answer in answers] == [
        (200, "ok"),
        (200, "ok"),
        (401, "key_expired"),
        (200, "ok"),
    ]
