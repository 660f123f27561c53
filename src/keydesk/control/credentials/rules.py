"""What a service credential may be allowed to do."""

from collections.abc import Iterable
from typing import Final

NAME_LENGTH: Final = 80


def scope_text(scopes: Iterable[str]) -> str:
    """Give the scopes as they are stored: each once, sorted, with spaces between."""
    return " ".join(sorted(set(scopes)))
