import secrets
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from django.db import connection, transaction
from tests.fixtures.desk import wait_until

from keydesk.control.access.refused import Refused
from keydesk.control.audit.models import AuditEvent
from keydesk.control.keys import actions
from keydesk.control.keys.models import ApiKey
from keydesk.control.vault import actions as vault
from keydesk.control.vault import envelope, safe
from keydesk.control.vault.actions import check_key_encryption_key
from keydesk.control.vault.envelope import KeyBinding
from keydesk.control.vault.keyring import VaultState
from keydesk.control.vault.models import DataKey, KeyEncryptionKey
from keydesk.control.vault.queries import Replacement, replacement_of_key
from keydesk.core.codes import Code

pytestmark = pytest.mark.django_db


class Others(NamedTuple):
    """What somebody who writes to the database finds there beside a sealed copy."""

    samudra: str
    key: bytes
    replaced: bytes


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as refused:
        function(*arguments, **named)
    return refused.value.code, refused.value.details


def test_the_first_key_encryption_key_is_the_right_one_and_the_same_stays_right():
    assert [check_key_encryption_key() for _ in range(2)] == [VaultState.OPEN] * 2
    assert KeyEncryptionKey.objects.count() == 1


def test_a_wrong_key_encryption_key_is_found_at_start_and_seals(
    load_key_encryption_key, another_secret, ana, generate, reveal
):
    made = generate(ana)
    load_key_encryption_key(another_secret)
    assert check_key_encryption_key() == VaultState.WRONG
    assert refusal(reveal, ana, made.id) == (Code.SEALED, {})
    assert refusal(generate, ana) == (Code.SEALED, {})


def test_without_a_key_encryption_key_keys_are_revoked_but_not_made_shown_or_replaced(
    load_key_encryption_key, ana, generate, reveal, regenerate
):
    made = generate(ana)
    load_key_encryption_key(None)
    assert check_key_encryption_key() == VaultState.SEALED
    attempts = [(generate, ana), (reveal, ana, made.id), (regenerate, ana, made.id)]
    assert [refusal(*attempt) for attempt in attempts] == [(Code.SEALED, {})] * 3
    assert actions.revoke_key(ana, key_id=made.id) == made.revision + 1


def test_the_right_key_encryption_key_opens_again(
    load_key_encryption_key, own_secret, another_secret, ana, generate, reveal
):
    made = generate(ana)
    load_key_encryption_key(another_secret)
    load_key_encryption_key(own_secret)
    assert reveal(ana, made.id).plaintext == made.plaintext


def with_bit(at, bit):
    """Give the change that turns one bit of a sealed copy, at a byte."""

    def change(row, _others):
        sealed = bytearray(row.sealed)
        sealed[at] ^= 1 << bit
        return {"sealed": bytes(sealed)}

    return change


def sealed_twice(row, _others):
    data_key = bytes(safe._unwrap(row.data_key, row.account_id))
    binding = KeyBinding(row.account_id, row.id, bytes(row.digest), 1, row.data_key_id)
    return {"sealed": envelope._seal(data_key, bytes(row.sealed), label="v1", binding=binding)}


def of_another_account(row, others):
    copy = safe.seal(
        "kd_live_another", account_id=others.samudra, key_id=row.id, digest=bytes(row.digest)
    )
    return copy._asdict()


