"""What a command of the control plane runs in: Django set up, and its refusals told in sentences."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import django
from django.db import DatabaseError, InterfaceError

from keydesk.control.access.refused import Refused
from keydesk.core.codes import CODES, Code
from keydesk.server.faults import OperatorFault

MISSING_TABLE: Final = ("no such table", "does not exist")
TITLES: Final = {
    Code.INVALID_INPUT: "This cannot be taken as it is.",
    Code.NOT_FOUND: "There is no such thing.",
}
"""Where the command line says it in other words than the pages do."""


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
    title = TITLES.get(refused.code, CODES[refused.code].title)
    told = ", ".join(
        f"{name.replace('_', ' ')}: {value}" for name, value in refused.details.items()
    )
    return f"{title} ({told})" if told else title


def database_sentence(error: Exception) -> str:
    """Give a fault of the database as the sentence that an operator reads."""
    first, *_ = str(error).splitlines() or [type(error).__name__]
    if any(words in first for words in MISSING_TABLE):
        return "The database has no tables yet: run `keydesk migrate`."
    return f"The database does not answer: {first}."
