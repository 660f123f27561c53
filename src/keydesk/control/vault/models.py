"""What the installation is known by, its key-encryption keys (no key is here), and wrapped data keys."""

from django.db import models
from django.db.models import Q

from keydesk.control.accounts.models import Account
from keydesk.control.feed.constraints import of_length
from keydesk.control.feed.identifiers import ID_LENGTH, new_id
from keydesk.control.vault.envelope import MAX_SEALS_PER_DATA_KEY, TAG_BYTES


def new_key_encryption_key_id() -> str:
    """Give the id of a key-encryption key that this database sees for the first time."""
    return new_id("kek")


def new_data_key_id() -> str:
    """Give the id of a new data key."""
    return new_id("dek")


class InstallationValue(models.Model):
    """Something that stays as it was when the database was made, or a value to recognise a secret by."""

    name = models.CharField(primary_key=True, max_length=32)
    value = models.CharField(max_length=64)

    class Meta:
        db_table = "installation_values"


class KeyEncryptionKey(models.Model):
    """What is known of the installation's key-encryption key: a value to recognise it by."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_key_encryption_key_id, editable=False
    )
    check_value = models.BinaryField(max_length=TAG_BYTES, unique=True)
    is_current = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "key_encryption_keys"
        constraints = [
            of_length("check_value", TAG_BYTES, name="kek_check_value_whole"),
            models.UniqueConstraint(
                fields=["is_current"], condition=Q(is_current=True), name="kek_one_current"
            ),
        ]


class DataKey(models.Model):
    """An account's data key, wrapped; deleting it makes everything sealed under it unreadable for good."""

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=new_data_key_id, editable=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="data_keys")
    key_encryption_key = models.ForeignKey(
        KeyEncryptionKey, on_delete=models.PROTECT, related_name="data_keys"
    )
    wrapped = models.BinaryField()
    seals = models.PositiveIntegerField(default=0)
    """How many values have been sealed under it."""
    is_current = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "data_keys"
        constraints = [
            models.CheckConstraint(
                condition=Q(seals__lte=MAX_SEALS_PER_DATA_KEY), name="data_key_seals"
            ),
            models.UniqueConstraint(
                fields=["account"], condition=Q(is_current=True), name="data_key_one_current"
            ),
        ]
