"""The digest under which keys and service credentials are published: what verifiers look them up by."""

from functools import cache

from django.conf import settings

from keydesk.config import Secret
from keydesk.core.digest import Digester, key_digester


@cache
def digester() -> Digester:
    """Give the function that digests credentials under this installation's pepper; raises ConfigError without one."""
    return key_digester(settings.KEYDESK.require_secret(Secret.PEPPER))
