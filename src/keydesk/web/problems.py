"""The one place where a refusal becomes a sentence: code and details in, words in the person's language out."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keydesk.control.access.refused import Refused
from keydesk.control.policies.queries import current_policies
from keydesk.control.stepup.rules import MAX_DIGITS, MIN_DIGITS
from keydesk.core.codes import CODES, Code
from keydesk.web.conflicts import conflict
from keydesk.web.lists import LISTS, list_problem


class Problem(NamedTuple):
    """A refusal as a page shows it: at a field if it names one, else above the form."""

    code: Code
    status: int
    text: str
    field: str | None
    until: datetime | None

    @property
    def errors(self) -> dict[str, str]:
        """The sentence by its field, as a form takes it; nothing where it belongs above the form."""
        return {self.field: self.text} if self.field else {}


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


def problems_of(refused: Refused) -> list[Problem]:
    """Give the sentences for a refusal that may be about several fields, at least one; raises as `problem_of` does."""
    return [problem_of(each) for each in (refused, *refused.details.get("others", ()))]


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


def pin_shape(min_digits: int) -> str:
    """Say how many digits a PIN must have."""
    if min_digits == MAX_DIGITS:
        return _("A PIN has exactly 12 digits and nothing else.")
    return _("A PIN has %(least)d to 12 digits and nothing else.") % {"least": min_digits}


def pin_weak(details: dict[str, Any]) -> str:
    """Say why a PIN is too easy to guess."""
    reasons = {
        "shape": pin_shape(details.get("min_digits", MIN_DIGITS)),
        "repeat": _("This PIN repeats itself. Choose one that is harder to guess."),
        "run": _("This PIN counts up or down. Choose one that is harder to guess."),
        "keyboard": _("This PIN is a line on the keypad. Choose one that is harder to guess."),
        "date": _("This PIN can be read as a date. Choose one that is harder to guess."),
        "password": _("The PIN must not be the same as your password."),
        "previous": _("You have used this PIN before. Choose another one."),
    }
    common = _("Many people use this PIN. Choose one that is harder to guess.")
    return reasons.get(str(details.get("reason")), common)


def password_refused(details: dict[str, Any]) -> str:
    """Say why a password cannot be chosen."""
    length = current_policies().password_min_length
    reasons = {
        "password_too_short": _(
            "A password has at least %(length)d characters. Several words do well."
        ),
        "password_too_long": _("This password is too long: 1,024 bytes is the most."),
        "password_too_common": _(
            "Many people use a password like this. Choose one that is harder to guess."
        ),
        "password_too_similar": _(
            "This password is made of your name, your email address or your company's name. Choose other words."
        ),
        "password_unchanged": _("This is your password already. Choose another one."),
    }
    first, *_rest = details.get("problems") or ["password_too_short"]
    return reasons.get(str(first), reasons["password_too_common"]) % {"length": length}


def invalid_input(details: dict[str, Any]) -> str:
    """Say what is wrong with the field that is named."""
    if details.get("field") == "password":
        return password_refused(details)
    if details.get("field") in LISTS:
        return list_problem(details)
    if details.get("field") == "username" and details.get("reason") == "taken":
        return _("This username is taken. Choose another one.")
    fields = {
        "code": _("This code is not right, or was used before. Wait for the next one."),
        "passkey_name": _("Give the passkey a name of 1 to 60 characters."),
        "company": _("Enter the name of your company, 120 characters at most."),
        "username": _(
            "A username has 3 to 40 small letters, digits and hyphens. It begins with a letter and does not end with a "
            "hyphen."
        ),
        "reason": _("Say why, in 2,000 characters at most. The customer reads it."),
        "due_at": _("Give a moment that lies ahead, or none for now."),
        "expires_at": _("Choose a day that lies ahead."),
        "name": _("Give the key a name of 1 to 60 characters."),
        "overlap": _("Choose how long the old key works on."),
        "pin": pin_shape(MIN_DIGITS),
        "current_pin": pin_shape(MIN_DIGITS),
        "email": address_problem(details),
        "full_name": _("Give a name of 1 to 120 characters."),
        "role": _("Choose a role."),
    }
    return fields.get(str(details.get("field")), _("Something in the form needs another look."))


def address_problem(details: dict[str, Any]) -> str:
    """Say what is wrong with a person's e-mail address."""
    reasons = {
        "invited": _(
            "There is an open invitation for this address. Send it again from the list, or withdraw it first."
        ),
        "member": _("Somebody with this address is a member already."),
        "own": _("This is your address already. Enter the one that is to take its place."),
        "taken": _("Somebody has this address already."),
    }
    return reasons.get(
        str(details.get("reason")), _("Enter an email address, like name@company.com.")
    )


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


def key_limit(details: dict[str, Any]) -> str:
    """Say how many keys there may be."""
    most = details.get("most", 0)
    return ngettext(
        "Your company may have %(most)d working key for this product here. Revoke one first.",
        "Your company may have %(most)d working keys for this product here. Revoke one first.",
        most,
    ) % {"most": most}


def second_factor_wrong(details: dict[str, Any]) -> str:
    """Say that the code or the passkey is not right."""
    return _("This is not right, or it was used before.") + " " + tries_left(details)


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
    Code.KEY_LIMIT_REACHED: key_limit,
    Code.KEY_NOT_LIVE: lambda _details: _("This key is no longer in use."),
    Code.KEY_NOT_REVEALABLE: key_not_revealable,
    Code.KEY_STOPPED: lambda _details: _(
        "The internal team has stopped this key. It cannot be re-generated until they release it."
    ),
    Code.PASSKEY_INVALID: lambda _details: _(
        "The passkey did not confirm this. Try it again, or enter your PIN."
    ),
    Code.PASSWORD_WRONG: password_wrong,
    Code.PIN_HARD_LOCKED: lambda _details: _(
        "Your PIN is locked after too many wrong tries. Replace it as a forgotten one, or ask the internal team to "
        "reset it. Revoking works without it."
    ),
    Code.PIN_LINK_INVALID: lambda _details: _(
        "This link is no longer valid: it was used, is too old, is somebody else's, or your PIN has changed since."
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
    Code.REVEAL_PAUSED: lambda _details: _(
        "Your PIN was replaced through a mailed link, so keys stay hidden for a while. Generating, re-generating and "
        "revoking work."
    ),
    Code.SECOND_FACTOR_WRONG: second_factor_wrong,
    Code.SECOND_PERSON_NEEDED: lambda _details: _(
        "A second person of the internal team has to confirm this."
    ),
    Code.SEALED: lambda _details: _(
        "Keys cannot be made or shown at the moment: the desk runs sealed. Existing keys go on working. Nothing is "
        "lost; try again later."
    ),
    Code.STAFF_LINK_INVALID: lambda _details: _("This link is no longer valid."),
}

FIELDS: Final[dict[Code, str]] = {
    Code.PASSWORD_WRONG: "password",
    Code.PIN_WEAK: "new_pin",
    Code.PIN_WRONG: "pin",
    Code.SECOND_FACTOR_WRONG: "code",
}
"""Where a refusal belongs if its details name no field."""
