"""What a service credential may be allowed to do."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

NAME_LENGTH: Final = 80


class Scope(StrEnum):
    """One thing that the provider's own services may ask of Keydesk."""

    REPLICATE = "replicate"
    USAGE = "usage"
    VERIFY = "verify"


def scope_text(scopes: Iterable[str]) -> str:
    """Give the scopes as they are stored: each once, sorted, with spaces between."""
    return " ".join(sorted(set(scopes)))
