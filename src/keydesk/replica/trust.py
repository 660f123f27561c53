"""Which of a source's rows can be believed: those whose MAC says that the control plane wrote every field of them."""

from typing import Any, Final

import msgspec

from keydesk.core.digest import DIGEST_LENGTH, RowCheck
from keydesk.core.records import (
    AccountRecord,
    CredentialRecord,
    EntitlementRecord,
    KeyRecord,
    KeyState,
    ProductRecord,
    Record,
)
from keydesk.replica.batch import Suspect, is_revoked
from keydesk.replica.layout import LONGEST_KEY, Head, Signed, key_of
from keydesk.replica.sources.contract import Published

BEYOND_HEAD: Final = "its revision is beyond the feed's head"
NO_SUCH_ROW: Final = "its fields are not those of such a row"
WRONG_MAC: Final = "its MAC is wrong"

LISTS: Final = {
    kind: [kind.__struct_fields__.index(name) for name in names]
    for kind, names in {
        KeyRecord: ("scopes", "networks", "limits"),
        AccountRecord: ("networks",),
        ProductRecord: ("limits",),
        EntitlementRecord: ("limits",),
        CredentialRecord: ("scopes",),
    }.items()
}
"""Where the lists stand, each of which the views give as one text."""
NAMED_BY_DIGEST: Final = (KeyRecord, CredentialRecord)
FLAG: Final = ProductRecord.__struct_fields__.index("requires_username")
"""Where the truth value stands, which SQLite gives as a number."""


def judge(row: Published, head: Head, *, mac_matches: RowCheck | None) -> Signed | Suspect:
    """Give the record that a row holds, with its MAC, if it can be believed, else what is wrong with it.

    Without a check the MAC is passed on unread: whoever has no row-MAC key trusts the relay that it follows. A revoked
    row may be of a history of before, whose revisions went further: what is revoked is so in every history.
    """
    *fields, mac = row.values
    try:
        record = to_record(row.kind, fields)
        is_genuine = isinstance(mac, bytes) and (mac_matches is None or mac_matches(record, mac))
        is_placed = has_fit_key(record)
    except (msgspec.ValidationError, AttributeError, UnicodeEncodeError):
        return suspect(row, NO_SUCH_ROW)
    if not is_placed:
        return suspect(row, NO_SUCH_ROW)
    if not is_genuine:
        return suspect(row, WRONG_MAC)
    if record.revision > head.revision and not is_revoked(record):
        return suspect(row, BEYOND_HEAD)
    return Signed(record, mac)


def to_record(kind: type[Record], fields: list[Any]) -> Record:
    """Give the record of a view's columns; raises ValidationError or AttributeError if they are not such."""
    for place in LISTS[kind]:
        if not isinstance(fields[place], list):  # as a relay gives it
            fields[place] = tuple(fields[place].split())
    if kind is ProductRecord and fields[FLAG] in (0, 1):
        fields[FLAG] = bool(fields[FLAG])
    return msgspec.convert(fields, kind)


def has_fit_key(record: Record) -> bool:
    """Say whether a record can lie in a replica under its own name."""
    if isinstance(record, NAMED_BY_DIGEST):
        return len(record.digest) == DIGEST_LENGTH
    return 0 < len(key_of(record)) <= LONGEST_KEY


def suspect(row: Published, reason: str) -> Suspect:
    """Give the row as one that is not believed."""
    named_by = row.values[: 3 if row.kind is EntitlementRecord else 1]
    names = [str(value) for value in named_by]
    key: Any = "\0".join(names).encode(errors="surrogatepass")
    if row.kind in NAMED_BY_DIGEST:
        key = row.values[1]
    if not isinstance(key, bytes) or len(key) > LONGEST_KEY:
        key = None
    return Suspect(row.kind.kind, "/".join(names), reason, key, says_revoked(row))


def says_revoked(row: Published) -> bool:
    """Say whether a row, believed or not, says that it was revoked for good."""
    if row.kind not in NAMED_BY_DIGEST:
        return False
    place = row.kind.__struct_fields__.index("state")
    return bool(row.values[place] == KeyState.REVOKED)