TAMPERED = {
    "a bit of the format": with_bit(0, 0),
    "a bit of the nonce": with_bit(1, 7),
    "a bit of the text": with_bit(13, 0),
    "the last bit of the text": with_bit(-17, 0),
    "a bit of the tag": with_bit(-16, 3),
    "the last bit of the tag": with_bit(-1, 0),
    "nothing left": lambda _row, _others: {"sealed": b""},
    "another key's": lambda _row, others: {"sealed": others.key},
    "the replaced key's": lambda _row, others: {"sealed": others.replaced},
    "sealed for another account": of_another_account,
    "sealed twice": sealed_twice,
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_sealed_copy_that_was_tampered_with_is_refused_and_recorded(
    how, ana, samudra, generate, regenerate, reveal, everything_stored
):
    """K2; every single bit is turned in `tests/unit/control/test_envelope.py`."""
    other, old = generate(ana), generate(ana)
    replaced = ApiKey.objects.get(pk=old.id).sealed
    made = regenerate(ana, old.id)
    others = Others(samudra.id, ApiKey.objects.get(pk=other.id).sealed, replaced)
    row = ApiKey.objects.select_related("data_key").get(pk=made.id)
    ApiKey.objects.filter(pk=made.id).update(**TAMPERED[how](row, others))
    with pytest.raises(Refused) as refused:
        reveal(ana, made.id)
    expected = (Code.KEY_NOT_REVEALABLE, {"is_damaged": True})
    assert (refused.value.code, refused.value.details) == expected
    event = AuditEvent.objects.latest("seq")
    assert (event.event, event.object_id, event.details) == ("key.seal_broken", made.id, {})
    told = "".join(traceback.format_exception(refused.value)).encode() + everything_stored()
    assert [text for text in (made.plaintext, old.plaintext) if text[8:].encode() in told] == []
    assert reveal(ana, other.id).plaintext == other.plaintext


def test_a_digest_that_is_not_the_keys_is_refused(ana, generate, reveal):
    made = generate(ana)
    ApiKey.objects.update(digest=secrets.token_bytes(32))
    assert refusal(reveal, ana, made.id) == (Code.KEY_NOT_REVEALABLE, {"is_damaged": True})


def test_a_sealed_copy_of_another_text_under_the_right_keys_is_refused(ana, generate, reveal):
    """Who holds database and key-encryption key still cannot have the page show a key that is not the stored one."""
    made = generate(ana)
    row = ApiKey.objects.get()
    forged = safe.seal(
        "kd_live_forged", account_id=row.account_id, key_id=row.id, digest=bytes(row.digest)
    )
    ApiKey.objects.update(sealed=forged.sealed)
    assert refusal(reveal, ana, made.id) == (Code.KEY_NOT_REVEALABLE, {"is_damaged": True})


def test_a_key_moved_to_another_account_opens_nothing_there(ana, samudra, generate):
    generate(ana)
    row = ApiKey.objects.select_related("data_key").get()
    copy = safe.SealedCopy(row.data_key, bytes(row.sealed))
    with pytest.raises(envelope.BrokenSealError):
        safe.open_sealed(copy, account_id=samudra.id, key_id=row.id, digest=bytes(row.digest))


def test_an_account_has_one_data_key_until_it_was_used_very_often(ana, generate, reveal):
    first, second = generate(ana), generate(ana)
    assert list(DataKey.objects.values_list("seals", "is_current")) == [(2, True)]
    DataKey.objects.update(seals=envelope.MAX_SEALS_PER_DATA_KEY)
    third = generate(ana)
    assert sorted(DataKey.objects.values_list("seals", "is_current")) == [
        (1, True),
        (envelope.MAX_SEALS_PER_DATA_KEY, False),
    ]
    for made in (first, second, third):
        assert reveal(ana, made.id).plaintext == made.plaintext


def stage(*, left, is_begun=True, has_previous=True):
    return Replacement(has_previous=has_previous, is_begun=is_begun, data_keys_left=left)


def rewrap_everything(host):
    """Do all that `keydesk rewrap` does, and give how many data keys each step has re-wrapped."""
    vault.replace_key_encryption_key(host)
    counts, after = [], ""
    while step := vault.rewrap_data_keys(host, after=after):
        assert step.damaged == ()
        counts.append(step.count)
        after = step.last
    return counts


def test_a_key_encryption_key_is_replaced_while_keys_are_shown_and_made(
    load_key_encryption_key, own_secret, another_secret, host, ana, generate, reveal
):
    old = generate(ana)
    load_key_encryption_key(another_secret, previous=own_secret)
    assert replacement_of_key() == stage(left=0, is_begun=False)
    assert reveal(ana, old.id).plaintext == old.plaintext
    assert vault.replace_key_encryption_key(host) is True
    assert replacement_of_key() == stage(left=1)
    assert reveal(ana, old.id).plaintext == old.plaintext
    assert rewrap_everything(host) == [1]
    assert replacement_of_key() == stage(left=0)
    load_key_encryption_key(another_secret)
    new = generate(ana)
    assert [reveal(ana, made.id).plaintext for made in (old, new)] == [
        old.plaintext,
        new.plaintext,
    ]


def test_replacing_leaves_its_events_and_a_second_time_changes_nothing(
    load_key_encryption_key, own_secret, another_secret, host, ana, generate
):
    generate(ana)
    before = KeyEncryptionKey.objects.get()
    load_key_encryption_key(another_secret, previous=own_secret)
    since = AuditEvent.objects.latest("seq").seq
    assert [rewrap_everything(host) for _ in range(2)] == [[1], []]
    current = KeyEncryptionKey.objects.get(is_current=True)
    events = AuditEvent.objects.filter(seq__gt=since).order_by("seq")
    assert list(events.values_list("actor_label", "event", "object_id", "details")) == [
        ("host", "key_encryption_key.replaced", current.pk, {"replaces": before.pk}),
        ("host", "data_keys.rewrapped", current.pk, {"count": 1, "damaged": []}),
    ]


def test_a_replacement_can_be_taken_back_half_way(
    load_key_encryption_key, own_secret, another_secret, host, ana, generate, reveal
):
    made = generate(ana)
    load_key_encryption_key(another_secret, previous=own_secret)
    vault.replace_key_encryption_key(host)
    load_key_encryption_key(own_secret, previous=another_secret)
    assert vault.replace_key_encryption_key(host) is True
    load_key_encryption_key(own_secret)
    assert reveal(ana, made.id).plaintext == made.plaintext
    assert KeyEncryptionKey.objects.count() == 2


def test_a_process_that_serves_takes_replaced_secrets_without_a_restart(
    put_secrets, load_key_encryption_key, own_secret, another_secret, host, ana, generate, reveal
):
    made = generate(ana)
    load_key_encryption_key(another_secret, previous=own_secret)
    vault.replace_key_encryption_key(host)
    load_key_encryption_key(own_secret)
    assert check_key_encryption_key() == VaultState.WRONG
    put_secrets(another_secret, previous=own_secret)
    assert reveal(ana, made.id).plaintext == made.plaintext


def test_the_key_encryption_key_of_before_cannot_go_while_a_data_key_needs_it(
    load_key_encryption_key, own_secret, another_secret, host, ana, generate, reveal
):
    made = generate(ana)
    load_key_encryption_key(another_secret, previous=own_secret)
    vault.replace_key_encryption_key(host)
    load_key_encryption_key(another_secret)
    assert check_key_encryption_key() == VaultState.INCOMPLETE
    attempts = [(reveal, ana, made.id), (generate, ana), (vault.rewrap_data_keys, host)]
    assert [refusal(*attempt) for attempt in attempts] == [(Code.SEALED, {})] * 3


def test_a_key_encryption_key_is_not_replaced_without_the_one_of_before(
    load_key_encryption_key, another_secret, host, ana, generate
):
    generate(ana)
    load_key_encryption_key(another_secret)
    assert refusal(vault.replace_key_encryption_key, host) == (Code.SEALED, {})
    assert KeyEncryptionKey.objects.count() == 1


def test_a_damaged_data_key_is_named_and_holds_up_no_other(
    load_key_encryption_key, own_secret, another_secret, host, ana, samudra, generate, reveal
):
    one = generate(ana)
    damaged = DataKey.objects.create(
        account=samudra,
        key_encryption_key=KeyEncryptionKey.objects.get(),
        wrapped=secrets.token_bytes(61),
    )
    load_key_encryption_key(another_secret, previous=own_secret)
    vault.replace_key_encryption_key(host)
    step = vault.rewrap_data_keys(host)
    assert (step.count, step.damaged) == (1, (damaged.pk,))
    assert replacement_of_key() == stage(left=1)
    assert reveal(ana, one.id).plaintext == one.plaintext


WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""


def is_somebody_waiting():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_clear_snapshot()"
        )  # else a transaction sees what it saw first
        cursor.execute(WAITING)
        return cursor.fetchone() != (0,)


