"""How far the replacing of the key-encryption key has come."""

from msgspec import Struct

from keydesk.control.vault.keyring import held_keys
from keydesk.control.vault.models import DataKey, KeyEncryptionKey


class Replacement(Struct, frozen=True, kw_only=True):
    """Where the installation stands between two key-encryption keys."""

    has_previous: bool
    """Whether this process holds the one of before beside the installation's own."""
    is_begun: bool
    """Whether the installation's own is the current one."""
    data_keys_left: int
    """How many data keys are wrapped under another than the current one."""


def replacement_of_key() -> Replacement:
    """Give where the installation stands, which is for a process that holds a key-encryption key of an open vault."""
    own, *others = held_keys()
    current = KeyEncryptionKey.objects.get(is_current=True)
    return Replacement(
        has_previous=bool(others),
        is_begun=bytes(current.check_value) == own,
        data_keys_left=DataKey.objects.exclude(key_encryption_key=current).count(),
    )
