"""The fields of a section as its form shows them, and what a form sends as the section's values."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django.http import QueryDict
from django.utils.translation import gettext as _

from keydesk.control.onboarding.queries import ApplicationFile
from keydesk.control.onboarding.rules import MOST_PEOPLE, Section
from keydesk.dashboard.onboarding.words import (
    COMPLETIONS,
    FIELDS,
    HINTS,
    choices_of,
    id_of,
    kind_of,
    section_of,
)
from keydesk.web.applications import fault_text, field_name, shown_value
from keydesk.web.digits import number_in

MOST_DIGITS: Final = 9
FIRST_ROWS: Final = 1
"""How many empty people a form begins with."""


class Answer(NamedTuple):
    """A field as its form shows it."""

    path: str
    id: str
    label: str
    value: str
    error: str
    hint: str
    remark: str
    before: str
    """What was submitted, where that is something else now."""
    saved: str
    """What somebody else has saved meanwhile, where that is not what stands here."""
    choices: list[tuple[str, str]]
    completion: str


class Shown(NamedTuple):
    """What stands in a form: the texts by path, what is wrong with them, and what was saved meanwhile."""

    texts: Mapping[str, str]
    errors: Mapping[str, str]
    meanwhile: Mapping[str, str]


def texts_of(section: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Give a section's texts by the path of each field."""
    stored = data.get(section, {})
    if section not in FIELDS:
        return {}
    if section == Section.PEOPLE:
        return {
            f"people.{number}.{name}": text
            for number, person in enumerate(stored or [])
            for name, text in person.items()
        }
    return {f"{section}.{name}": text for name, text in stored.items()}


def texts_typed(section: str, sent: QueryDict, *, people: int) -> dict[str, str]:
    """Give what was typed into a section's fields by path."""
    return {path: sent.get(path, "") for path in paths_of(section, people=people)}


def values_typed(section: str, sent: QueryDict, *, people: int) -> dict[str, Any]:
    """Give what a form sends as the values that `save_section` takes."""
    if section == Section.PRODUCTS:
        return {"wanted": sent.getlist("products")}
    if section == Section.CONSENT:
        return {"agreed": "agreed" in sent, "text_version": sent.get("text_version", "")}
    if section == Section.PEOPLE:
        rows = [
            {name: sent.get(f"people.{number}.{name}", "") for name in FIELDS["people"]}
            for number in range(people)
        ]
        return {"people": rows}
    return {name: sent.get(f"{section}.{name}", "") for name in FIELDS[section]}


def people_sent(sent: QueryDict) -> int:
    """Give how many people a form has, as its fields tell; never many more than there may be."""
    numbers = [
        number
        for parts in (name.split(".") for name in sent)
        if parts[0] == "people" and len(parts) == len(("people", "number", "field"))
        if (number := number_in(parts[1], digits=MOST_DIGITS)) is not None
    ]
    return min(max(numbers, default=-1) + 1, MOST_PEOPLE + 1)


def version_sent(sent: QueryDict) -> int:
    """Give the version of the application that a form was made from; one that there never is if it names none."""
    number = number_in(sent.get("version", ""), digits=MOST_DIGITS)
    return -1 if number is None else number


def people_stored(data: Mapping[str, Any]) -> int:
    """Give how many people a form begins with: those that are stored, or empty ones to fill in."""
    return len(data.get("people") or []) or FIRST_ROWS


def without_person(texts: Mapping[str, str], number: int, *, people: int) -> dict[str, str]:
    """Give the texts without one of the people, those behind moved up."""
    kept = [each for each in range(people) if each != number]
    return {
        f"people.{new}.{name}": texts.get(f"people.{old}.{name}", "")
        for new, old in enumerate(kept)
        for name in FIELDS["people"]
    }


def paths_of(section: str, *, people: int = 0) -> list[str]:
    """Give the paths of a section's fields of text, in the order of the page."""
    if section == Section.PEOPLE:
        return [f"people.{number}.{name}" for number in range(people) for name in FIELDS["people"]]
    return [f"{section}.{name}" for name in FIELDS.get(section, {})]


def answers(paths: list[str], shown: Shown, file: ApplicationFile) -> list[Answer]:
    """Give the fields of these paths as the form shows them, with what the reviewer says of them."""
    return [answer(path, shown, file) for path in paths]


def answer(path: str, shown: Shown, file: ApplicationFile) -> Answer:
    """Give one field as the form shows it."""
    kind, value = kind_of(path), shown.texts.get(path, "")
    saved = shown.meanwhile.get(path, value)
    reason = shown.errors.get(path)
    before = text_before(path, file)
    return Answer(
        path=path,
        id=id_of(path),
        label=label_in_form(path),
        value=value,
        error="" if reason is None else fault_text(path, reason),
        hint=str(HINTS.get(kind, "")),
        remark=file.remarks.get(path, ""),
        before="" if before is None or before == value else in_words(path, before),
        saved="" if saved == value else in_words(path, saved),
        choices=choices_of(path),
        completion=COMPLETIONS.get(kind, "off"),
    )


def label_in_form(path: str) -> str:
    """Give a field's label, which says if it may stay empty."""
    section, name = section_of(path), path.rpartition(".")[2]
    label = field_name(path)
    if FIELDS[section][name].is_required:
        return label
    return _("%(field)s (optional)") % {"field": label}


def in_words(path: str, text: str) -> str:
    """Give a stored text as people read it."""
    return shown_value(path, text) if text else _("nothing")


def text_before(path: str, file: ApplicationFile) -> str | None:
    """Give what was submitted for a field last, None if nothing was submitted yet."""
    if file.latest is None:
        return None
    return texts_of(section_of(path), file.latest.data).get(path, "")
