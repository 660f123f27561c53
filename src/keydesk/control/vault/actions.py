"""What is done with the key-encryption key: looking at it when a process starts, and replacing it."""

from typing import Final

from django.db import connection, transaction
from msgspec import Struct

from keydesk.control.access.actor import Actor
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import require_still
from keydesk.control.audit.actions import audited_transaction, authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.vault.envelope import BrokenSealError
from keydesk.control.vault.keyring import (
    VaultState,
    held_keys,
    lock_current,
    require_open,
    vault_state,
)
from keydesk.control.vault.models import DataKey, KeyEncryptionKey
from keydesk.control.vault.safe import wrap_anew

KEYS_AT_ONCE: Final = 500
"""So few that nobody who generates a key waits for more than a moment."""


class Rewrapped(Struct, frozen=True, kw_only=True):
    """What came of some data keys."""

    count: int
    damaged: tuple[str, ...]
    """The ids of those that were altered or moved, and cannot be opened under any key."""
    last: str
    """The id that the next ones come after."""


def check_key_encryption_key() -> VaultState:
    """Say whether the loaded key-encryption keys are the ones this database was sealed under.

    The first one that a database ever sees is noted as the right one. A process for which the answer is not `OPEN`
    runs sealed: verification goes on, and generating, showing and replacing keys are refused as `sealed`.
    """
    with transaction.atomic():
        return vault_state()


def replace_key_encryption_key(actor: Actor) -> bool:
    """Make the installation's own key-encryption key the current one, and say whether it was another before.

    New data keys are wrapped under it from then on, and the others keep theirs until `rewrap_data_keys`. In this
    order: permission, `sealed` unless the keys that are needed are loaded, the current one as the one of before.
    """
    permission = Permission.INSTALLATION_EDIT
    authorise(actor, permission)
    with audited_transaction(actor, permission):
        require_still(actor, permission)
        require_open()
        before, own = lock_current(), next(iter(held_keys()))
        if bytes(before.check_value) == own:
            return False
        before.is_current = False
        before.save(update_fields=["is_current"])
        current, _ = KeyEncryptionKey.objects.update_or_create(
            check_value=own, defaults={"is_current": True}
        )
        record(
            actor,
            Event.KEY_ENCRYPTION_KEY_REPLACED,
            object_id=current.pk,
            details={"replaces": before.pk},
        )
        return True


def rewrap_data_keys(actor: Actor, *, after: str = "") -> Rewrapped | None:
    """Wrap the next data keys under the current key-encryption key; None if there are none behind the id `after`.

    In this order: permission, `sealed`.
    """
    permission = Permission.INSTALLATION_EDIT
    authorise(actor, permission)
    with audited_transaction(actor, permission):
        require_still(actor, permission)
        require_open()
        current = KeyEncryptionKey.objects.get(is_current=True)
        others = DataKey.objects.filter(pk__gt=after).exclude(key_encryption_key=current)
        locked = others.prefetch_related("key_encryption_key").select_for_update(no_key=True)
        found = list(locked.order_by("pk")[:KEYS_AT_ONCE])
        if not found:
            return None
        damaged = tuple(data_key.pk for data_key in found if not _rewrap(data_key, current))
        whole = [data_key for data_key in found if data_key.pk not in damaged]
        _save_wrapped(whole)
        details = {"count": len(whole), "damaged": damaged}
        record(actor, Event.DATA_KEYS_REWRAPPED, object_id=current.pk, details=details)
        return Rewrapped(count=len(whole), damaged=damaged, last=found[-1].pk)


def _rewrap(data_key: DataKey, current: KeyEncryptionKey) -> bool:
    """Wrap a data key under the current key-encryption key, and say whether it could be opened; it is not saved yet."""
    try:
        wrap_anew(data_key, current)
    except BrokenSealError:
        return False
    return True


def _save_wrapped(data_keys: list[DataKey]) -> None:
    """Save what data keys are wrapped as, in one statement for all: Django's own way takes twenty times as long."""
    rows = [(bytes(each.wrapped), each.key_encryption_key_id, each.pk) for each in data_keys]
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE data_keys SET wrapped = %s, key_encryption_key_id = %s WHERE id = %s", rows
        )
