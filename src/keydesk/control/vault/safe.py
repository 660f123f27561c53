"""Sealing and opening keys inside the caller's transaction, under data keys that it wraps and unwraps."""

from typing import NamedTuple

from django.db.models import F

from keydesk.control.vault import envelope
from keydesk.control.vault.envelope import DataKeyBinding, KeyBinding
from keydesk.control.vault.keyring import key_of, lock_current
from keydesk.control.vault.models import DataKey, KeyEncryptionKey

PEPPER_VERSION = 1
"""Bound to every sealed key, so that a later pepper cannot be mistaken for the first."""


class SealedCopy(NamedTuple):
    """An API key as it is stored: under which data key, and the sealed bytes."""

    data_key: DataKey
    sealed: bytes


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


def wrap_anew(data_key: DataKey, known: KeyEncryptionKey) -> None:
    """Wrap a data key, which the caller has locked and saves, under another key-encryption key.

    Raises Refused `sealed` if one of the two is not loaded, and BrokenSealError if the data key was altered or moved.
    """
    _wrap(data_key, _unwrap(data_key, data_key.account_id), known)


def _data_key_for(account_id: str) -> tuple[DataKey, bytes]:
    current = DataKey.objects.filter(account_id=account_id, is_current=True).first()
    if current is not None and current.seals < envelope.MAX_SEALS_PER_DATA_KEY:
        return current, _unwrap(current, account_id)
    if current is not None:
        current.is_current = False
        current.save(update_fields=["is_current"])
    fresh, secret = DataKey(account_id=account_id), envelope.new_data_key()
    _wrap(fresh, secret, lock_current())
    fresh.save(force_insert=True)
    return fresh, secret


def _wrap(data_key: DataKey, secret: bytes, known: KeyEncryptionKey) -> None:
    data_key.key_encryption_key = known
    binding = _wrap_binding(data_key, data_key.account_id)
    data_key.wrapped = envelope.wrap_data_key(key_of(known), secret, binding=binding)


def _unwrap(data_key: DataKey, account_id: str) -> bytes:
    binding = _wrap_binding(data_key, account_id)
    wrapping = key_of(data_key.key_encryption_key)
    return envelope.unwrap_data_key(wrapping, bytes(data_key.wrapped), binding=binding)


def _wrap_binding(data_key: DataKey, account_id: str) -> DataKeyBinding:
    return DataKeyBinding(account_id, data_key.pk, data_key.key_encryption_key_id)
