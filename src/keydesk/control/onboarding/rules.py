"""What an application asks for, which answers stand, and what is missing before it can be submitted; pure.

A field is named by its path: `business.legal_name`, `people.0.share`. What is wrong with one is a `Reason`.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from keydesk.control.access.names import is_name

CONSENT_VERSION: Final = "2026-11"
"""Which text of the consent is agreed to today."""
MOST_PEOPLE: Final = 20
MOST_DOCUMENTS: Final = 20
"""How many documents an application has at a time."""
MOST_DOCUMENTS_EVER: Final = 100
"""... with those that earlier submissions hold."""
WHOLE: Final = 100_00
"""All shares of a business together, in hundredths of a per cent."""
REMARK_LENGTH: Final = 1000
REASON_LENGTH: Final = 2000

Data = dict[str, Any]
Problems = dict[str, str]


class Section(StrEnum):
    """The parts of an application that are saved one at a time; documents come by themselves."""

    BANK_ACCOUNT = "bank_account"
    BUSINESS = "business"
    CONSENT = "consent"
    PEOPLE = "people"
    PRODUCTS = "products"


class Reason(StrEnum):
    """What is wrong with a field."""

    EMPTY = "empty"
    INVALID = "invalid"
    OUTDATED = "outdated"
    """The consent is to an older text."""
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    TOO_MUCH = "too_much"
    """The shares come to more than 100 per cent."""
    UNKNOWN = "unknown"
    """There is no such field, or no such choice."""


class BusinessKind(StrEnum):
    """In which form a business is run."""

    COMPANY = "company"
    INDIVIDUAL = "individual"


class Industry(StrEnum):
    """What a business does."""

    COMMERCE = "commerce"
    EDUCATION = "education"
    FINANCE = "finance"
    HEALTH = "health"
    LOGISTICS = "logistics"
    MANUFACTURING = "manufacturing"
    OTHER = "other"
    PUBLIC = "public"
    SERVICES = "services"
    TECHNOLOGY = "technology"
    TRAVEL = "travel"


class PersonRole(StrEnum):
    """What somebody is in the business."""

    COMMISSIONER = "commissioner"
    DIRECTOR = "director"
    OWNER = "owner"


class DocumentKind(StrEnum):
    """What a document proves."""

    BANK = "bank"
    IDENTITY = "identity"
    OTHER = "other"
    REGISTRATION = "registration"
    TAX = "tax"


class Outcome(StrEnum):
    """What was decided on a submission."""

    APPROVED = "approved"
    OVERTAKEN = "overtaken"
    """The host operator moved the account past it."""
    REJECTED = "rejected"
    REVISION = "revision"


class Field(NamedTuple):
    """A field of text: how long it may be, and which shape or choices it has."""

    longest: int
    is_required: bool = True
    shape: re.Pattern[str] | None = None
    choices: type[StrEnum] | None = None
    companies_only: bool = False
    """Whether only a company must fill it in."""


NUMBER: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z ./-]{2,39}", re.ASCII)
SHARE: Final = re.compile(r"100([.,]0{1,2})?|[0-9]{1,2}([.,][0-9]{1,2})?", re.ASCII)
"""With a point or, as in Indonesian, a comma."""
BANK_NUMBER: Final = re.compile(r"[0-9](?:[ -]*[0-9]){4,29}", re.ASCII)

BUSINESS: Final[dict[str, Field]] = {
    "kind": Field(20, choices=BusinessKind),
    "legal_name": Field(120),
    "address_1": Field(120),
    "address_2": Field(120, is_required=False),
    "city": Field(80),
    "postcode": Field(12),
    "country": Field(60),
    "industry": Field(20, choices=Industry),
    "registration_number": Field(40, shape=NUMBER, companies_only=True),
    "tax_number": Field(40, shape=NUMBER),
}
PERSON: Final[dict[str, Field]] = {
    "name": Field(120),
    "role": Field(20, choices=PersonRole),
    "share": Field(6, is_required=False, shape=SHARE),
}
BANK: Final[dict[str, Field]] = {
    "bank": Field(80),
    "number": Field(30, shape=BANK_NUMBER),
    "holder": Field(120),
}

REQUIRED_DOCUMENTS: Final[dict[str, tuple[DocumentKind, ...]]] = {
    BusinessKind.COMPANY: (DocumentKind.REGISTRATION, DocumentKind.TAX, DocumentKind.IDENTITY),
    BusinessKind.INDIVIDUAL: (DocumentKind.IDENTITY,),
}
"""Which kinds of document each form of business must show."""


class Checked(NamedTuple):
    """A section as it is stored, and what is wrong with it; what is wrong is not stored."""

    value: Any
    problems: Problems


def check_section(section: Section, values: Mapping[str, Any], *, offered: set[str]) -> Checked:
    """Check what was typed into a section, empty fields allowed.

    `offered` are the places (`disbursement/live`) that may be wanted. A field that the section does not have is a
    problem and never ignored.
    """
    checks: dict[Section, Callable[[], Checked]] = {
        Section.BUSINESS: lambda: check_fields("business", BUSINESS, values),
        Section.BANK_ACCOUNT: lambda: check_fields("bank_account", BANK, values),
        Section.PEOPLE: lambda: check_people(values),
        Section.PRODUCTS: lambda: check_products(values, offered),
        Section.CONSENT: lambda: check_consent(values),
    }
    return checks[section]()


def check_fields(prefix: str, fields: dict[str, Field], values: Mapping[str, Any]) -> Checked:
    """Check texts by name; a field that is not given is empty."""
    problems = {f"{prefix}.{name}": str(Reason.UNKNOWN) for name in values if name not in fields}
    cleaned = {}
    for name, field in fields.items():
        text = values.get(name, "")
        cleaned[name] = text.strip() if isinstance(text, str) else ""
        reason = fault_in(field, cleaned[name]) if isinstance(text, str) else Reason.INVALID
        if reason is not None:
            problems[f"{prefix}.{name}"] = str(reason)
    return Checked(cleaned, problems)


def fault_in(field: Field, text: str) -> Reason | None:
    """Give what is wrong with a trimmed text, None if nothing is; an empty one may still be filled in."""
    if not text:
        return None
    if len(text) > field.longest:
        return Reason.TOO_LONG
    if not is_name(text, longest=field.longest):
        return Reason.INVALID
    if field.choices is not None and text not in set(field.choices):
        return Reason.UNKNOWN
    if field.shape is not None and not field.shape.fullmatch(text):
        return Reason.INVALID
    return None


def only(prefix: str, name: str, values: Mapping[str, Any]) -> Problems:
    """Give a problem for each value but the one of this name."""
    return {f"{prefix}.{other}": str(Reason.UNKNOWN) for other in values if other != name}


def check_people(values: Mapping[str, Any]) -> Checked:
    """Check `people`, a list of directors and owners; whoever is empty in every field is left out."""
    problems = only("people", "people", values)
    given = values.get("people", [])
    if not isinstance(given, list) or not all(isinstance(person, dict) for person in given):
        return Checked([], problems | {"people": str(Reason.INVALID)})
    if len(given) > MOST_PEOPLE:
        return Checked([], problems | {"people": str(Reason.TOO_MANY)})
    people = []
    for number, person in enumerate(given):
        checked = check_fields(f"people.{number}", PERSON, person)
        problems |= checked.problems
        if any(checked.value.values()) or checked.problems:
            people.append(checked.value)
    if not problems and sum(hundredths(person["share"]) for person in people) > WHOLE:
        problems["people"] = str(Reason.TOO_MUCH)
    return Checked(people, problems)


def hundredths(share: str) -> int:
    """Give a share in hundredths of a per cent."""
    whole, _, rest = share.replace(",", ".").partition(".")
    return int(whole or 0) * 100 + int(rest.ljust(2, "0"))


def check_products(values: Mapping[str, Any], offered: set[str]) -> Checked:
    """Check `wanted`, a list of places such as `disbursement/live`; a place named twice counts once."""
    problems = only("products", "wanted", values)
    wanted = values.get("wanted", [])
    if not isinstance(wanted, list) or not all(isinstance(place, str) for place in wanted):
        return Checked([], problems | {"products": str(Reason.INVALID)})
    if not set(wanted) <= offered:
        problems["products"] = str(Reason.UNKNOWN)
    return Checked(sorted(set(wanted) & offered), problems)


def check_consent(values: Mapping[str, Any]) -> Checked:
    """Check `agreed` (true or false) and `text_version`; the action adds who and when."""
    problems = {
        f"consent.{name}": str(Reason.UNKNOWN)
        for name in values
        if name not in {"agreed", "text_version"}
    }
    agreed, version = values.get("agreed", False), values.get("text_version", "")
    if not isinstance(agreed, bool):
        problems["consent"] = str(Reason.INVALID)
    elif agreed and version != CONSENT_VERSION:
        problems["consent"] = str(Reason.OUTDATED)
    elif agreed:
        return Checked({"text_version": version}, problems)
    return Checked({}, problems)


def missing(data: Data, documents: set[str]) -> Problems:
    """Give what an application lacks before it can be submitted: its data, and the kinds of document it has."""
    business, people = data.get("business", {}), data.get("people", [])
    is_company = business.get("kind") != BusinessKind.INDIVIDUAL
    problems = empty_fields("business", BUSINESS, business, is_company=is_company)
    problems |= empty_fields("bank_account", BANK, data.get("bank_account", {}))
    for number, person in enumerate(people):
        problems |= empty_fields(f"people.{number}", PERSON, person)
        if person.get("role") == PersonRole.OWNER and not person.get("share"):
            problems[f"people.{number}.share"] = str(Reason.EMPTY)
    problems |= {
        name: str(Reason.EMPTY)
        for name in ("people", "products")
        if not data.get(name) and (is_company or name != "people")
    }
    required = REQUIRED_DOCUMENTS.get(business.get("kind", ""), ())
    problems |= {
        f"documents.{kind}": str(Reason.EMPTY) for kind in required if kind not in documents
    }
    return problems | missing_consent(data.get("consent", {}))


def missing_consent(consent: Data) -> Problems:
    """Say what the consent lacks."""
    if not consent:
        return {"consent": str(Reason.EMPTY)}
    is_current = consent.get("text_version") == CONSENT_VERSION
    return {} if is_current else {"consent": str(Reason.OUTDATED)}


def empty_fields(
    prefix: str, fields: dict[str, Field], values: Data, *, is_company: bool = True
) -> Problems:
    """Give the fields that must be filled in and are not."""
    return {
        f"{prefix}.{name}": str(Reason.EMPTY)
        for name, field in fields.items()
        if field.is_required and not values.get(name) and (is_company or not field.companies_only)
    }


def fields_of(data: Data) -> list[str]:
    """Give the paths of all fields that a reviewer may remark on, in the order of the pages."""
    people = [
        f"people.{number}.{name}"
        for number in range(len(data.get("people", [])))
        for name in PERSON
    ]
    return [
        *(f"business.{name}" for name in BUSINESS),
        "people",
        *people,
        *(f"documents.{kind}" for kind in DocumentKind),
        *(f"bank_account.{name}" for name in BANK),
        "products",
        "consent",
    ]


def check_remarks(data: Data, remarks: Mapping[str, str]) -> Checked:
    """Check a reviewer's remarks by the path of each field; empty ones are left out, and one at least is needed."""
    known = fields_of(data)
    problems = {name: str(Reason.UNKNOWN) for name in remarks if name not in known}
    cleaned = {}
    for name in known:
        text = clean_text(remarks.get(name, ""))
        if text is None:
            problems[name] = str(Reason.INVALID)
        elif len(text) > REMARK_LENGTH:
            problems[name] = str(Reason.TOO_LONG)
        elif text:
            cleaned[name] = text
    if not cleaned and not problems:
        problems["remarks"] = str(Reason.EMPTY)
    return Checked(cleaned, problems)


def clean_text(text: object) -> str | None:
    """Give a text of several lines, trimmed; None if it is none or has characters that cannot be shown."""
    if not isinstance(text, str):
        return None
    lines = [line.strip() for line in text.replace("\r\n", "\n").strip().split("\n")]
    return "\n".join(lines) if all(not line or line.isprintable() for line in lines) else None
