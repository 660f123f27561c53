"""The settings: what the provider decides for everybody, each with its bounds beside it."""

from typing import Any, Final, NamedTuple

from django.conf import settings as configuration
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.console.pages import frame
from keydesk.console.visit import READ_AND_SEND, StaffVisit, for_staff
from keydesk.console.words import policy_sentence
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.policies.actions import change_logo, change_policies
from keydesk.control.policies.logos import MOST_BYTES
from keydesk.control.policies.models import Policies
from keydesk.control.policies.queries import current_policies
from keydesk.control.policies.rules import FLAGS, NUMBERS, fault_of
from keydesk.web.digits import number_in

LONGEST_NUMBER: Final = 6
"""How many digits are read as a number; none of the bounds has more."""

GROUPS: Final[tuple[tuple[Promise, tuple[tuple[str, Promise], ...]], ...]] = (
    (
        gettext_lazy("Brand and languages"),
        (
            ("brand_name", gettext_lazy("Name on every page and in every mail")),
            ("brand_colour", gettext_lazy("Colour")),
            ("default_language", gettext_lazy("Language of people who have not chosen")),
        ),
    ),
    (
        gettext_lazy("PIN"),
        (
            ("pin_min_digits", gettext_lazy("Minimum number of digits")),
            ("pin_tries", gettext_lazy("Wrong tries before a pause")),
            ("pin_lock_minutes", gettext_lazy("Pause, in minutes")),
            (
                "pin_reset_cooldown_minutes",
                gettext_lazy("Keys stay hidden after a PIN reset by mail, in minutes"),
            ),
        ),
    ),
    (
        gettext_lazy("Logging in"),
        (
            ("password_min_length", gettext_lazy("Minimum length of a password, in characters")),
            (
                "privileged_idle_minutes",
                gettext_lazy(
                    "Idle session of a Superadmin, Admin or the internal team, in minutes"
                ),
            ),
            ("idle_minutes", gettext_lazy("Idle session of everybody else, in minutes")),
            ("session_hours", gettext_lazy("Longest session, in hours")),
            (
                "mfa_for_managers",
                gettext_lazy("Superadmins, Admins and the internal team need a second factor"),
            ),
        ),
    ),
    (
        gettext_lazy("Keys"),
        (("keys_a_product", gettext_lazy("Working keys of an account for a product")),),
    ),
    (
        gettext_lazy("Usage"),
        (
            ("usage_minutes_hours", gettext_lazy("Counts by the minute are kept, in hours")),
            ("usage_hours_days", gettext_lazy("Counts by the hour are kept, in days")),
            (
                "refused_requests_days",
                gettext_lazy("Refused requests and addresses are kept, in days"),
            ),
        ),
    ),
    (
        gettext_lazy("Four eyes"),
        (
            ("four_eyes_on_approval", gettext_lazy("A second person confirms each approval")),
            ("four_eyes_on_live", gettext_lazy("A second person confirms each live product")),
        ),
    ),
)
"""Every policy under its heading, with what it is called."""
NAMES: Final = tuple(name for _title, fields in GROUPS for name, _label in fields)


class Shown(NamedTuple):
    """A policy as the form shows it."""

    name: str
    label: str
    kind: str
    value: Any
    error: str
    hint: str


@for_staff(Permission.POLICY_EDIT, methods=READ_AND_SEND)
def settings(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Show the settings, or change those that differ; what cannot stand is told at each field, and nothing changes."""
    held = current_policies()
    if request.method != "POST":
        return page(request, visit, held)
    typed = {name: request.POST.get(name, "") for name in NAMES}
    wanted = {name: value_of(name, typed[name]) for name in NAMES}
    faults = {name: fault_of(name, value) for name, value in wanted.items()}
    errors = {name: policy_sentence(name, fault) for name, fault in faults.items() if fault}
    if errors:
        return page(request, visit, held, typed=typed, errors=errors)
    changes = {name: value for name, value in wanted.items() if getattr(held, name) != value}
    if changes:
        change_policies(visit.actor, changes=changes)
    return redirect(reverse("console:settings") + "?saved=1")


def value_of(name: str, typed: str) -> Any:
    """Give what was typed as the kind of value that the policy has, as it stands where it is none."""
    text = typed.strip()
    if name in FLAGS:
        return bool(text)
    if name in NUMBERS:
        number = number_in(text, digits=LONGEST_NUMBER)
        return text if number is None else number
    return text.lower() if name == "brand_colour" else text


@for_staff(Permission.POLICY_EDIT, methods=READ_AND_SEND)
def logo(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Put a picture in the place of our mark, or take it away; a look leads to the settings."""
    if request.method != "POST":
        return redirect("console:settings")
    sent = request.FILES.get("logo")
    if sent is None and "remove" not in request.POST:
        errors = {"logo": _("Choose a PNG first.")}
        return page(request, visit, current_policies(), errors=errors)
    # One byte too many is enough to know that a file is too large.
    content = None if sent is None else sent.read(MOST_BYTES + 1)
    try:
        change_logo(visit.actor, content=content)
    except Refused as refused:
        errors = {"logo": policy_sentence("logo", str(refused.details.get("reason")))}
        return page(request, visit, current_policies(), errors=errors)
    return redirect(reverse("console:settings") + "?saved=1")


def page(
    request: HttpRequest,
    visit: StaffVisit,
    held: Policies,
    *,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> HttpResponse:
    """Show the settings as they are, or as they were typed with what is wrong at each."""
    errors = errors or {}
    groups = [
        (title, [field_of(name, label, held, typed, errors) for name, label in fields])
        for title, fields in GROUPS
    ]
    context = frame(visit, section="settings") | {
        "groups": groups,
        "languages_to_choose": language_choices(),
        "logo_error": errors.get("logo", ""),
        "is_saved": "saved" in request.GET,
        "configured_name": configuration.KEYDESK.brand_name,
    }
    return render(request, "console/settings.html", context, status=422 if errors else 200)


def field_of(  # noqa: PLR0917 - each is one thing that a field shows
    name: str,
    label: Promise,
    held: Policies,
    typed: dict[str, str] | None,
    errors: dict[str, str],
) -> Shown:
    """Give one policy as the form shows it."""
    value = getattr(held, name) if typed is None else typed[name]
    kind = "flag" if name in FLAGS else "number" if name in NUMBERS else name
    return Shown(name, str(label), kind, value, errors.get(name, ""), hint_of(name))


def hint_of(name: str) -> str:
    """Say between which bounds a policy may be."""
    if name in NUMBERS:
        return _("%(least)d to %(most)d.") % NUMBERS[name]._asdict()
    return {
        "brand_name": _("Empty: the name from the desk's configuration."),
        "brand_colour": _("Like #2750c7, dark enough to be read on white. Empty: ours."),
    }.get(name, "")


def language_choices() -> tuple[tuple[str, str], ...]:
    """Give the languages to choose from."""
    return ("", _("As configured")), ("en", "English"), ("id", "Bahasa Indonesia")
