"""What a relay and the replicator that follows it say to each other: paths, pages of rows, and how much of them.

Rows travel as they lie in the replica, MAC included, so the version of that layout is part of every path. Each answer
is whole or is not used: a page is small, names where the next one begins, and says which head it belongs to.
"""

from typing import Final

import msgspec
from msgspec import Struct

from keydesk.replica.layout import ROWS_VERSION, Head

FEED: Final = "/v1/feed/"
BASE: Final = f"{FEED}{ROWS_VERSION}"
HEAD_PATH: Final = f"{BASE}/head"
CHANGES_PATH: Final = f"{BASE}/changes"
ROWS_PATH: Final = f"{BASE}/rows"

MEDIA_TYPE: Final = "application/vnd.msgpack"
PAGE_ROWS: Final = 4096
PAGE_BYTES: Final = 1 << 20
"""A page has no more rows, and ends with the row that makes it so large."""
MOST_ANSWER_BYTES: Final = 4 * PAGE_BYTES
"""What a replicator reads of an answer; a row is far shorter than the difference."""
LONGEST_WAIT_MS: Final = 10_000

Next = tuple[str, bytes]
"""Where the next page of all rows begins: behind this key of this kind."""


class ChangesPage(Struct, frozen=True, array_like=True):
    """Rows that changed, and the position up to which these are all."""

    head: Head
    rows: list[tuple[str, bytes]]
    """Each row's kind and value."""
    reached: int


class RowsPage(Struct, frozen=True, array_like=True):
    """Rows in the order of their kinds and keys, and where the next page begins; None after the last row."""

    head: Head
    rows: list[tuple[str, bytes]]
    next: Next | None


encode: Final = msgspec.msgpack.Encoder().encode
decode_head: Final = msgspec.msgpack.Decoder(Head).decode
decode_changes: Final = msgspec.msgpack.Decoder(ChangesPage).decode
decode_rows: Final = msgspec.msgpack.Decoder(RowsPage).decode
