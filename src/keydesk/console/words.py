"""What the Console's forms say: a refusal becomes a sentence at its field, or above the form where it names none."""

from collections.abc import Callable
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.access.reasons import reason_given
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.policies.rules import NUMBERS
from keydesk.core.codes import Code
from keydesk.web.lists import list_problem
from keydesk.web.problems import problem_of, problems_of

PERMISSION_NAMES: Final[dict[Permission, Promise]] = {
    Permission.ACCOUNT_VIEW: gettext_lazy("See customers and their applications"),
    Permission.TEAM_VIEW: gettext_lazy("See who is in a team"),
    Permission.APPLICATION_DECIDE: gettext_lazy("Decide on applications"),
    Permission.ENTITLEMENT_REQUEST: gettext_lazy("Request a product for a customer"),
    Permission.ENTITLEMENT_SET: gettext_lazy("Enable and disable products for a customer"),
    Permission.ACCOUNT_CREATE: gettext_lazy("Open an account"),
    Permission.ACCOUNT_SET_STATUS: gettext_lazy("Suspend and reinstate a customer"),
    Permission.ACCOUNT_VIEW_AS: gettext_lazy("View as a customer, read-only"),
    Permission.KEY_STOP: gettext_lazy("Stop a key in an emergency"),
    Permission.PIN_RESET: gettext_lazy("Reset a PIN"),
    Permission.PEOPLE_EDIT: gettext_lazy("Add people to a customer's team"),
    Permission.MEMBER_EDIT: gettext_lazy("Change roles in a customer's team"),
    Permission.SUPERADMIN_EDIT: gettext_lazy("Change Superadmins of a customer's team"),
    Permission.PRODUCT_EDIT: gettext_lazy("Edit and retire products"),
    Permission.PRODUCT_STOP: gettext_lazy("Stop a product in an emergency"),
    Permission.CREDENTIAL_EDIT: gettext_lazy("Make and revoke service credentials"),
    Permission.POLICY_EDIT: gettext_lazy("Change the settings"),
    Permission.STAFF_EDIT: gettext_lazy("Change the internal team"),
}
"""What each permission of the internal team lets a person do, in the order of the table that shows them."""


def person_fault(refused: Refused) -> dict[str, str]:
    """Give what is wrong with a person's particulars, by field; raises Http404 for what must not be there."""
    return {problem.field or "": problem.text for problem in problems_of(refused)}


def reason_fault(text: str, say: Callable[[Refused], dict[str, str]]) -> dict[str, str]:
    """Give what is wrong with a reason, by its field and in the words of `say`; nothing if it can stand."""
    try:
        reason_given(text)
    except Refused as refused:
        return say(refused)
    return {}


def staff_conflict(refused: Refused) -> str:
    """Say why a change of the internal team cannot be made; raises Http404 for what must not be there."""
    problem = problem_of(refused)
    reasons = {
        "own_role": _("Nobody changes their own role or locks themselves out. Ask another Owner."),
        "last_owner": _("This is the last Owner. Make somebody else Owner first."),
    }
    if refused.code is not Code.STATE_CONFLICT:
        return problem.text
    return reasons.get(str(refused.details.get("reason")), changed_meanwhile())


def changed_meanwhile() -> str:
    """Say that somebody else was faster."""
    return _("Somebody else has changed this meanwhile. Look at it again.")


def policy_sentence(name: str, reason: str) -> str:
    """Say what is wrong with a policy."""
    if name in NUMBERS:
        return _("Give a whole number from %(least)d to %(most)d.") % NUMBERS[name]._asdict()
    sentences = {
        ("brand_colour", "too_light"): _(
            "This colour is too light: white text on it could not be read. Choose a darker one."
        ),
        ("brand_colour", "invalid"): _("Write the colour as # and six of 0-9 and a-f: #2750c7."),
        ("brand_name", "invalid"): _("Give a name of 40 characters at most."),
        ("logo", "size"): _("The file is larger than 64 KB."),
        ("logo", "pixels"): _("The picture is wider or higher than 1024 pixels."),
        ("logo", "type"): _("This is not a plain PNG. Save the picture as PNG, not interlaced."),
    }
    return sentences.get((name, reason), _("Something in the form needs another look."))


def product_fault(refused: Refused) -> dict[str, str]:
    """Give what is wrong with a product, by field; raises Http404 for what must not be there."""
    if refused.code is not Code.INVALID_INPUT:
        problem_of(refused)
        return {"": changed_meanwhile()}
    return {str(refused.details["field"]): product_sentence(refused.details)}


def product_sentence(details: dict[str, Any]) -> str:
    """Say what is wrong with one particular of a product."""
    if details.get("reason") == "taken":
        return _("Another product has this already.")
    if details["field"] == "limits":
        return list_problem(details)
    sentences = {
        "slug": _("Words of a-z and 0-9 with hyphens between, 40 characters at most."),
        "name": _("Give a name of 1 to 80 characters."),
        "description": _("One sentence of 300 characters at most."),
        "icon": _("Give the name of a Lucide icon, such as send."),
        "lease_seconds": _("Give whole seconds, 1 to 2592000 (30 days), or leave it empty."),
        "scopes": _(
            "Names such as payout:create with a space between, 256 characters together at most."
        ),
        "reason": _("Say why, in 2,000 characters at most. The audit trail keeps it."),
        "sample_path": _("It starts with / and has letters, digits and . _ ~ - / alone."),
    }
    return sentences.get(str(details["field"]), _("Something in the form needs another look."))
