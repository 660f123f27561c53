"""Reading applications: a customer's own, the queue of the internal team, the history, and documents."""

from collections.abc import Iterable
from typing import Any, Final

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce
from msgspec import Struct

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.models import Account
from keydesk.control.audit.actions import authorise
from keydesk.control.catalog.models import Product
from keydesk.control.catalog.queries import products_by_name
from keydesk.control.onboarding import files
from keydesk.control.onboarding.models import Application, Document, Submission
from keydesk.control.onboarding.rules import Data, Outcome
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, Environment, ProductState

PEOPLE: Final = ("submitted_by", "claimed_by", "proposed_by", "decided_by")


class ApplicationFile(Struct, frozen=True, kw_only=True):
    """A customer's application as it stands now."""

    version: int
    """What `save_section` and `submit_application` want to know; 0 before anything was saved."""
    data: Data
    """Each section by name, as `rules` describes it; a section that was never saved is not in it."""
    documents: list[Document]
    remarks: dict[str, str]
    """What the reviewer says about single fields, by path, while the application needs revision."""
    latest: Submission | None
    """The newest submission."""


class DeliveredDocument(Struct, frozen=True, kw_only=True):
    """A document on its way to somebody who may see it."""

    name: str
    media_type: str
    content: bytes


def application_of(account: Account) -> ApplicationFile:
    """Give the account's application, an empty one if nothing was saved yet."""
    application = Application.objects.filter(pk=account.pk).first()
    latest = submissions_of(account).first()
    is_back = (
        account.status == AccountStatus.NEED_REVISION
        and latest is not None
        and latest.outcome == Outcome.REVISION
    )
    return ApplicationFile(
        version=0 if application is None else application.version,
        data={} if application is None else application.data,
        documents=list(current_documents(account.pk)),
        remarks=latest.remarks if is_back and latest is not None else {},
        latest=latest,
    )


def submissions_of(account: Account) -> QuerySet[Submission]:
    """Give each submission of the account's application, the newest first, with the people of each."""
    return (
        Submission.objects.filter(application=account.pk)
        .select_related(*PEOPLE)
        .order_by("-number")
    )


def queue(*, claimed: str = "", reviewer_id: int | None = None) -> QuerySet[Submission]:
    """Give the open submissions, the oldest first.

    `claimed` narrows them: `free` to those that nobody has claimed, `mine` to the reviewer's own, `second` to those
    that wait for a second person.
    """
    found = (
        Submission.objects.filter(outcome=None)
        # Wrapped, so that the planner reads the queue by its own index and not all accounts of the status.
        .annotate(standing=Coalesce("application__account__status", Value("")))
        .filter(standing=AccountStatus.WAITING_FOR_APPROVAL)
        .select_related("application__account", *PEOPLE)
        .defer("data", "documents", "application__data")
        .order_by("submitted_at", "id")
    )
    match claimed:
        case "free":
            return found.filter(claimed_by=None)
        case "mine":
            return found.filter(claimed_by=reviewer_id)
        case "second":
            return found.filter(proposed_by__isnull=False)
    return found


def products_on_offer() -> QuerySet[Product]:
    """Give the products that may be wanted, by name."""
    return products_by_name().filter(state=ProductState.ACTIVE)


def places_on_offer() -> set[str]:
    """Give the products that may be wanted, in each environment: `disbursement/live`."""
    return {
        f"{slug}/{environment}"
        for slug in products_on_offer().values_list("slug", flat=True)
        for environment in Environment
    }


def current_documents(account_id: str) -> QuerySet[Document]:
    """Give the documents that the application has now, in the order in which they came."""
    return Document.objects.filter(application=account_id, removed_at=None).order_by(
        "added_at", "id"
    )


def frozen_documents(documents: Iterable[Document]) -> list[dict[str, Any]]:
    """Give documents as a submission keeps them."""
    fields = ("id", "kind", "name", "media_type", "size", "sha256")
    return [{field: getattr(document, field) for field in fields} for document in documents]


def document_for(actor: Actor, *, account_id: str, document_id: str) -> DeliveredDocument:
    """Give a document of an account to those who fill in its application or decide on it.

    One that was removed and had been submitted is still there. Raises Refused: `permission_denied`; `not_found`, for
    a document of another account too.
    """
    is_staff = actor.kind is ActorKind.STAFF
    permission = Permission.APPLICATION_DECIDE if is_staff else Permission.APPLICATION_EDIT
    named = plain_id(document_id)
    authorise(actor, permission, account_id=account_id, object_id=named)
    document = Document.objects.filter(pk=named, application=account_id).first()
    if document is None:
        raise Refused(Code.NOT_FOUND)
    content = files.read(document.stored_as)
    return DeliveredDocument(name=document.name, media_type=document.media_type, content=content)


def plain_id(text: str) -> str:
    """Give the text of an id out of an address; a text that no id can be becomes the empty one, which nothing has."""
    return text if text.isascii() and text.isprintable() else ""
