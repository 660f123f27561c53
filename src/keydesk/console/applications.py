"""Reviewing applications: the queue, a company's file, and the decision on it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from keydesk.console.accounts import account_named
from keydesk.console.dossier import Dossier, row_name
from keydesk.console.pages import frame
from keydesk.console.visit import READ_AND_SEND, StaffVisit, for_staff
from keydesk.control.access.actor import Actor
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.accounts.models import Account
from keydesk.control.catalog.queries import products_by_name
from keydesk.control.onboarding import actions
from keydesk.control.onboarding.models import Submission
from keydesk.control.onboarding.queries import document_for, queue, submissions_of
from keydesk.control.onboarding.rules import Outcome
from keydesk.control.policies.queries import current_policies
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus
from keydesk.web.applications import problem_texts
from keydesk.web.digits import number_in
from keydesk.web.documents import document_response
from keydesk.web.paging import page_links
from keydesk.web.problems import problem_of

PAGE_SIZE: Final = 25
DIGITS_OF_A_SUBMISSION: Final = 6
SEND: Final = ("POST",)
REVIEW: Final = Permission.APPLICATION_DECIDE


class Review(NamedTuple):
    """An account's submissions in front of a reviewer, the newest first; there is one at least."""

    account: Account
    submissions: list[Submission]

    @property
    def latest(self) -> Submission:
        """The newest submission."""
        return self.submissions[0]

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        is_waiting = self.account.status == AccountStatus.WAITING_FOR_APPROVAL
        return is_waiting and self.latest.outcome is None

    @property
    def url(self) -> str:
        """The address of the company's file."""
        return reverse("console:application", kwargs={"username": self.account.username})


@for_staff(REVIEW)
def applications(request: HttpRequest, visit: StaffVisit) -> HttpResponse:
    """Show what waits for a decision, the oldest first."""
    choices = {
        "": _("All"),
        "free": _("Not claimed"),
        "mine": _("Claimed by me"),
        "second": _("Waiting for a second person"),
    }
    show = request.GET.get("show", "")
    show = show if show in choices else ""
    found = queue(claimed=show, reviewer_id=visit.user.pk)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = frame(visit, section="applications") | {
        "page": page,
        "show": show,
        "choices": list(choices.items()),
        **page_links(request, page),
    }
    return render(request, "console/applications/queue.html", context)


