"""The key-encryption keys of this process: the installation's own and, until nothing needs it, the one of before.

They stay in memory: no key is ever logged, stored or given to a face. Which one is the current one, the database says.
"""

from collections.abc import Collection
from enum import StrEnum
from functools import cache

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from keydesk.config import Secret
from keydesk.control.access.refused import Refused
from keydesk.control.vault import envelope
from keydesk.control.vault.models import DataKey, KeyEncryptionKey
from keydesk.core.codes import Code


class VaultState(StrEnum):
    """Whether keys can be sealed and opened."""

    OPEN = "open"
    SEALED = "sealed"
    """The key-encryption key is not loaded."""
    WRONG = "wrong"
    """A key-encryption key is loaded, but not the current one of this database."""
    INCOMPLETE = "incomplete"
    """The current one is loaded, but not the one of before, under which data keys are still wrapped."""


@cache
def held_keys() -> dict[bytes, bytes]:
    """Give the key-encryption keys of this process by the values to recognise them by, the installation's own first.

    There is none if this process was not given the installation's own one when it first asked.
    """
    names = (Secret.KEY_ENCRYPTION_KEY, Secret.KEY_ENCRYPTION_KEY_PREVIOUS)
    own, previous = map(settings.KEYDESK.read_secret, names)
    if own is None:
        return {}
    held = [own] if previous is None else [own, previous]
    return {envelope.check_value(key): key for key in held}


def vault_state() -> VaultState:
    """Say whether keys can be sealed and opened; the first key-encryption key ever loaded is taken as the right one."""
    if not held_keys():
        return VaultState.SEALED
    current, *others = needed_keys() or [_first_key()]
    held = _held_with([current, *others])
    if bytes(current.check_value) not in held:
        return VaultState.WRONG
    has_others = all(bytes(other.check_value) in held for other in others)
    return VaultState.OPEN if has_others else VaultState.INCOMPLETE


def require_open() -> None:
    """Raise Refused `sealed` unless every key-encryption key that is needed is loaded."""
    if vault_state() is not VaultState.OPEN:
        raise Refused(Code.SEALED)


def key_of(known: KeyEncryptionKey) -> bytes:
    """Give the key-encryption key that the database knows by this row; raises Refused `sealed` if it is not loaded."""
    key = _held_with([known]).get(bytes(known.check_value))
    if key is None:
        raise Refused(Code.SEALED)
    return key


def needed_keys() -> list[KeyEncryptionKey]:
    """Give what is known of the key-encryption keys that are needed: the current one first, then those in use still."""
    in_use = Exists(DataKey.objects.filter(key_encryption_key=OuterRef("pk")))
    needed = KeyEncryptionKey.objects.filter(Q(is_current=True) | in_use)
    return list(needed.order_by("-is_current", "pk"))


def lock_current() -> KeyEncryptionKey:
    """Give the current key-encryption key, which stays so until the caller's transaction ends."""
    # A lock on the current row alone would wait for whoever makes another the current one, and then find none.
    list(KeyEncryptionKey.objects.select_for_update(no_key=True).order_by("pk"))
    return KeyEncryptionKey.objects.get(is_current=True)


def _first_key() -> KeyEncryptionKey:
    first, _ = KeyEncryptionKey.objects.get_or_create(
        is_current=True, defaults={"check_value": next(iter(held_keys()))}
    )
    return first


def _held_with(wanted: Collection[KeyEncryptionKey]) -> dict[bytes, bytes]:
    """Give the keys of this process, read anew if a wanted one is not among them: it may have been replaced since."""
    held = held_keys()
    if held and any(bytes(known.check_value) not in held for known in wanted):
        held_keys.cache_clear()
    return held_keys()
