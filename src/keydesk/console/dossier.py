"""A submission as the internal team reads it: every field with its value, what changed, and earlier remarks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from keydesk.control.onboarding.models import Submission
from keydesk.control.onboarding.rules import BANK, BUSINESS, PERSON, Data, Section
from keydesk.core.records import Environment
from keydesk.web.applications import DOCUMENT_KINDS, SECTION_NAMES, field_name, lines_of


class EarlierRemark(NamedTuple):
    """What a reviewer said about the field in an earlier round."""

    number: int
    text: str


class Row(NamedTuple):
    """One field of a submission, and what was and is said about it."""

    path: str
    name: str
    values: list[str]
    documents: list[dict[str, Any]]
    is_changed: bool
    """Whether it differs from the submission before; False if there is none."""
    earlier: list[EarlierRemark]
    remark: str
    error: str

    @property
    def id(self) -> str:
        """The id of the field's remark in the page."""
        return "remark-" + self.path.replace(".", "-")


class Part(NamedTuple):
    """A section of a submission."""

    id: str
    title: str
    rows: list[Row]


class Dossier:
    """A submission beside those before it."""

    def __init__(
        self,
        submission: Submission,
        earlier: list[Submission],
        *,
        products: Mapping[str, str],
        remarks: Mapping[str, str] | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> None:
        """Takes the submission, those before it with the newest first, and products' names by slug.

        `remarks` and `errors` are what a reviewer has typed beside fields, and what is wrong with it.
        """
        self.submission = submission
        self.earlier = earlier
        self._products = products
        self._remarks = remarks or {}
        self._errors = errors or {}

    @property
    def parts(self) -> list[Part]:
        """Every section, in the order of the customer's pages."""
        titles = {str(section): str(name) for section, name in SECTION_NAMES.items()}
        titles["documents"] = _("Documents")
        order = ("business", "people", "documents", "bank_account", "products", "consent")
        before = self._texts(self.earlier[0]) if self.earlier else None
        texts = self._texts(self.submission)
        found = []
        for section in order:
            paths = [path for path in texts if path.split(".")[0] == section]
            rows = [self._row(path, texts, before) for path in paths]
            found.append(Part(section, titles[section], rows))
        return found

    def _row(
        self, path: str, texts: dict[str, list[str]], before: dict[str, list[str]] | None
    ) -> Row:
        return Row(
            path=path,
            name=row_name(path),
            values=texts[path],
            documents=documents_of(self.submission, path),
            is_changed=before is not None and before.get(path, []) != texts[path],
            earlier=[
                EarlierRemark(each.number, each.remarks[path])
                for each in self.earlier
                if path in each.remarks
            ],
            remark=self._remarks.get(path, ""),
            error=self._errors.get(path, ""),
        )

    def _texts(self, submission: Submission) -> dict[str, list[str]]:
        """Give each field's lines of text by its path."""
        data: Data = submission.data
        lines = lines_of("business", BUSINESS, data.get(Section.BUSINESS, {}))
        people = data.get(Section.PEOPLE, [])
        texts = {line.path: [line.value] if line.value else [] for line in lines}
        texts["people"] = [_("%(count)d named") % {"count": len(people)}]
        for number, person in enumerate(people):
            for line in lines_of(f"people.{number}", PERSON, person):
                texts[line.path] = [line.value] if line.value else []
        for kind in DOCUMENT_KINDS:
            path = f"documents.{kind}"
            texts[path] = [each["sha256"] for each in documents_of(submission, path)]
        for line in lines_of("bank_account", BANK, data.get(Section.BANK_ACCOUNT, {})):
            texts[line.path] = [line.value] if line.value else []
        texts["products"] = [self._wanted(place) for place in data.get(Section.PRODUCTS, [])]
        texts["consent"] = consent_lines(data.get(Section.CONSENT, {}))
        return texts

    def _wanted(self, place: str) -> str:
        slug, _slash, environment = place.partition("/")
        words = {
            Environment.LIVE: _("Live"),
            Environment.TEST: _("Test"),
        }
        return f"{self._products.get(slug, slug)} · {words[Environment(environment)]}"


def row_name(path: str) -> str:
    """Give what a field is called among all of them: a person's with the person's number before it."""
    first, *rest = path.split(".")
    if first == Section.PEOPLE and rest:
        return f"{int(rest[0]) + 1}. {field_name(path)}"
    return field_name(path)


def documents_of(submission: Submission, path: str) -> list[dict[str, Any]]:
    """Give the documents of a submission that belong to the field with this path."""
    return [each for each in submission.documents if f"documents.{each['kind']}" == path]


def consent_lines(consent: Data) -> list[str]:
    """Say who agreed to what, and when."""
    if not consent:
        return []
    words = {
        "person": consent.get("by", ""),
        "day": date_format(datetime.fromisoformat(consent["at"]), "j M Y"),
        "version": consent.get("text_version", ""),
    }
    return [_("%(person)s agreed to text %(version)s on %(day)s.") % words]