@for_staff(REVIEW)
def application(request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """Show a company's file: what it submitted, what was said about it before, and how it went."""
    return show_file(request, visit, review_of(username))


@for_staff(REVIEW, methods=SEND)
def claim(request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """Claim a submission, from somebody else if the button says so."""
    take_over = request.POST.get("take_over") == "yes"
    return decide(
        request,
        visit,
        username,
        lambda actor, **which: actions.claim_application(actor, take_over=take_over, **which),
    )


@for_staff(REVIEW, methods=SEND)
def release(request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """Give a submission back to the queue."""
    return decide(request, visit, username, actions.release_application)


@for_staff(REVIEW, methods=SEND)
def approve(request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """Approve, or propose it where a second person has to confirm."""
    return decide(request, visit, username, actions.approve_application)


@for_staff(REVIEW, methods=READ_AND_SEND)
def revision(request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """Ask for a revision, with a remark on each field that needs another look."""
    review = review_of(username)
    if request.method != "POST":
        return show_form(request, visit, review, Form("revision", {}, ""))
    prefix = "remark."
    remarks = {
        name.removeprefix(prefix): text
        for name, text in request.POST.items()
        if name.startswith(prefix) and isinstance(text, str) and text.strip()
    }
    try:
        actions.request_revision(visit.actor, **which(request, review), remarks=remarks)
    except Refused as refused:
        return show_form(request, visit, review, Form("revision", remarks, ""), refused=refused)
    return redirect(review.url)


@for_staff(REVIEW, methods=READ_AND_SEND)
def rejection(request: HttpRequest, visit: StaffVisit, username: str) -> HttpResponse:
    """Turn an application down, with the reason that its people read."""
    review = review_of(username)
    if request.method != "POST":
        return show_form(request, visit, review, Form("rejection", {}, ""))
    reason = request.POST.get("reason", "")
    try:
        actions.reject_application(visit.actor, **which(request, review), reason=reason)
    except Refused as refused:
        return show_form(request, visit, review, Form("rejection", {}, reason), refused=refused)
    return redirect(review.url)


@for_staff(REVIEW)
def document(
    _request: HttpRequest, visit: StaffVisit, username: str, document_id: str
) -> HttpResponse:
    """Hand out a document of the company."""
    account = account_named(username)
    try:
        found = document_for(visit.actor, account_id=account.pk, document_id=document_id)
    except Refused as refused:
        raise Http404 from refused
    return document_response(found)


def review_of(username: str) -> Review:
    """Give a company's submissions; raises Http404 if it never submitted anything."""
    account = account_named(username)
    submissions = list(submissions_of(account))
    if not submissions:
        raise Http404
    return Review(account, submissions)


def which(request: HttpRequest, review: Review) -> dict[str, Any]:
    """Give which submission the form was about, so that nobody decides on another than they saw."""
    number = number_in(request.POST.get("submission", ""), digits=DIGITS_OF_A_SUBMISSION)
    return {"account_id": review.account.pk, "submission": number or 0}


def decide(
    request: HttpRequest, visit: StaffVisit, username: str, act: Callable[..., Any]
) -> HttpResponse:
    """Do what a button of the file says, and show the file."""
    review = review_of(username)
    actor: Actor = visit.actor
    try:
        act(actor, **which(request, review))
    except Refused as refused:
        return show_file(request, visit, review_of(username), problem=conflict(refused))
    return redirect(review.url)


def conflict(refused: Refused) -> str:
    """Say why a decision was refused; raises Http404 for what must look as if it were not there."""
    problem = problem_of(refused)
    if refused.code is Code.STATE_CONFLICT and "reason" not in refused.details:
        return _("This application has moved on meanwhile. This is how it stands now.")
    return problem.text


def show_file(
    request: HttpRequest, visit: StaffVisit, review: Review, *, problem: str = ""
) -> HttpResponse:
    """Show the company's file, with what went wrong if something did."""
    context = file_context(visit, review) | {"problem": problem}
    status = HTTPStatus.CONFLICT if problem else HTTPStatus.OK
    return render(request, "console/applications/file.html", context, status=status)


class Form(NamedTuple):
    """One of the two forms that ask for words, and what was typed into it."""

    name: str
    remarks: dict[str, str]
    reason: str


def show_form(
    request: HttpRequest,
    visit: StaffVisit,
    review: Review,
    form: Form,
    *,
    refused: Refused | None = None,
) -> HttpResponse:
    """Show the form for a revision or a rejection with what was typed; without a right to it, the file and why."""
    if not review.is_open or review.latest.claimed_by_id != visit.user.pk:
        reason = {"reason": "not_claimed"} if review.is_open else {}
        problem = conflict(Refused(Code.STATE_CONFLICT, **reason))
        return show_file(request, visit, review, problem=problem)
    if refused is not None and refused.code is not Code.INVALID_INPUT:
        return show_file(
            request, visit, review_of(review.account.username), problem=conflict(refused)
        )
    errors = {} if refused is None else problem_texts(refused)
    context = file_context(visit, review, remarks=form.remarks, errors=errors) | {
        "reason": form.reason,
        "errors": errors,
    }
    status = HTTPStatus.OK if refused is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, f"console/applications/{form.name}.html", context, status=status)


def file_context(
    visit: StaffVisit,
    review: Review,
    *,
    remarks: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Give what the pages about one company need."""
    latest = review.latest
    is_mine = latest.claimed_by_id == visit.user.pk
    products = {product.slug: product.name for product in products_by_name()}
    return frame(visit, section="applications", is_section=False) | {
        "account": review.account,
        "submission": latest,
        "dossier": Dossier(
            latest, review.submissions[1:], products=products, remarks=remarks, errors=errors
        ),
        "is_open": review.is_open,
        "is_mine": review.is_open and is_mine,
        "is_proposer": latest.proposed_by_id == visit.user.pk,
        "needs_second": current_policies().four_eyes_on_approval and latest.proposed_by_id is None,
        "history": [
            (each, outcome_of(each, review.account), remarks_of(each))
            for each in review.submissions
        ],
        "standing": outcome_of(latest, review.account),
    }


def remarks_of(submission: Submission) -> list[tuple[str, str]]:
    """Give what was remarked on a submission, each with what its field is called."""
    return [(row_name(path), remark) for path, remark in submission.remarks.items()]


class Standing(NamedTuple):
    """How a submission stands, in words and in a colour that repeats them."""

    text: str
    tone: str


def outcome_of(submission: Submission, account: Account) -> Standing:
    """Say what became of a submission."""
    if submission.outcome is None and account.status == AccountStatus.WAITING_FOR_APPROVAL:
        return Standing(_("Waiting"), "warn")
    return {
        str(Outcome.APPROVED): Standing(_("Approved"), "good"),
        str(Outcome.REJECTED): Standing(_("Rejected"), "bad"),
        str(Outcome.REVISION): Standing(_("Needs revision"), "warn"),
    }.get(submission.outcome or "", Standing(_("Decided on the host"), ""))
