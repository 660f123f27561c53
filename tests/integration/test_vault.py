import base64
import secrets

import pytest
from django.conf import settings

from keydesk.config import Secret
from keydesk.control.access.refused import Refused
from keydesk.control.audit.models import AuditEvent
from keydesk.control.keys import actions
from keydesk.control.keys.models import ApiKey
from keydesk.control.vault import envelope, safe
from keydesk.control.vault.actions import check_key_encryption_key
from keydesk.control.vault.models import DataKey, KeyEncryptionKey
from keydesk.control.vault.safe import VaultState
from keydesk.core.codes import Code

pytestmark = pytest.mark.django_db


@pytest.fixture
def load_key_encryption_key():
    """Put another key-encryption key, or none, into the installation, as after a restart."""
    path = settings.KEYDESK.secrets_dir / Secret.KEY_ENCRYPTION_KEY
    original = path.read_text()

    def load(text):
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        safe.key_encryption_key.cache_clear()

    yield load
    load(original)


@pytest.fixture
def another():
    return base64.b64encode(secrets.token_bytes(32)).decode()


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as refused:
        function(*arguments, **named)
    return refused.value.code, refused.value.details


def test_the_first_key_encryption_key_is_the_right_one_and_the_same_stays_right():
    assert [check_key_encryption_key() for _ in range(2)] == [VaultState.OPEN] * 2
    assert KeyEncryptionKey.objects.count() == 1


def test_a_wrong_key_encryption_key_is_found_at_start_and_seals(
    load_key_encryption_key, another, ana, generate, reveal
):
    made = generate(ana)
    load_key_encryption_key(another)
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
    load_key_encryption_key, another, ana, generate, reveal
):
    made = generate(ana)
    path = settings.KEYDESK.secrets_dir / Secret.KEY_ENCRYPTION_KEY
    right = path.read_text()
    load_key_encryption_key(another)
    load_key_encryption_key(right)
    assert reveal(ana, made.id).plaintext == made.plaintext


def test_a_sealed_copy_moved_to_another_key_is_refused_and_recorded(ana, generate, reveal):
    one, other = generate(ana), generate(ana)
    ApiKey.objects.filter(pk=one.id).update(sealed=ApiKey.objects.get(pk=other.id).sealed)
    assert refusal(reveal, ana, one.id) == (Code.KEY_NOT_REVEALABLE, {"is_damaged": True})
    event = AuditEvent.objects.latest("seq")
    assert (event.event, event.object_id, event.details) == ("key.seal_broken", one.id, {})
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
