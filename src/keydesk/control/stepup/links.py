"""The link with which a forgotten PIN is replaced: signed, for one person, and for the PIN as it is now."""

import hashlib
from typing import Any, Final

from django.core.signing import BadSignature, Signer

from keydesk.control.stepup.models import Pin
from keydesk.control.stepup.rules import LINK_SECONDS
from keydesk.control.stepup.tries import now

SIGNER: Final = "keydesk.pin_link"


def link_token(pin: Pin) -> str:
    """Give the token of a link for this row; it holds no secret, only what it is bound to."""
    bound = {"user": pin.user_id, "until": latest(pin) + LINK_SECONDS, "state": state_of(pin)}
    return Signer(salt=SIGNER).sign_object(bound)


def fits(token: str, pin: Pin) -> bool:
    """Say whether a token is ours, of this person, in time, and for the PIN that is set: so it works once at most."""
    try:
        bound: dict[str, Any] = Signer(salt=SIGNER).unsign_object(token)
    except (BadSignature, ValueError):
        return False
    expected = {"user": pin.user_id, "state": state_of(pin)}
    is_same = {name: bound.get(name) for name in expected} == expected
    return is_same and pin.hash is not None and bound["until"] > latest(pin)


def latest(pin: Pin) -> int:
    """Give the later of now and what the row has seen: a clock that is put back makes no link last longer."""
    return max(now(), pin.seen_at)


def state_of(pin: Pin) -> str:
    """Give a name of the PIN as it is now; every change, replacement and reset makes it another."""
    return hashlib.sha256(f"{pin.hash}\0{pin.previous_hash}".encode()).hexdigest()
