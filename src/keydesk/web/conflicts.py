"""Why a state does not allow what was asked: one sentence for each reason or state that a refusal names."""

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

REASONS: Final[dict[str, Promise | str]] = {
    "ACCEPTED": gettext_lazy("This invitation has been accepted meanwhile."),
    "WITHDRAWN": gettext_lazy("This invitation has been withdrawn meanwhile."),
    "active": gettext_lazy("This person is active already."),
    "claimed": gettext_lazy(
        "Somebody else has claimed this application. Take it over if you mean to."
    ),
    "elsewhere": gettext_lazy(
        "This person's PIN counts outside of this company as well, so only the internal team or the person can "
        "replace it."
    ),
    "factor_demanded": gettext_lazy(
        "You need a second factor here, and this is your last. Set up another one first."
    ),
    "inactive": gettext_lazy("This person is deactivated already."),
    "last_superadmin": gettext_lazy(
        "This is the only Superadmin who can come in. Make somebody else a Superadmin first."
    ),
    "log_in_first": gettext_lazy("This address has a log-in. Log in with it to accept."),
    "member": gettext_lazy("You are a member of this account already."),
    "mine": gettext_lazy("You have claimed this application already."),
    "not_claimed": gettext_lazy("Claim this application before you decide on it."),
    "other_person": gettext_lazy("This invitation is for somebody else."),
    "own_pin": gettext_lazy(
        "This is your own PIN. If you have forgotten it, replace it in your settings."
    ),
    "proposer": gettext_lazy(
        "You have proposed this approval yourself. A second person has to confirm it."
    ),
    "proposer_gone": gettext_lazy(
        "Whoever proposed this may not decide it any more. Cancel the change and plan it anew."
    ),
    "too_many": gettext_lazy(
        "Too many invitations are open. Withdraw some of them, or wait until they are accepted."
    ),
    "version": gettext_lazy(
        "This application was changed meanwhile, in another tab or by a colleague. Look at it again before you "
        "save."
    ),
    "yourself": gettext_lazy("You cannot deactivate yourself. You can leave the account instead."),
}


def conflict(details: dict[str, Any]) -> str:
    """Say why the state does not allow it, or that it has changed."""
    named = [str(details.get(detail)) for detail in ("reason", "state")]
    told = [str(REASONS[name]) for name in named if name in REASONS]
    return (told or [_("Something has changed meanwhile. Look at it again and repeat the step.")])[
        0
    ]
