"""What a person's particulars must look like."""

import unicodedata
from enum import StrEnum
from typing import Final

NAME_LENGTH: Final = 120
EMAIL_LENGTH: Final = 254
BROWSER_LENGTH: Final = 200
PERSON: Final = "user:"
"""How the audit trail's name of a person as an object begins; their number follows."""


class SessionEnd(StrEnum):
    """Why a session ended."""

    BY_PERSON = "by_person"
    """From the list of their sessions, by themselves."""
    LOGGED_OUT = "logged_out"
    OVER = "over"
    """It was idle for too long, or too old; noted when the browser next comes with it."""
    TOO_MANY = "too_many"
    """The person began one more than they may hold; the oldest went."""


def plain_email(text: str) -> str:
    """Give an e-mail address as it is stored and compared: trimmed, in lower case, and in one spelling (NFKC).

    So a full-width letter and its plain twin are one address, and not two people.
    """
    return unicodedata.normalize("NFKC", text).strip().lower()
