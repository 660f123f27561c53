"""What an application's fields, choices and faults are called, for customers and the internal team alike."""

from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keydesk.control.access.refused import Refused
from keydesk.control.onboarding.filetypes import FileFault
from keydesk.control.onboarding.rules import (
    BANK,
    BUSINESS,
    PERSON,
    BusinessKind,
    Data,
    DocumentKind,
    Field,
    Industry,
    PersonRole,
    Reason,
    Section,
)

SECTION_NAMES: Final = {
    Section.BUSINESS: gettext_lazy("Business"),
    Section.PEOPLE: gettext_lazy("Directors and owners"),
    Section.BANK_ACCOUNT: gettext_lazy("Bank account"),
    Section.PRODUCTS: gettext_lazy("Products"),
    Section.CONSENT: gettext_lazy("Consent"),
}

FIELD_NAMES: Final = {
    "business.kind": gettext_lazy("Form of business"),
    "business.legal_name": gettext_lazy("Legal name"),
    "business.address_1": gettext_lazy("Address"),
    "business.address_2": gettext_lazy("Address, second line"),
    "business.city": gettext_lazy("City"),
    "business.postcode": gettext_lazy("Postcode"),
    "business.country": gettext_lazy("Country"),
    "business.industry": gettext_lazy("Industry"),
    "business.registration_number": gettext_lazy("Registration number"),
    "business.tax_number": gettext_lazy("Tax number"),
    "person.name": gettext_lazy("Full name"),
    "person.role": gettext_lazy("Role in the business"),
    "person.share": gettext_lazy("Share in per cent"),
    "bank_account.bank": gettext_lazy("Bank"),
    "bank_account.number": gettext_lazy("Account number"),
    "bank_account.holder": gettext_lazy("Account holder"),
    "people": gettext_lazy("Directors and owners"),
    "products": gettext_lazy("Products"),
    "consent": gettext_lazy("Consent"),
}
"""What each field is called; a person's fields are the same for everybody."""

BUSINESS_KINDS: Final = {
    BusinessKind.COMPANY: gettext_lazy("Company"),
    BusinessKind.INDIVIDUAL: gettext_lazy("Individual"),
}
INDUSTRIES: Final = {
    Industry.COMMERCE: gettext_lazy("Trade and e-commerce"),
    Industry.EDUCATION: gettext_lazy("Education"),
    Industry.FINANCE: gettext_lazy("Financial services"),
    Industry.HEALTH: gettext_lazy("Health"),
    Industry.LOGISTICS: gettext_lazy("Transport and logistics"),
    Industry.MANUFACTURING: gettext_lazy("Manufacturing"),
    Industry.PUBLIC: gettext_lazy("Public sector and non-profit"),
    Industry.SERVICES: gettext_lazy("Services"),
    Industry.TECHNOLOGY: gettext_lazy("Technology"),
    Industry.TRAVEL: gettext_lazy("Travel and hospitality"),
    Industry.OTHER: gettext_lazy("Something else"),
}
PERSON_ROLES: Final = {
    PersonRole.DIRECTOR: gettext_lazy("Director"),
    PersonRole.COMMISSIONER: gettext_lazy("Commissioner"),
    PersonRole.OWNER: gettext_lazy("Owner"),
}
DOCUMENT_KINDS: Final = {
    DocumentKind.REGISTRATION: gettext_lazy("Registration of the business"),
    DocumentKind.TAX: gettext_lazy("Tax certificate"),
    DocumentKind.IDENTITY: gettext_lazy("Identity card of a director or owner"),
    DocumentKind.BANK: gettext_lazy("Proof of the bank account"),
    DocumentKind.OTHER: gettext_lazy("Another document"),
}
CHOICES: Final[dict[str, dict[Any, Any]]] = {
    "business.kind": BUSINESS_KINDS,
    "business.industry": INDUSTRIES,
    "person.role": PERSON_ROLES,
}


