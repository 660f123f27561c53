"""How far an application is: each step with what it still lacks, and the frame around the steps' pages."""

from typing import Any, Final, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keydesk.control.onboarding.actions import EDITABLE
from keydesk.control.onboarding.queries import ApplicationFile, frozen_documents
from keydesk.control.onboarding.rules import Section, missing
from keydesk.dashboard.onboarding.words import (
    DOCUMENTS,
    INTRODUCTIONS,
    SECTIONS,
    id_of,
    label_of,
    section_of,
)
from keydesk.dashboard.pages import frame
from keydesk.dashboard.visit import Visit

REVIEW: Final = "review"


class Step(NamedTuple):
    """A section on the way through the application."""

    slug: str
    name: str
    introduction: str
    url: str
    is_done: bool
    tone: str
    state: str
    """How it stands, in words."""


def is_open(visit: Visit) -> bool:
    """Say whether the application can be changed now."""
    return visit.account.status in EDITABLE


def lacking(file: ApplicationFile) -> dict[str, str]:
    """Give what the application lacks before it can be submitted, by path."""
    return missing(file.data, {document.kind for document in file.documents})


def steps_of(visit: Visit, file: ApplicationFile) -> list[Step]:
    """Give the steps in their order."""
    lacks = [section_of(path) for path in lacking(file)]
    remarked = {section_of(path) for path in open_remarks(file)}
    return [
        step_of(visit, file, section, missing_count=lacks.count(section), remarked=remarked)
        for section in SECTIONS
    ]


def step_of(
    visit: Visit, file: ApplicationFile, section: str, *, missing_count: int, remarked: set[str]
) -> Step:
    """Give one step and how it stands."""
    is_begun = bool(file.documents) if section == DOCUMENTS else section in file.data
    if section in remarked:
        tone, state = "warn", _("Needs a revision")
    elif not is_begun:
        tone, state = "", _("Not begun")
    elif missing_count:
        tone, state = "", missing_text(missing_count)
    else:
        tone, state = "good", _("Complete")
    return Step(
        slug=section,
        name=str(SECTIONS[section]),
        introduction=str(INTRODUCTIONS[section]),
        url=section_url(visit, section),
        is_done=tone == "good",
        tone=tone,
        state=state,
    )


def missing_text(count: int) -> str:
    """Say how many answers are missing."""
    return ngettext("%(count)d answer missing", "%(count)d answers missing", count) % {
        "count": count
    }


def open_remarks(file: ApplicationFile) -> dict[str, str]:
    """Give the reviewer's remarks on what is still as it was submitted."""
    if file.latest is None:
        return {}
    return {
        path: remark
        for path, remark in file.remarks.items()
        if stands_at(path, file.data, frozen_documents(file.documents))
        == stands_at(path, file.latest.data, file.latest.documents)
    }


def remark_views(visit: Visit, file: ApplicationFile) -> list[dict[str, str]]:
    """Give the reviewer's remarks, each with its field and the address where that is changed."""
    return [
        {
            "label": label_of(path),
            "text": remark,
            "url": f"{section_url(visit, section_of(path))}#{id_of(path)}",
        }
        for path, remark in file.remarks.items()
    ]


def stands_at(path: str, data: dict[str, Any], documents: list[dict[str, Any]]) -> Any:
    """Give what an application has at a path: a text, a section, or the documents of a kind."""
    section, *rest = path.split(".")
    if section == DOCUMENTS:
        return [document["id"] for document in documents if document["kind"] == rest[0]]
    value: Any = data.get(section)
    for name in rest:
        if isinstance(value, list):
            number = int(name)
            value = value[number] if number < len(value) else {}
        else:
            value = (value or {}).get(name, "")
    return value or None


def must_agree_again(visit: Visit, file: ApplicationFile) -> bool:
    """Say whether the consent is still to be given again, after a submission that came back."""
    return is_open(visit) and file.latest is not None and Section.CONSENT not in file.data


def next_url(visit: Visit, section: str) -> str:
    """Give the address of what comes after a section."""
    order = [*SECTIONS, REVIEW]
    return section_url(visit, order[order.index(section) + 1])


def previous_url(visit: Visit, section: str) -> str:
    """Give the address of what comes before a section."""
    order = list(SECTIONS)
    place = order.index(section)
    return section_url(visit, order[place - 1]) if place else visit.url("onboarding")


def section_url(visit: Visit, section: str) -> str:
    """Give the address of a section, or of the review behind them all."""
    if section == REVIEW:
        return visit.url("onboarding_review")
    if section == DOCUMENTS:
        return visit.url("onboarding_documents")
    return visit.url("onboarding_section", section=section)


def is_section(text: str) -> bool:
    """Say whether this is the name of a section that is saved."""
    return text in set(Section)


def wizard_frame(visit: Visit, file: ApplicationFile, *, here: str) -> dict[str, Any]:
    """Give what the frame of a step's page needs."""
    steps = steps_of(visit, file)
    return frame(visit, section="onboarding", is_section=False) | {
        "switch_path": visit.url("onboarding"),
        "steps": steps,
        "here_step": here,
        "done_count": sum(step.is_done for step in steps),
        "is_open": is_open(visit),
        "must_agree_again": must_agree_again(visit, file),
        "version": file.version,
        "review_url": section_url(visit, REVIEW),
        "start_url": visit.url("onboarding"),
    }
