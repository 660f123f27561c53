"""Lists that people write with one entry to a line, and that are stored with a space between."""

from collections.abc import Callable, Hashable, Sequence
from typing import Final

from keydesk.control.access.refused import Refused
from keydesk.core.codes import Code

LONGEST_QUOTED: Final = 60


def stored_list(
    field: str,
    entries: Sequence[str],
    *,
    read: Callable[[str], tuple[Hashable, str]],
    longest: int,
) -> str:
    """Give the entries as they are stored, in the order in which they were written.

    `read` gives for an entry what may come only once and its stored form, and raises ValueError if it is none.
    Raises Refused `invalid_input`: with reason `entry` or `twice` and the `entry` that cannot stand, or with `length`
    if all together are longer than `longest` characters.
    """
    seen: set[Hashable] = set()
    stored = []
    for entry in entries:
        try:
            what, text = read(entry)
        except ValueError as error:
            raise _refused(field, "entry", entry) from error
        if what in seen:
            raise _refused(field, "twice", entry)
        seen.add(what)
        stored.append(text)
    together = " ".join(stored)
    if len(together) > longest:
        raise Refused(Code.INVALID_INPUT, field=field, reason="length", longest=longest)
    return together


def _refused(field: str, reason: str, entry: str) -> Refused:
    return Refused(Code.INVALID_INPUT, field=field, reason=reason, entry=entry[:LONGEST_QUOTED])
