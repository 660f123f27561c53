"""What an audit event says, as bytes that can be signed: the same from whichever database it was read.

They are JSON (RFC 8259) in ASCII, with the names in order and no white space: one line of Python's own library makes
them, and events hold nothing on which two writers of JSON could differ.
"""

import json
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Final

FIELDS: Final = (
    "seq",
    "at",
    "account_id",
    "actor_kind",
    "actor_id",
    "actor_label",
    "ip",
    "request_id",
    "session_ref",
    "event",
    "object_id",
    "details",
)
"""All that an event says, in the order in which it is handed to `canonical`."""

_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def canonical(values: Sequence[Any]) -> bytes:
    """Give the bytes that stand for an event with these values, which are in the order of `FIELDS`.

    The moment is written in UTC with microseconds, an IPv6 address as 32 hexadecimal digits.
    """
    said = dict(zip(FIELDS, values, strict=True))
    said["at"] = said["at"].isoformat(timespec="microseconds")
    if said["ip"] and ":" in said["ip"]:
        said["ip"] = ip_address(said["ip"]).packed.hex()
    return _encode(said).encode()


def as_read_back(details: dict[str, Any]) -> dict[str, Any]:
    """Give an event's details as any database gives them back.

    Raises TypeError for what is not JSON and ValueError for a number with a fraction, which databases write
    differently.
    """
    read: dict[str, Any] = json.loads(json.dumps(details), parse_float=_refuse)
    return read


def _refuse(number: str) -> float:
    raise ValueError(f"The details of an event cannot have {number}: write it as a text.")
