"""What a person's particulars must look like."""

from typing import Final

NAME_LENGTH: Final = 120
LANGUAGES: Final = ("", "en", "id")
"""The languages a person may choose; the empty one is the installation's."""


def plain_email(text: str) -> str:
    """Give an e-mail address as it is stored and compared: trimmed, in lower case."""
    return text.strip().lower()
