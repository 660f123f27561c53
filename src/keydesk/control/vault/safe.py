"""Sealing and opening keys inside the caller's transaction, with the installation's key-encryption key.

It is the only place that holds that key; it never logs, returns or stores it.
"""

from enum import StrEnum
from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.db.models import F

from keydesk.config import Secret
from keydesk.control.access.refused import Refused
from keydesk.control.vault import envelope
from keydesk.control.vault.envelope import DataKeyBinding, KeyBinding
from keydesk.control.vault.models import DataKey, KeyEncryptionKey
from keydesk.core.codes import Code

PEPPER_VERSION = 1
"""Bound to every sealed key, so that a later pepper cannot be mistaken for the first."""


class VaultState(StrEnum):
    """Whether keys can be sealed and opened."""

    OPEN = "open"
    SEALED = "sealed"
    """The key-encryption key is not loaded."""
    WRONG = "wrong"
    """A key-encryption key is loaded, but not the one that this database was sealed under."""


class SealedCopy(NamedTuple):
    """An API key as it is stored: under which data key, and the sealed bytes."""

    data_key: DataKey
    sealed: bytes


@cache
def key_encryption_key() -> bytes | None:
    """Give the key-encryption key of this process, None if it was not given one when it first asked."""
    return settings.KEYDESK.read_secret(Secret.KEY_ENCRYPTION_KEY)


def vault_state() -> VaultState:
    """Say whether keys can be sealed and opened; the first key-encryption key ever loaded is taken as the right one."""
    key = key_encryption_key()
    if key is None:
        return VaultState.SEALED
    known, _ = KeyEncryptionKey.objects.get_or_create(
        is_current=True, defaults={"check_value": envelope.check_value(key)}
    )
    is_right = bytes(known.check_value) == envelope.check_value(key)
    return VaultState.OPEN if is_right else VaultState.WRONG


def require_open() -> bytes:
    """Give the key-encryption key; raises Refused `sealed` if it is not loaded or not the right one."""
    key = key_encryption_key()
    if key is None or vault_state() is not VaultState.OPEN:
        raise Refused(Code.SEALED)
    return key


def seal(text: str, *, account_id: str, key_id: str, digest: bytes) -> SealedCopy:
    """Seal an API key under its account's data key, which is made at first need and after very many uses.

    The caller is in a transaction and has locked the account. Raises Refused `sealed`.
    """
    data_key, secret = _data_key_for(account_id)
    DataKey.objects.filter(pk=data_key.pk).update(seals=F("seals") + 1)
    binding = KeyBinding(account_id, key_id, digest, PEPPER_VERSION, data_key.pk)
    return SealedCopy(data_key, envelope.seal_key(secret, text, binding=binding))


def open_sealed(copy: SealedCopy, *, account_id: str, key_id: str, digest: bytes) -> str:
    """Give a sealed API key back; raises Refused `sealed`, and BrokenSealError if anything was altered or moved."""
    secret = _unwrap(copy.data_key, account_id)
    binding = KeyBinding(account_id, key_id, digest, PEPPER_VERSION, copy.data_key.pk)
    return envelope.open_key(secret, copy.sealed, binding=binding)


def _data_key_for(account_id: str) -> tuple[DataKey, bytes]:
    current = DataKey.objects.filter(account_id=account_id, is_current=True).first()
    if current is not None and current.seals < envelope.MAX_SEALS_PER_DATA_KEY:
        return current, _unwrap(current, account_id)
    if current is not None:
        current.is_current = False
        current.save(update_fields=["is_current"])
    wrapping, secret = require_open(), envelope.new_data_key()
    fresh = DataKey(
        account_id=account_id, key_encryption_key=KeyEncryptionKey.objects.get(is_current=True)
    )
    fresh.wrapped = envelope.wrap_data_key(
        wrapping, secret, binding=_wrap_binding(fresh, account_id)
    )
    fresh.save(force_insert=True)
    return fresh, secret


def _unwrap(data_key: DataKey, account_id: str) -> bytes:
    binding = _wrap_binding(data_key, account_id)
    return envelope.unwrap_data_key(require_open(), bytes(data_key.wrapped), binding=binding)


def _wrap_binding(data_key: DataKey, account_id: str) -> DataKeyBinding:
    return DataKeyBinding(account_id, data_key.pk, data_key.key_encryption_key_id)
