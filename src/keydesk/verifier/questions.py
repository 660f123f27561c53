"""What a service may ask of `/v1/verify`: the JSON body, read strictly, so that nothing in it is guessed.

Unknown fields, other types, a name given twice, bytes that are not UTF-8: each refuses the whole body.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from keydesk.core.decide import Question
from keydesk.core.limits import MOST_COST
from keydesk.core.strict_json import NotStrictError, read_strictly
from keydesk.gate.walk import Call

MAX_BODY_BYTES: Final = 64 * 1024
MAX_CHECKS: Final = 100
MAX_SCOPE_LENGTH: Final = 256


class InvalidBodyError(Exception):
    """The body is not a question; the message says where and why."""


class Check(Struct, frozen=True, forbid_unknown_fields=True):
    """One question as it is asked in JSON."""

    key: str | None
    """The credential as presented; null says that there was none, or more than one."""
    product: str
    environment: Literal["live", "test"] = "live"
    username: str | None = None
    address: str | None = None
    """The client's address, for allow-lists."""
    scopes: tuple[Annotated[str, Meta(max_length=MAX_SCOPE_LENGTH)], ...] = ()
    """What this call needs."""
    cost: Annotated[int, Meta(ge=1, le=MOST_COST)] = 1
    """How many calls this one counts as."""

    def call(self, request_id: str, now: float) -> Call:
        """Give the call that is asked about, as every door takes it."""
        question = Question(
            self.key, self.product, self.environment, self.username, self.address, self.scopes
        )
        return Call(question, request_id, now, self.cost)


class Batch(Struct, frozen=True, forbid_unknown_fields=True):
    """Several questions at once."""

    checks: Annotated[list[Check], Meta(min_length=1, max_length=MAX_CHECKS)]


class Shape(Struct):
    """What tells several questions from one."""

    checks: msgspec.Raw | UnsetType = UNSET


_decode_check: Final = msgspec.json.Decoder(Check).decode
_decode_batch: Final = msgspec.json.Decoder(Batch).decode
_decode_shape: Final = msgspec.json.Decoder(Shape).decode


def read_questions(body: bytes) -> Check | Batch:
    """Give the one check or the batch in a body of at most 64 KiB; raises InvalidBodyError for anything else."""
    if len(body) > MAX_BODY_BYTES:
        raise InvalidBodyError(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        return read_strictly(body, _decode)
    except NotStrictError as error:
        raise InvalidBodyError(str(error)) from None


def _decode(body: bytes) -> Check | Batch:
    return _decode_check(body) if _decode_shape(body).checks is UNSET else _decode_batch(body)
