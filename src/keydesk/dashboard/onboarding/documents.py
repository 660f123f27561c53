"""The documents of an application: adding, fetching and taking away; none is ever shown as a page."""

from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.onboarding.actions import add_document, remove_document
from keydesk.control.onboarding.filetypes import LARGEST_BYTES
from keydesk.control.onboarding.models import Document
from keydesk.control.onboarding.queries import ApplicationFile, application_of, document_for
from keydesk.control.onboarding.rules import REQUIRED_DOCUMENTS, DocumentKind
from keydesk.core.codes import CODES, Code
from keydesk.dashboard.onboarding.progress import (
    is_open,
    next_url,
    previous_url,
    section_url,
    wizard_frame,
)
from keydesk.dashboard.onboarding.words import DOCUMENTS, id_of
from keydesk.dashboard.visit import READ_AND_SEND, Visit, for_members
from keydesk.web.applications import DOCUMENT_KINDS, problem_texts
from keydesk.web.documents import document_response, uploaded

BYTES_IN_MEGABYTE: Final = 1024 * 1024


@for_members(Permission.APPLICATION_EDIT, methods=READ_AND_SEND)
def documents(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the documents and the form for another one, or add it."""
    if request.method != "POST":
        if not is_open(visit):
            return redirect(visit.url("onboarding"))
        return page(request, visit)
    kind, (name, content) = request.POST.get("kind", ""), uploaded(request, "file")
    if kind not in set(DocumentKind):
        sentence = _("Choose what the document proves.")
        return page(request, visit, kind=kind, errors={"kind": sentence}, status=422)
    try:
        add_document(
            visit.actor,
            account_id=visit.account.id,
            kind=DocumentKind(kind),
            filename=name,
            content=content,
        )
    except Refused as refused:
        return refused_page(request, visit, refused, kind=kind)
    return redirect(section_url(visit, DOCUMENTS))


@for_members(Permission.APPLICATION_EDIT)
def document(_request: HttpRequest, visit: Visit, document_id: str) -> HttpResponse:
    """Hand a document over as a file to keep."""
    try:
        found = document_for(visit.actor, account_id=visit.account.id, document_id=document_id)
    except Refused as refused:
        raise Http404 from refused
    return document_response(found)


@for_members(Permission.APPLICATION_EDIT, methods=READ_AND_SEND)
def remove(request: HttpRequest, visit: Visit, document_id: str) -> HttpResponse:
    """Ask whether a document is to go, or take it away."""
    file = application_of(visit.account)
    found = next((each for each in file.documents if each.id == document_id), None)
    if found is None:
        raise Http404
    back = section_url(visit, DOCUMENTS)
    problem = "" if is_open(visit) else not_now()
    if request.method == "POST" and not problem:
        try:
            remove_document(visit.actor, account_id=visit.account.id, document_id=document_id)
        except Refused as refused:
            if refused.code is not Code.STATE_CONFLICT:
                raise Http404 from refused
            problem = not_now()
        else:
            return redirect(back)
    context = wizard_frame(visit, file, here=DOCUMENTS) | {
        "document": document_view(visit, found),
        "back_url": back,
        "problem": problem,
    }
    status = HTTPStatus.CONFLICT if problem else HTTPStatus.OK
    return render(request, "dashboard/onboarding/remove.html", context, status=status)


def refused_page(
    request: HttpRequest, visit: Visit, refused: Refused, *, kind: str
) -> HttpResponse:
    """Show the documents again with why the file was not kept."""
    status = CODES[refused.code].status
    if refused.code is Code.STATE_CONFLICT:
        return page(request, visit, kind=kind, problem=not_now(), status=status)
    if refused.code is not Code.INVALID_INPUT:
        raise Http404 from refused
    (sentence,) = problem_texts(refused).values()
    return page(request, visit, kind=kind, errors={"file": sentence}, status=status)


def not_now() -> str:
    """Say that no document can be added or taken away now."""
    return _("The application was submitted meanwhile, so its documents stay as they are.")


def page(  # noqa: PLR0913 - each is one thing that the page shows
    request: HttpRequest,
    visit: Visit,
    *,
    kind: str = "",
    errors: dict[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show the documents and the form for another one."""
    file = application_of(visit.account)
    context = wizard_frame(visit, file, here=DOCUMENTS) | {
        "documents": [document_view(visit, each) for each in file.documents],
        "wanted": wanted(file),
        "kinds": [("", _("Please choose")), *((str(k), str(n)) for k, n in DOCUMENT_KINDS.items())],
        "kind": kind,
        "errors": errors or {},
        "problem": problem,
        "largest_megabytes": LARGEST_BYTES // BYTES_IN_MEGABYTE,
        "previous_url": previous_url(visit, DOCUMENTS),
        "next_url": next_url(visit, DOCUMENTS),
        "post_url": section_url(visit, DOCUMENTS),
    }
    return render(request, "dashboard/onboarding/documents.html", context, status=status)


def wanted(file: ApplicationFile) -> list[dict[str, Any]]:
    """Give the kinds of document that the form of business needs or a reviewer remarked on, and which are there."""
    business = file.data.get("business", {}).get("kind", "")
    required = REQUIRED_DOCUMENTS.get(business, ())
    there = {each.kind for each in file.documents}
    return [
        {
            "id": id_of(f"{DOCUMENTS}.{kind}"),
            "name": name,
            "is_there": str(kind) in there,
            "is_required": kind in required,
            "remark": file.remarks.get(f"{DOCUMENTS}.{kind}", ""),
        }
        for kind, name in DOCUMENT_KINDS.items()
        if kind in required or f"{DOCUMENTS}.{kind}" in file.remarks
    ]


def document_view(visit: Visit, document: Document) -> dict[str, Any]:
    """Give what the page shows of a document."""
    return {
        "name": document.name,
        "kind": DOCUMENT_KINDS[DocumentKind(document.kind)],
        "size": document.size,
        "added_at": document.added_at,
        "url": visit.url("onboarding_document", document_id=document.id),
        "remove_url": visit.url("onboarding_remove", document_id=document.id),
    }
