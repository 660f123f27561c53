"""The one place where a refusal becomes a sentence: code and details in, words in the person's language out."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keydesk.control.access.refused import Refused
from keydesk.core.codes import CODES, Code


class Problem(NamedTuple):
    """A refusal as a page shows it: at a field if it names one, else above the form."""

    code: Code
    status: int
    text: str
    field: str | None
    until: datetime | None


def problem_of(refused: Refused) -> Problem:
    """Give the sentence for a refusal; raises Http404 for what must look as if it were not there."""
    if refused.code in {Code.NOT_FOUND, Code.PERMISSION_DENIED}:
        raise Http404
    details = refused.details
    return Problem(
        code=refused.code,
        status=CODES[refused.code].status,
        text=SENTENCES.get(refused.code, conflict)(details),
        field=details.get("field", FIELDS.get(refused.code)),
        until=details.get("locked_until"),
    )


def tries_left(details: dict[str, Any]) -> str:
    """Say how many tries are left."""
    left = details.get("tries_left", 0)
    return ngettext("%(left)d try left.", "%(left)d tries left.", left) % {"left": left}


def pin_wrong(details: dict[str, Any]) -> str:
    """Say that the PIN is wrong."""
    return _("This PIN is not right.") + " " + tries_left(details)


def password_wrong(details: dict[str, Any]) -> str:
    """Say that the password is wrong."""
    return _("This password is not right.") + " " + tries_left(details)


def pin_weak(details: dict[str, Any]) -> str:
    """Say why a PIN is too easy to guess."""
    reasons = {
        "shape": _("A PIN has 6 to 12 digits and nothing else."),
        "repeat": _("This PIN repeats itself. Choose one that is harder to guess."),
        "run": _("This PIN counts up or down. Choose one that is harder to guess."),
        "keyboard": _("This PIN is a line on the keypad. Choose one that is harder to guess."),
        "date": _("This PIN can be read as a date. Choose one that is harder to guess."),
        "password": _("The PIN must not be the same as your password."),
        "previous": _("You have used this PIN before. Choose another one."),
    }
    common = _("Many people use this PIN. Choose one that is harder to guess.")
    return reasons.get(str(details.get("reason")), common)


def invalid_input(details: dict[str, Any]) -> str:
    """Say what is wrong with the field that is named."""
    fields = {
        "reason": _("Say why. The customer reads it."),
        "due_at": _("Give a moment that lies ahead, or none for now."),
        "name": _("Give the key a name of 1 to 60 characters."),
        "pin": _("A PIN has 6 to 12 digits and nothing else."),
        "current_pin": _("A PIN has 6 to 12 digits and nothing else."),
    }
    return fields.get(str(details.get("field")), _("Something in the form needs another look."))


def key_not_revealable(details: dict[str, Any]) -> str:
    """Say why a key cannot be shown."""
    if details.get("is_damaged"):
        return _(
            "The stored copy of this key is damaged, so it cannot be shown. Tell the internal team, and re-generate "
            "the key if you do not have it any more."
        )
    return _(
        "This key was shown once, when it was made, and cannot be shown again. Re-generate it if it is lost."
    )


def conflict(_details: dict[str, Any]) -> str:
    """Say that the state has changed."""
    return _("Something has changed meanwhile. Look at the keys again and repeat the step.")


SENTENCES: Final[dict[Code, Callable[[dict[str, Any]], str]]] = {
    Code.ACCOUNT_NOT_APPROVED: lambda _details: _(
        "Your company is not approved at the moment, so no key can be made."
    ),
    Code.GRANT_INVALID: lambda _details: _(
        "This confirmation is no longer valid. Enter your PIN again."
    ),
    Code.INVALID_INPUT: invalid_input,
    Code.KEY_ALREADY_REPLACED: lambda _details: _(
        "Somebody else has just replaced this key. Their new key is in the list; reveal it with your PIN."
    ),
    Code.KEY_NOT_LIVE: lambda _details: _("This key is no longer in use."),
    Code.KEY_NOT_REVEALABLE: key_not_revealable,
    Code.PASSWORD_WRONG: password_wrong,
    Code.PIN_HARD_LOCKED: lambda _details: _(
        "Your PIN is locked after too many wrong tries. Ask the internal team to reset it. Revoking works without it."
    ),
    Code.PIN_LOCKED: lambda _details: _(
        "Your PIN is locked for a while after too many wrong tries. Revoking works without it."
    ),
    Code.PIN_NOT_SET: lambda _details: _(
        "You have no PIN yet. Set one, and you come back to this step."
    ),
    Code.PIN_WEAK: pin_weak,
    Code.PIN_WRONG: pin_wrong,
    Code.PRODUCT_NOT_ENABLED: lambda _details: _(
        "This product is not enabled for your company at the moment, so no key can be made for it. "
        "Ask the internal team."
    ),
    Code.SECOND_PERSON_NEEDED: lambda _details: _(
        "A second person of the internal team has to confirm this."
    ),
    Code.SEALED: lambda _details: _(
        "Keys cannot be made or shown at the moment: the desk runs sealed. Existing keys go on working. Nothing is "
        "lost; try again later."
    ),
}

FIELDS: Final[dict[Code, str]] = {
    Code.PASSWORD_WRONG: "password",
    Code.PIN_WEAK: "new_pin",
    Code.PIN_WRONG: "pin",
}
"""Where a refusal belongs if its details name no field."""
