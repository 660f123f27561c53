"""Spending a code: each counts once, whichever process is asked, because the row that says so is locked."""

import hmac
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from keydesk.control.security.rules import Kind, plain_code, steps_around
from keydesk.control.security.sealing import UnreadableFactorError, unseal
from keydesk.core.clock import system_clock

LAST_STEP = "last_step"


def spend_code(user_id: int, typed: str) -> Any:
    """Spend a code of the person's app or a recovery code, in the caller's transaction; gives what it belongs to.

    Gives None for a code that is wrong or was spent before.
    """
    code = plain_code(typed)
    if not (code.isascii() and code.isdigit()):
        return None
    held = Authenticator.objects.select_for_update().filter(user_id=user_id)
    for factor in held.filter(type__in=[Kind.TOTP, Kind.RECOVERY_CODES]).order_by("-type"):
        try:
            fits = (
                _spend_totp(factor, code)
                if factor.type == Kind.TOTP
                else _spend_spare(factor, code)
            )
        except UnreadableFactorError:
            continue
        if fits:
            factor.record_usage()
            return factor
    return None


def step_of(secret: str, code: str, *, after: int = 0) -> int | None:
    """Give the time step that a code of an app is from, None if it is of none that counts now or was seen before."""
    for step in steps_around(system_clock()):
        if step > after and hmac.compare_digest(format_hotp_value(hotp_value(secret, step)), code):
            return step
    return None


def _spend_totp(factor: Any, code: str) -> bool:
    step = step_of(unseal(factor.data["secret"]), code, after=factor.data.get(LAST_STEP, 0))
    if step is None:
        return False
    factor.data[LAST_STEP] = step
    factor.save(update_fields=["data"])
    return True


def _spend_spare(factor: Any, code: str) -> bool:
    spent: bool = factor.wrap().validate_code(code)
    factor.refresh_from_db()
    return spent
