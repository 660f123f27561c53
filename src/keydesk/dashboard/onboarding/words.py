"""What the onboarding pages call sections, fields, choices and whatever is wrong with them."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.onboarding.filetypes import LARGEST_BYTES, FileFault
from keydesk.control.onboarding.rules import (
    BANK,
    BUSINESS,
    MOST_DOCUMENTS,
    MOST_PEOPLE,
    PERSON,
    BusinessKind,
    DocumentKind,
    Industry,
    Outcome,
    PersonRole,
    Reason,
)

DOCUMENTS: Final = "documents"
SECTIONS: Final[dict[str, Promise]] = {
    "business": gettext_lazy("Business"),
    "people": gettext_lazy("Directors and owners"),
    DOCUMENTS: gettext_lazy("Documents"),
    "bank_account": gettext_lazy("Bank account"),
    "products": gettext_lazy("Products"),
    "consent": gettext_lazy("Consent"),
}
"""The steps in their order."""

INTRODUCTIONS: Final[dict[str, Promise]] = {
    "business": gettext_lazy("Who you are, as it stands in your papers."),
    "people": gettext_lazy("Who leads the business, and who owns it with which share."),
    DOCUMENTS: gettext_lazy("Scans or photos of the papers that prove it."),
    "bank_account": gettext_lazy("Where money that is yours goes to."),
    "products": gettext_lazy("What you want to use; you can ask for more later."),
    "consent": gettext_lazy("What you agree to when you submit the application."),
}

BUSINESS_LABELS: Final[dict[str, Promise]] = {
    "kind": gettext_lazy("Form of business"),
    "legal_name": gettext_lazy("Legal name"),
    "address_1": gettext_lazy("Address"),
    "address_2": gettext_lazy("Address, second line"),
    "city": gettext_lazy("City"),
    "postcode": gettext_lazy("Postcode"),
    "country": gettext_lazy("Country"),
    "industry": gettext_lazy("Industry"),
    "registration_number": gettext_lazy("Registration number"),
    "tax_number": gettext_lazy("Tax number"),
}
PERSON_LABELS: Final[dict[str, Promise]] = {
    "name": gettext_lazy("Full name"),
    "role": gettext_lazy("Role in the business"),
    "share": gettext_lazy("Share in per cent"),
}
BANK_LABELS: Final[dict[str, Promise]] = {
    "bank": gettext_lazy("Bank"),
    "number": gettext_lazy("Account number"),
    "holder": gettext_lazy("Account holder"),
}
FIELDS: Final = {"business": BUSINESS, "people": PERSON, "bank_account": BANK}
LABELS: Final = {
    "business": BUSINESS_LABELS,
    "people": PERSON_LABELS,
    "bank_account": BANK_LABELS,
}

CHOICES: Final[dict[str, Promise]] = {
    BusinessKind.COMPANY: gettext_lazy("Company"),
    BusinessKind.INDIVIDUAL: gettext_lazy("Individual"),
    Industry.COMMERCE: gettext_lazy("Commerce"),
    Industry.EDUCATION: gettext_lazy("Education"),
    Industry.FINANCE: gettext_lazy("Finance"),
    Industry.HEALTH: gettext_lazy("Health"),
    Industry.LOGISTICS: gettext_lazy("Logistics"),
    Industry.MANUFACTURING: gettext_lazy("Manufacturing"),
    Industry.OTHER: gettext_lazy("Something else"),
    Industry.PUBLIC: gettext_lazy("Public sector"),
    Industry.SERVICES: gettext_lazy("Services"),
    Industry.TECHNOLOGY: gettext_lazy("Technology"),
    Industry.TRAVEL: gettext_lazy("Travel"),
    PersonRole.COMMISSIONER: gettext_lazy("Commissioner"),
    PersonRole.DIRECTOR: gettext_lazy("Director"),
    PersonRole.OWNER: gettext_lazy("Owner"),
}
"""Each value that a choice stores, in words; no two choices share a value."""

DOCUMENT_KINDS: Final[dict[str, Promise]] = {
    DocumentKind.REGISTRATION: gettext_lazy("Company registration"),
    DocumentKind.TAX: gettext_lazy("Tax card"),
    DocumentKind.IDENTITY: gettext_lazy("Identity card of a director or owner"),
    DocumentKind.BANK: gettext_lazy("Bank statement"),
    DocumentKind.OTHER: gettext_lazy("Something else"),
}

OUTCOMES: Final[dict[str | None, tuple[str, Promise]]] = {
    None: ("warn", gettext_lazy("Waiting for a decision")),
    Outcome.APPROVED: ("good", gettext_lazy("Approved")),
    Outcome.REVISION: ("warn", gettext_lazy("Sent back for revision")),
    Outcome.REJECTED: ("bad", gettext_lazy("Rejected")),
    Outcome.OVERTAKEN: ("", gettext_lazy("Decided outside of the review")),
}

HINTS: Final[dict[str, Promise]] = {
    "business.legal_name": gettext_lazy("As in the deed, or as in the identity card."),
    "business.registration_number": gettext_lazy("NIB or the like; a company needs one."),
    "business.tax_number": gettext_lazy("NPWP or the like."),
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

INVALID: Final[dict[str, Promise]] = {
    "registration_number": gettext_lazy(
        "Use 3 to 40 letters and digits, with spaces, dots, slashes or hyphens between them."
    ),
    "tax_number": gettext_lazy(
        "Use 3 to 40 letters and digits, with spaces, dots, slashes or hyphens between them."
    ),
    "share": gettext_lazy("Write a number from 0 to 100 with a point, such as 25 or 33.33."),
    "number": gettext_lazy("Use 5 to 30 digits, with spaces or hyphens between them."),
}

MISSING: Final[dict[str, Promise]] = {
    "people": gettext_lazy("Name at least one director or owner."),
    "products": gettext_lazy("Choose at least one product."),
    "consent": gettext_lazy("Agree to the text."),
    "share": gettext_lazy("Say which share the owner has."),
}

FILE_FAULTS: Final[dict[str, Promise]] = {
    FileFault.DAMAGED: gettext_lazy("This file is damaged or not complete. Choose another copy."),
    FileFault.EMPTY: gettext_lazy("Choose a file that is not empty."),
    FileFault.TYPE: gettext_lazy("This file is no PDF, PNG or JPEG, whatever its name says."),
}


def section_of(path: str) -> str:
    """Give the section that a field's path belongs to."""
    return path.partition(".")[0]


