"""Things that several integration tests need."""

import base64
import secrets
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from keydesk.config import Secret
from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.credentials.actions import create_credential
from keydesk.control.policies.actions import change_policies
from keydesk.control.vault import keyring
from keydesk.core.records import ServiceScope


@pytest.fixture
def no_tries_counted(db):
    """Begin with every limit on tries untouched; they are counted in the cache that is in the database."""
    cache.clear()


@pytest.fixture
def make_credential(db):
    def make_credential(name):
        return create_credential(
            HOST_OPERATOR,
            name=name,
            scopes={ServiceScope.VERIFY},
            expires_at=timezone.now() + timedelta(days=1),
        )

    return make_credential


@pytest.fixture
def credential(make_credential):
    return make_credential("Gateway")


@pytest.fixture
def policies(db):
    """Decide as the provider does."""

    def policies(**changes):
        change_policies(HOST_OPERATOR, changes=changes)

    return policies


@pytest.fixture
def put_secrets():
    """Put another key-encryption key, or none, into the installation, and another of before, or none."""
    folder = settings.KEYDESK.secrets_dir
    original = (folder / Secret.KEY_ENCRYPTION_KEY).read_text()

    def put(text, *, previous=None):
        names = (Secret.KEY_ENCRYPTION_KEY, Secret.KEY_ENCRYPTION_KEY_PREVIOUS)
        for name, given in zip(names, (text, previous), strict=True):
            (folder / name).unlink(missing_ok=True)
            if given is not None:
                (folder / name).write_text(given)

    yield put
    put(original)
    keyring.held_keys.cache_clear()


@pytest.fixture
def load_key_encryption_key(put_secrets):
    """Put key-encryption keys into the installation, as after a restart."""

    def load(text, *, previous=None):
        put_secrets(text, previous=previous)
        keyring.held_keys.cache_clear()

    return load


@pytest.fixture
def own_secret():
    return (settings.KEYDESK.secrets_dir / Secret.KEY_ENCRYPTION_KEY).read_text()


@pytest.fixture
def another_secret():
    return base64.b64encode(secrets.token_bytes(32)).decode()