def in_own_connection(function, *arguments, **named):
    try:
        with transaction.atomic():
            return function(*arguments, **named)
    finally:
        connection.close()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_who_makes_a_data_key_while_the_key_encryption_key_is_replaced_takes_the_new_one(
    load_key_encryption_key, own_secret, another_secret, host, sinar
):
    check_key_encryption_key()
    load_key_encryption_key(another_secret, previous=own_secret)
    new = {"account_id": sinar.id, "key_id": "key_new", "digest": bytes(32)}
    with ThreadPoolExecutor(1) as others:
        with transaction.atomic():
            vault.replace_key_encryption_key(host)
            sealing = others.submit(in_own_connection, safe.seal, "text", **new)
            wait_until(is_somebody_waiting, seconds=60, what="the other waits")
        data_key = sealing.result().data_key
    assert data_key.key_encryption_key == KeyEncryptionKey.objects.get(is_current=True)
    assert replacement_of_key() == stage(left=0)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_key_encryption_key_is_replaced_after_whoever_makes_a_data_key_under_it(
    load_key_encryption_key, own_secret, another_secret, host, sinar
):
    check_key_encryption_key()
    load_key_encryption_key(another_secret, previous=own_secret)
    with ThreadPoolExecutor(1) as others:
        with transaction.atomic():
            safe.seal("text", account_id=sinar.id, key_id="key_new", digest=bytes(32))
            replacing = others.submit(in_own_connection, vault.replace_key_encryption_key, host)
            wait_until(is_somebody_waiting, seconds=60, what="the other waits")
        assert replacing.result() is True
    assert replacement_of_key() == stage(left=1)