def field_of(path: str) -> str:
    """Give a field's own name: the last part of its path."""
    return path.rpartition(".")[2]


def kind_of(path: str) -> str:
    """Give a path without the number of a person: what all people have in common."""
    return f"{section_of(path)}.{field_of(path)}"


def id_of(path: str) -> str:
    """Give the id of a field's element, which a link can lead to."""
    return path.replace(".", "-").replace("_", "-")


def label_of(path: str) -> str:
    """Give what a field is called, with the number of its person."""
    section, name = section_of(path), field_of(path)
    if section == DOCUMENTS and name in DOCUMENT_KINDS:
        return str(DOCUMENT_KINDS[name])
    label = LABELS.get(section, {}).get(name)
    if label is None:
        return str(SECTIONS.get(section, path))
    if section == "people":
        number = int(path.split(".")[1]) + 1
        return _("Person %(number)d: %(field)s") % {"number": number, "field": label}
    return str(label)


def choices_of(path: str) -> list[tuple[str, str]]:
    """Give the choices that a field has, with an empty one first; none for a field of text."""
    field = FIELDS[section_of(path)][field_of(path)]
    if field.choices is None:
        return []
    return [("", _("Please choose")), *((str(each), str(CHOICES[each])) for each in field.choices)]


def sentence_for(path: str, reason: str) -> str:
    """Say what is wrong with a field."""
    name = field_of(path)
    field = FIELDS.get(section_of(path), {}).get(name)
    sentences = {
        Reason.EMPTY: MISSING.get(name, _("Fill this in.")),
        Reason.OUTDATED: _("The text has changed meanwhile. Read it again and agree to it."),
        Reason.TOO_LONG: _("Use %(longest)d characters at most.")
        % {"longest": 0 if field is None else field.longest},
        Reason.TOO_MANY: _("Name %(most)d people at most.") % {"most": MOST_PEOPLE},
        Reason.TOO_MUCH: _("The shares come to more than 100 per cent."),
        Reason.UNKNOWN: _("Choose one that is on offer."),
    }
    if section_of(path) == DOCUMENTS:
        return _("Add this document.")
    return str(sentences.get(Reason(reason), INVALID.get(name, _("Use plain text in one line."))))


def sentence_for_file(reason: str) -> str:
    """Say why a file was not kept."""
    if reason == FileFault.TOO_BIG:
        return _("This file is bigger than %(size)d MB.") % {"size": LARGEST_BYTES // 1024**2}
    if reason == Reason.TOO_MANY:
        most = _("There are %(most)d documents already. Remove one first.")
        return most % {"most": MOST_DOCUMENTS}
    return str(FILE_FAULTS.get(reason, _("Choose what the document proves.")))