def field_name(path: str) -> str:
    """Give what the field with this path is called: `people.0.share` is `Share in per cent`."""
    first, *rest = path.split(".")
    if first == Section.PEOPLE and rest:
        return str(FIELD_NAMES[f"person.{rest[-1]}"])
    if first == "documents":
        return str(DOCUMENT_KINDS[DocumentKind(rest[-1])])
    return str(FIELD_NAMES[path])


def shown_value(path: str, value: str) -> str:
    """Give a field's value as people read it; a choice by its name."""
    first, *rest = path.split(".")
    named = CHOICES.get(f"person.{rest[-1]}" if first == Section.PEOPLE else path, {})
    return str(named.get(value, value))


def problem_texts(refused: Refused) -> dict[str, str]:
    """Give a sentence for each field that a refusal names, by the field's path."""
    fields: dict[str, str] = refused.details.get("fields", {})
    return {path: fault_text(path, reason) for path, reason in fields.items()}


def fault_text(path: str, reason: str) -> str:
    """Say what is wrong with a field."""
    longest = longest_of(path)
    if reason == Reason.TOO_LONG and longest is not None:
        return _("Use %(count)d characters at most.") % {"count": longest}
    if reason == Reason.INVALID and path.endswith(".share"):
        return _("Give the share as a number from 0 to 100, such as 12.5.")
    special: dict[tuple[str, str], str] = {
        ("people", Reason.EMPTY): _("Name at least one director or owner."),
        ("products", Reason.EMPTY): _("Choose at least one product."),
        ("consent", Reason.EMPTY): _("Agree to the terms before you submit."),
        ("remarks", Reason.EMPTY): _("Write a remark beside at least one field."),
        ("bank_account.number", Reason.INVALID): _("An account number has 5 to 30 digits."),
    }
    return special.get((path, reason)) or reason_text(path, reason)


def reason_text(path: str, reason: str) -> str:
    """Say a reason that needs nothing of the field but whether it is a document."""
    if path.startswith("documents.") and reason in {Reason.EMPTY, FileFault.EMPTY}:
        return _("Add this document: a PDF, PNG or JPEG of 10 MB at most.")
    texts: dict[str, str] = {
        Reason.EMPTY: _("Fill in this field."),
        Reason.INVALID: _("This does not look right. Check it for typing errors."),
        Reason.OUTDATED: _("The terms have changed. Read them again and agree to them."),
        Reason.TOO_LONG: _("This text is too long."),
        Reason.TOO_MANY: _("There are too many of these. Remove one first."),
        Reason.TOO_MUCH: _("All shares together are more than 100 per cent."),
        Reason.UNKNOWN: _("Choose one of those that are offered."),
        FileFault.DAMAGED: _("This file is incomplete or damaged. Save it anew and try again."),
        FileFault.TOO_BIG: _("This file is larger than 10 MB."),
        FileFault.TYPE: _("This is no PDF, PNG or JPEG, whatever its name says."),
    }
    return texts.get(reason, _("Something in the form needs another look."))


def longest_of(path: str) -> int | None:
    """Give how long a field's text may be."""
    first, *rest = path.split(".")
    fields: dict[str, dict[str, Field]] = {
        "business": BUSINESS,
        "bank_account": BANK,
        "people": PERSON,
    }
    field = fields.get(first, {}).get(rest[-1]) if rest else None
    return None if field is None else field.longest


class Line:
    """A field of an application as it is shown: its path, its name and its value."""

    def __init__(self, path: str, value: str) -> None:
        """Takes the field's path and its value as it is stored."""
        self.path = path
        self.name = field_name(path)
        self.value = shown_value(path, value)


def lines_of(section: str, fields: dict[str, Field], values: Data) -> list[Line]:
    """Give the fields of a section as they are shown."""
    return [Line(f"{section}.{name}", values.get(name, "")) for name in fields]
