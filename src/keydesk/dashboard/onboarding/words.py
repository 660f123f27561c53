"""What the customer's onboarding pages say beside the names that the Console has as well: steps, hints, outcomes."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.onboarding.rules import BANK, BUSINESS, PERSON, Outcome, Section
from keydesk.web.applications import CHOICES, SECTION_NAMES, field_name

DOCUMENTS: Final = "documents"
SECTIONS: Final[dict[str, Promise]] = {
    "business": SECTION_NAMES[Section.BUSINESS],
    "people": SECTION_NAMES[Section.PEOPLE],
    DOCUMENTS: gettext_lazy("Documents"),
    "bank_account": SECTION_NAMES[Section.BANK_ACCOUNT],
    "products": SECTION_NAMES[Section.PRODUCTS],
    "consent": SECTION_NAMES[Section.CONSENT],
}
"""The steps in their order."""

INTRODUCTIONS: Final[dict[str, Promise]] = {
    "business": gettext_lazy("Who you are, as it stands in your papers."),
    "people": gettext_lazy("Who leads the business, and who owns it with which share."),
    DOCUMENTS: gettext_lazy("Scans or photos of the papers that prove it."),
    "bank_account": gettext_lazy("Where your money goes."),
    "products": gettext_lazy("What you want to use; you can ask for more later."),
    "consent": gettext_lazy("What you agree to when you submit the application."),
}

FIELDS: Final = {"business": BUSINESS, "people": PERSON, "bank_account": BANK}

OUTCOMES: Final[dict[str | None, tuple[str, Promise]]] = {
    None: ("warn", gettext_lazy("Waiting for a decision")),
    Outcome.APPROVED: ("good", gettext_lazy("Approved")),
    Outcome.REVISION: ("warn", gettext_lazy("Sent back for revision")),
    Outcome.REJECTED: ("bad", gettext_lazy("Rejected")),
    Outcome.OVERTAKEN: ("", gettext_lazy("Decided outside of the review")),
}

HINTS: Final[dict[str, Promise]] = {
    "business.legal_name": gettext_lazy("As in the deed, or as in the identity card."),
    "business.registration_number": gettext_lazy(
        "NIB or the like, 3 to 40 letters and digits; a company needs one."
    ),
    "business.tax_number": gettext_lazy("NPWP or the like, 3 to 40 letters and digits."),
    "people.share": gettext_lazy("Of an owner, such as 25 or 33.33."),
    "bank_account.holder": gettext_lazy("It has to be the business, or the individual."),
}

COMPLETIONS: Final[dict[str, str]] = {
    "business.legal_name": "organization",
    "business.address_1": "address-line1",
    "business.address_2": "address-line2",
    "business.city": "address-level2",
    "business.postcode": "postal-code",
    "business.country": "country-name",
}
"""What a browser may offer to fill in, by field."""


def section_of(path: str) -> str:
    """Give the section that a field's path belongs to."""
    return path.partition(".")[0]


def kind_of(path: str) -> str:
    """Give a path without the number of a person: what all people have in common."""
    return f"{section_of(path)}.{path.rpartition('.')[2]}"


def id_of(path: str) -> str:
    """Give the id of a field's element, which a link can lead to."""
    return path.replace(".", "-").replace("_", "-")


def label_of(path: str) -> str:
    """Give what a field is called, with the number of its person."""
    if not path.startswith("people."):
        return field_name(path)
    words = {"number": int(path.split(".")[1]) + 1, "field": field_name(path)}
    return _("Person %(number)d: %(field)s") % words


def choices_of(path: str) -> list[tuple[str, str]]:
    """Give the choices that a field has, with an empty one first; none for a field of text."""
    kind = kind_of(path).replace("people.", "person.")
    named = CHOICES.get(kind)
    if named is None:
        return []
    return [("", _("Please choose")), *((str(each), str(name)) for each, name in named.items())]
