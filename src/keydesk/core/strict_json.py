"""JSON read so strictly that no two readers can differ on it: UTF-8, each name once in an object, not too deep."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

Value = TypeVar("Value")


class NotStrictError(ValueError):
    """The text is not what was asked for; the message says where and why."""


def read_strictly(body: bytes, decode: Callable[[bytes], Value]) -> Value:
    """Give what a strict decoder makes of a JSON text; raises NotStrictError for a text that could be read in two ways.

    `decode` raises ValueError for a text that has not the shape.
    """
    try:
        json.loads(body.decode(), object_pairs_hook=refuse_repeated_names)
        return decode(body)
    except UnicodeDecodeError:
        raise NotStrictError("The body is not UTF-8.") from None
    except RecursionError:
        raise NotStrictError("The body is nested too deeply.") from None
    except ValueError as error:
        raise NotStrictError(str(error)) from None


def refuse_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Give a JSON object's members; raises ValueError if a name comes twice: readers differ on which counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("A name comes twice in one object.")
    return members
