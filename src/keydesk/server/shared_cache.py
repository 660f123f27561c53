"""The cache that all processes share, in the database: tries of the last minutes, and who counts them at the moment."""

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import OperationalError


class SharedCache(DatabaseCache):
    """Django's, in which a database that takes nothing is not a key that somebody else holds.

    Django calls both `False`, and whoever counts tries then takes the limit for reached: a full disk would tell
    everybody that they had tried too often.
    """

    def add(
        self,
        key: Any,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        """Put a value under a key that is free, and say whether it was. Raises OperationalError if neither is so."""
        for _ in range(3):  # between two questions, a key may be let go
            if super().add(key, value, timeout, version):
                return True
            if self.has_key(key, version):
                return False
        raise OperationalError("The shared cache takes nothing.")
