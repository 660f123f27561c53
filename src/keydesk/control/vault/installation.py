"""What an installation is known by: the marker of its keys, and values to recognise its secrets by.

With another marker, pepper or row-MAC key everything would start and every key would be turned away, so what the
database began with is noted and compared. The key-encryption key has a note of its own: without it Keydesk runs sealed.
"""

import hmac
from typing import Final

from django.conf import settings

from keydesk.config import Config, Secret
from keydesk.control.vault.models import InstallationValue

MARKER: Final = "key_marker"
RECOGNISED: Final = (Secret.PEPPER, Secret.PIN_PEPPER, Secret.ROW_MAC_KEY)

_CHECK_LABEL: Final = b"keydesk secret-check/v1 "


def values_of(config: Config) -> dict[str, str]:
    """Give what this process would know the installation by; a secret that it was not given is left out."""
    secrets = {name: config.read_secret(name) for name in RECOGNISED}
    checks = {
        name.value: hmac.digest(secret, _CHECK_LABEL + name.encode(), "sha256").hex()
        for name, secret in secrets.items()
        if secret is not None
    }
    return {MARKER: config.key_marker, **checks}


def note_installation() -> None:
    """Note what the database does not know yet; what it knows stays."""
    InstallationValue.objects.bulk_create(
        [
            InstallationValue(name=name, value=value)
            for name, value in values_of(settings.KEYDESK).items()
        ],
        ignore_conflicts=True,
    )


def changed_values() -> dict[str, str]:
    """Give what differs from what the database began with, each name with the value from then."""
    now = values_of(settings.KEYDESK)
    began = dict(InstallationValue.objects.order_by("name").values_list("name", "value"))
    return {name: value for name, value in began.items() if now.get(name, value) != value}
