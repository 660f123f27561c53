"""What a process that will seal and open keys does once, when it starts."""

from django.db import transaction

from keydesk.control.vault.safe import VaultState, vault_state


def check_key_encryption_key() -> VaultState:
    """Say whether the loaded key-encryption key is the one this database was sealed under.

    The first one that a database ever sees is noted as the right one. A process for which the answer is not `OPEN`
    runs sealed: verification goes on, and generating, showing and replacing keys are refused as `sealed`.
    """
    with transaction.atomic():
        return vault_state()
