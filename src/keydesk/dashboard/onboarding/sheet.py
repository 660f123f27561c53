"""An application on one sheet: what each field says, what is missing, remarked on or changed."""

from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from keydesk.control.catalog.queries import products_by_name
from keydesk.control.onboarding.queries import ApplicationFile, frozen_documents
from keydesk.control.onboarding.rules import Section
from keydesk.core.records import Environment
from keydesk.dashboard.cards import environment_named
from keydesk.dashboard.onboarding.answers import in_words, paths_of, texts_of
from keydesk.dashboard.onboarding.progress import (
    lacking,
    section_url,
    stands_at,
)
from keydesk.dashboard.onboarding.words import (
    DOCUMENTS,
    SECTIONS,
    id_of,
    label_of,
    section_of,
)
from keydesk.dashboard.products import ENVIRONMENT_NAMES
from keydesk.dashboard.visit import Visit
from keydesk.web.applications import DOCUMENT_KINDS, fault_text


class Line(NamedTuple):
    """A field as the sheet shows it."""

    label: str
    texts: list[str]
    links: list[tuple[str, str]]
    """Documents: the name of each and where it is."""
    missing: str
    remark: str
    is_changed: bool
    url: str
    """Where the field is filled in."""


class Part(NamedTuple):
    """A section as the sheet shows it."""

    slug: str
    name: str
    url: str
    lines: list[Line]


class Sheet(NamedTuple):
    """What the lines of a sheet are made of."""

    visit: Visit
    file: ApplicationFile
    lacks: dict[str, str]
    product_names: dict[str, str]

    @property
    def data(self) -> dict[str, Any]:
        """The sections as they stand."""
        return self.file.data

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The documents as they stand."""
        return frozen_documents(self.file.documents)


def parts_of(visit: Visit, file: ApplicationFile, *, is_open: bool) -> list[Part]:
    """Give the sheet's sections; what is missing is said only while it can be filled in."""
    names = {product.slug: product.name for product in products_by_name()}
    sheet = Sheet(visit, file, lacking(file) if is_open else {}, names)
    return [
        Part(
            slug=section,
            name=str(name),
            url=section_url(visit, section),
            lines=[line_of(sheet, path) for path in paths_on_sheet(sheet, section)],
        )
        for section, name in SECTIONS.items()
    ]


def paths_on_sheet(sheet: Sheet, section: str) -> list[str]:
    """Give the paths of a section's lines, in the order of the page."""
    if section == DOCUMENTS:
        kinds = {document["kind"] for document in sheet.documents}
        paths = [f"{DOCUMENTS}.{kind}" for kind in DOCUMENT_KINDS]
        spoken_of = {*sheet.lacks, *sheet.file.remarks, *(f"{DOCUMENTS}.{kind}" for kind in kinds)}
        return [path for path in paths if path in spoken_of]
    if section == Section.PEOPLE:
        people = paths_of(section, people=len(sheet.data.get(section) or []))
        about_all = section in sheet.lacks or section in sheet.file.remarks
        return [section, *people] if about_all else people
    return paths_of(section) or [section]


def line_of(sheet: Sheet, path: str) -> Line:
    """Give one line."""
    section, file = section_of(path), sheet.file
    reason = sheet.lacks.get(path)
    links = document_links(sheet, path) if section == DOCUMENTS else []
    return Line(
        label=label_of(path),
        texts=[] if links else texts_on_sheet(sheet, path),
        links=links,
        missing="" if reason is None else fault_text(path, reason),
        remark=file.remarks.get(path, ""),
        is_changed=is_changed(sheet, path),
        url=f"{section_url(sheet.visit, section)}#{id_of(path)}",
    )


def texts_on_sheet(sheet: Sheet, path: str) -> list[str]:
    """Give what a line says, a text for each product or the one text of a field."""
    if path == Section.PRODUCTS:
        return [place_in_words(sheet, place) for place in sheet.data.get(path, [])]
    if path == Section.CONSENT:
        given = sheet.data.get(path) or {}
        return [_("Agreed to by %(name)s") % {"name": given["by"]}] if given else []
    text = texts_of(section_of(path), sheet.data).get(path, "")
    return [in_words(path, text)] if text else []


def place_in_words(sheet: Sheet, place: str) -> str:
    """Give a product and its environment in words."""
    product, _slash, environment = place.partition("/")
    where = environment_named(environment) or Environment.LIVE
    return f"{sheet.product_names.get(product, product)}, {ENVIRONMENT_NAMES[where]}"


def document_links(sheet: Sheet, path: str) -> list[tuple[str, str]]:
    """Give the documents of a kind, by name and address."""
    return [
        (document["name"], sheet.visit.url("onboarding_document", document_id=document["id"]))
        for document in sheet.documents
        if f"{DOCUMENTS}.{document['kind']}" == path
    ]


def is_changed(sheet: Sheet, path: str) -> bool:
    """Say whether a field is another than it was when the application was submitted last."""
    latest = sheet.file.latest
    if latest is None or path == Section.CONSENT:
        return False
    now = stands_at(path, sheet.data, sheet.documents)
    return bool(now != stands_at(path, latest.data, latest.documents))
