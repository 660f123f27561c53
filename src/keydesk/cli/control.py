"""What a command of the control plane runs in: Django set up, and its refusals told in sentences."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import django
from django.db import DatabaseError, InterfaceError

from keydesk.control.access.refused import Refused
from keydesk.core.codes import CODES, Code
from keydesk.server.faults import OperatorFault, first_line

INVALID: Final = {
    "": "is not well-formed",
    "empty": "is empty",
    "invalid": "is not well-formed",
    "invited": "has an open invitation already",
    "member": "is a member already",
    "over": "is over already",
    "taken": "is taken already",
    "too long": "is too long",
}
"""What is said of a field by the reason for which it is refused."""
ENTRIES: Final = {
    "limits": "write key:burst=100/60s or account:daily=10000/day, a day at most and 100000 calls a second at most",
    "networks": "write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32, with no bit set outside the mask",
    "scopes": "the product does not offer it",
}
"""What is said of an entry of a list that is none, by the field."""
MISSING_TABLE: Final = ("no such table", "does not exist")


@contextmanager
def control_plane() -> Iterator[None]:
    """Set up Django for what is run inside, and turn refusals and database faults into OperatorFault."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "keydesk.server.settings"
    django.setup()
    try:
        yield
    except Refused as refused:
        raise OperatorFault(sentence_of(refused)) from refused
    except (DatabaseError, InterfaceError) as error:
        raise OperatorFault(database_sentence(error)) from error


def sentence_of(refused: Refused) -> str:
    """Give a refusal as the sentence that an operator reads, with the details that it carries."""
    details = dict(refused.details)
    if refused.code is Code.NOT_FOUND:
        return "Nothing has that name or id: `list` tells what there is."
    if refused.code is Code.INVALID_INPUT and "entry" in details:
        return entry_sentence(details)
    if refused.code is Code.INVALID_INPUT:
        field = str(details.pop("field", "input")).replace("_", " ")
        return f"The {field} {INVALID.get(told(details), f'is refused: {told(details)}')}."
    title = CODES[refused.code].title
    return f"{title} ({told(details)})" if details else title


def entry_sentence(details: dict[str, Any]) -> str:
    """Give what is wrong with one entry of a list."""
    field, entry = str(details["field"]), details["entry"]
    reasons = {
        "twice": "it is there twice",
        "whose": f"here a limit is one of {' or '.join(details.get('whose', []))}",
    }
    return f'The {field} cannot have "{entry}": {reasons.get(details["reason"], ENTRIES[field])}.'


def told(details: dict[str, Any]) -> str:
    """Give a refusal's details as a list of words."""
    values = [value if isinstance(value, list) else [value] for value in details.values()]
    return ", ".join(str(word).replace("_", " ") for words in values for word in words)


def database_sentence(error: Exception) -> str:
    """Give a fault of the database as the sentence that an operator reads."""
    first = first_line(error)
    if any(words in first for words in MISSING_TABLE):
        return "The database has no tables yet: run `keydesk migrate`."
    return f"The database does not answer: {first}."
