"""Filling in, submitting and deciding on applications: each one transaction under the account's lock, one event.

An account has one application; each submission of it is a row of its own that keeps what was submitted and what was
decided. The account's status is the truth about where it stands.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.utils import timezone

from keydesk.control.access.actor import Actor, ActorKind
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Permission
from keydesk.control.access.standing import still_holds
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.moves import move, post_to_managers
from keydesk.control.accounts.standing import authorised_transaction
from keydesk.control.audit.actions import authorise, record
from keydesk.control.audit.events import Event
from keydesk.control.entitlements.actions import ask_for
from keydesk.control.entitlements.held import Place
from keydesk.control.feed.actions import publish
from keydesk.control.onboarding import files
from keydesk.control.onboarding.models import Application, Submission
from keydesk.control.onboarding.queries import (
    current_documents,
    frozen_documents,
    places_on_offer,
    plain_id,
)
from keydesk.control.onboarding.rules import (
    MOST_DOCUMENTS,
    MOST_DOCUMENTS_EVER,
    REASON_LENGTH,
    Checked,
    DocumentKind,
    Outcome,
    Reason,
    Section,
    check_remarks,
    check_section,
    clean_text,
    missing,
)
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.policies.queries import current_policies
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, Environment

EDIT: Final = Permission.APPLICATION_EDIT
DECIDE: Final = Permission.APPLICATION_DECIDE
EDITABLE: Final = frozenset({AccountStatus.DRAFT, AccountStatus.NEED_REVISION})


def save_section(
    actor: Actor, *, account_id: str, section: Section, values: Mapping[str, Any], version: int
) -> int:
    """Save a section, complete or not, over the version that the person saw, and give the new version.

    Raises Refused: `permission_denied`; `not_found`, for a section too; `invalid_input` (fields: path to `Reason`), and
    then nothing is saved; `state_conflict` if the application cannot be changed now, or (reason `version`) was changed
    meanwhile.
    """
    authorise(actor, EDIT, account_id=account_id, object_id=account_id)
    if section not in set(Section):
        raise Refused(Code.NOT_FOUND)
    value = _require_sound(check_section(Section(section), values, offered=places_on_offer()))
    with _editing(actor, account_id, version=version) as application:
        if section == Section.CONSENT and value:
            value |= {"by": actor.label, "at": timezone.now().isoformat()}
        application.data[str(section)] = value
        return _save(actor, application, Event.APPLICATION_SAVED, {"section": str(section)})


def add_document(
    actor: Actor, *, account_id: str, kind: DocumentKind, filename: str, content: bytes
) -> str:
    """Add a document, and give its id; what it is, the content says and the name does not.

    Raises Refused: `permission_denied`; `not_found`; `invalid_input` (fields: `documents.<kind>` to a `FileFault`, or
    `too_many`); `state_conflict` if the application cannot be changed now.
    """
    authorise(actor, EDIT, account_id=account_id, object_id=account_id)
    if kind not in set(DocumentKind):
        raise Refused(Code.INVALID_INPUT, fields={"documents": str(Reason.UNKNOWN)})
    document = files.take_in(content, kind=DocumentKind(kind), filename=filename)
    try:
        with _editing(actor, account_id) as application:
            _require_room(application, kind)
            document.application, document.added_by_id = application, actor.user_id
            document.save(force_insert=True)
            details = {"kind": str(kind), "sha256": document.sha256, "size": document.size}
            _save(actor, application, Event.DOCUMENT_ADDED, details, object_id=document.id)
    except BaseException:
        files.discard(document.stored_as)
        raise
    return document.id


def remove_document(actor: Actor, *, account_id: str, document_id: str) -> None:
    """Take a document out of the application; one that was submitted stays in the history.

    Raises Refused: `permission_denied`; `not_found`, for a document of another account too; `state_conflict` if the
    application cannot be changed now.
    """
    document_id = plain_id(document_id)
    authorise(actor, EDIT, account_id=account_id, object_id=document_id)
    with _editing(actor, account_id) as application:
        document = current_documents(application.pk).filter(pk=document_id).first()
        if document is None:
            raise Refused(Code.NOT_FOUND)
        if document.is_submitted:
            document.removed_at = timezone.now()
            document.save(update_fields=["removed_at"])
        else:
            document.delete()
            transaction.on_commit(lambda: files.discard(document.stored_as))
        details = {"kind": document.kind, "sha256": document.sha256}
        _save(actor, application, Event.DOCUMENT_REMOVED, details, object_id=document_id)


def submit_application(actor: Actor, *, account_id: str, version: int) -> int:
    """Hand the application to the internal team as it stands in this version, and give the submission's number.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if the account is neither a draft nor in need
    of revision, or (reason `version`) the application was changed meanwhile; `invalid_input` (fields: path to
    `Reason`) for all that is missing.
    """
    authorise(actor, EDIT, account_id=account_id, object_id=account_id)
    with _editing(actor, account_id, version=version) as application:
        documents = current_documents(account_id)
        kinds = set(documents.values_list("kind", flat=True))
        problems = missing(application.data, kinds)
        if problems:
            raise Refused(Code.INVALID_INPUT, fields=problems)
        account, now = application.account, timezone.now()
        # Open still, although the account can be edited: the host operator moved it past the internal team.
        application.submissions.filter(outcome=None).update(outcome=str(Outcome.OVERTAKEN))
        submission = Submission.objects.create(
            application=application,
            number=application.submissions.count() + 1,
            data=application.data,
            documents=frozen_documents(documents),
            submitted_at=now,
            submitted_by_id=actor.user_id,
        )
        documents.update(is_submitted=True)
        details = move(account, AccountStatus.WAITING_FOR_APPROVAL)
        post_to_managers(account, MailKind.APPLICATION_SUBMITTED)
        details["submission"] = submission.number
        _save(actor, application, Event.APPLICATION_SUBMITTED, details)
        publish(account)
        return submission.number


class Case(NamedTuple):
    """What a reviewer decides on: a locked account and its open submission."""

    account: Account
    submission: Submission
    reviewer_id: int


def claim_application(
    actor: Actor, *, account_id: str, submission: int, take_over: bool = False
) -> None:
    """Take a submission on, so that its reviewer is known; from somebody else only if one says so.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if it is not open any more, or (reason
    `claimed`) somebody else has it.
    """
    authorise(actor, DECIDE, account_id=account_id, object_id=account_id)
    with _deciding(actor, account_id, submission) as case:
        before = case.submission.claimed_by_id
        if before is not None and not (take_over and before != case.reviewer_id):
            reason = "mine" if before == case.reviewer_id else "claimed"
            raise Refused(Code.STATE_CONFLICT, reason=reason)
        case.submission.claimed_by_id, case.submission.claimed_at = case.reviewer_id, timezone.now()
        case.submission.save(update_fields=["claimed_by", "claimed_at"])
        _note(actor, case, Event.APPLICATION_CLAIMED, {"from": before})


def release_application(actor: Actor, *, account_id: str, submission: int) -> None:
    """Give a claimed submission back to the queue.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if it is not open any more, or (reason
    `not_claimed`) the actor has not claimed it.
    """
    authorise(actor, DECIDE, account_id=account_id, object_id=account_id)
    with _deciding(actor, account_id, submission, by_claimer=True) as case:
        _release(case.submission)
        _note(actor, case, Event.APPLICATION_RELEASED, {})


def approve_application(actor: Actor, *, account_id: str, submission: int) -> bool:
    """Approve the account and ask for the products it wants; where two people have to, the first one proposes it.

    Gives whether the account is approved now. A proposal counts while its author may still decide, and whoever made
    it never confirms it. Raises Refused: `permission_denied`; `not_found`; `state_conflict` if the submission is not
    open any more, or with the reason `not_claimed` or `proposer`.
    """
    authorise(actor, DECIDE, account_id=account_id, object_id=account_id)
    with _deciding(actor, account_id, submission, by_claimer=True) as case:
        if case.submission.proposed_by_id == case.reviewer_id:
            raise Refused(Code.STATE_CONFLICT, reason="proposer")
        is_second = _proposal_counts(case.submission)
        if current_policies().four_eyes_on_approval and not is_second:
            _propose(actor, case)
            return False
        asked = _ask_for_products(case)
        details = move(case.account, AccountStatus.APPROVED)
        details |= {"products": asked, "proposed_by": case.submission.proposed_by_id}
        _decide(case, Outcome.APPROVED)
        _note(actor, case, Event.APPLICATION_APPROVED, details)
        publish(case.account)
        return True


def request_revision(
    actor: Actor, *, account_id: str, submission: int, remarks: Mapping[str, str]
) -> None:
    """Send an application back with a remark on each field that needs another look, by the field's path.

    Raises Refused: `permission_denied`; `not_found`; `state_conflict` if the submission is not open any more, or
    (reason `not_claimed`) the actor has not claimed it; `invalid_input` (fields) for the remarks.
    """
    authorise(actor, DECIDE, account_id=account_id, object_id=account_id)
    with _deciding(actor, account_id, submission, by_claimer=True) as case:
        checked = _require_sound(check_remarks(case.submission.data, remarks))
        reason = "\n".join(checked.values())
        details = move(case.account, AccountStatus.NEED_REVISION, reason=reason)
        case.submission.remarks = checked
        _decide(case, Outcome.REVISION, reason=reason)
        application = case.submission.application
        # Whoever submits again agrees again, to what they submit then.
        application.data.pop(str(Section.CONSENT), None)
        application.version += 1
        application.save(update_fields=["data", "version"])
        _note(actor, case, Event.APPLICATION_REVISION_REQUESTED, details | {"on": list(checked)})
        publish(case.account)


def reject_application(actor: Actor, *, account_id: str, submission: int, reason: str) -> None:
    """Turn an application down for good, with the reason that its people read.

    Raises Refused: `permission_denied`; `not_found`; `invalid_input` (fields) for the reason; `state_conflict` if the
    submission is not open any more, or (reason `not_claimed`) the actor has not claimed it.
    """
    authorise(actor, DECIDE, account_id=account_id, object_id=account_id)
    text = clean_text(reason)
    if not text or len(text) > REASON_LENGTH:
        fault = Reason.INVALID if text is None else Reason.TOO_LONG if text else Reason.EMPTY
        raise Refused(Code.INVALID_INPUT, fields={"reason": str(fault)})
    with _deciding(actor, account_id, submission, by_claimer=True) as case:
        details = move(case.account, AccountStatus.REJECTED, reason=text)
        _decide(case, Outcome.REJECTED, reason=text)
        _note(actor, case, Event.APPLICATION_REJECTED, details)
        publish(case.account)


@contextmanager
def _editing(actor: Actor, account_id: str, *, version: int | None = None) -> Iterator[Application]:
    """Give the account's application, a new one if there is none, locked and known to be open to change."""
    with authorised_transaction(
        actor, EDIT, account_id=account_id, object_id=account_id
    ) as account:
        if account.status not in EDITABLE:
            raise Refused(Code.STATE_CONFLICT, state=account.status)
        now = timezone.now()
        application, _ = Application.objects.get_or_create(
            account=account, defaults={"changed_at": now}
        )
        application.account = account
        if version is not None and version != application.version:
            raise Refused(Code.STATE_CONFLICT, reason="version")
        yield application


def _save(
    actor: Actor,
    application: Application,
    event: Event,
    details: dict[str, Any],
    *,
    object_id: str = "",
) -> int:
    """Save the application in its next version, leave the event, and give the version."""
    application.version += 1
    application.changed_at = timezone.now()
    application.save()
    record(
        actor,
        event,
        account_id=application.pk,
        object_id=object_id or application.pk,
        details=details | {"version": application.version},
    )
    return application.version


def _require_sound(checked: Checked) -> Any:
    """Give what was checked; raises Refused `invalid_input` (fields) if anything is wrong with it."""
    if checked.problems:
        raise Refused(Code.INVALID_INPUT, fields=checked.problems)
    return checked.value


def _require_room(application: Application, kind: DocumentKind) -> None:
    counted = application.documents.count()
    current = current_documents(application.pk).count()
    if current >= MOST_DOCUMENTS or counted >= MOST_DOCUMENTS_EVER:
        fields = {f"documents.{kind}": str(Reason.TOO_MANY)}
        raise Refused(Code.INVALID_INPUT, fields=fields)


@contextmanager
def _deciding(
    actor: Actor, account_id: str, number: int, *, by_claimer: bool = False
) -> Iterator[Case]:
    """Give the open submission that the reviewer saw; the host operator is nobody who could review."""
    with authorised_transaction(
        actor, DECIDE, account_id=account_id, object_id=account_id
    ) as account:
        if actor.user_id is None or actor.kind is not ActorKind.STAFF:
            raise Refused(Code.PERMISSION_DENIED, permission=DECIDE)
        submission = (
            Submission.objects.select_related("application")
            .filter(application=account_id, outcome=None)
            .first()
        )
        is_waiting = account.status == AccountStatus.WAITING_FOR_APPROVAL
        if submission is None or submission.number != number or not is_waiting:
            raise Refused(Code.STATE_CONFLICT, state=account.status)
        if by_claimer and submission.claimed_by_id != actor.user_id:
            raise Refused(Code.STATE_CONFLICT, reason="not_claimed")
        yield Case(account, submission, actor.user_id)


def _proposal_counts(submission: Submission) -> bool:
    """Say whether somebody has proposed this who may still decide."""
    proposer = Actor(kind=ActorKind.STAFF, label="", user_id=submission.proposed_by_id)
    return still_holds(proposer, DECIDE)


def _propose(actor: Actor, case: Case) -> None:
    """Note the first approval, and give the submission back to the queue for a second person."""
    case.submission.proposed_by_id, case.submission.proposed_at = case.reviewer_id, timezone.now()
    case.submission.save(update_fields=["proposed_by", "proposed_at"])
    _release(case.submission)
    _note(actor, case, Event.APPLICATION_PROPOSED, {})


def _release(submission: Submission) -> None:
    submission.claimed_by, submission.claimed_at = None, None
    submission.save(update_fields=["claimed_by", "claimed_at"])


def _decide(case: Case, outcome: Outcome, *, reason: str = "") -> None:
    case.submission.outcome, case.submission.reason = str(outcome), reason
    case.submission.decided_by_id, case.submission.decided_at = case.reviewer_id, timezone.now()
    case.submission.save()


def _ask_for_products(case: Case) -> list[str]:
    """Ask for each product that is wanted, and give those that were not asked for before."""
    asked = []
    for wanted in case.submission.data.get(str(Section.PRODUCTS), []):
        product, _, environment = wanted.partition("/")
        if ask_for(case.account, Place(case.account.pk, product, Environment(environment))):
            asked.append(wanted)
    return asked


def _note(actor: Actor, case: Case, event: Event, details: dict[str, Any]) -> None:
    record(
        actor,
        event,
        account_id=case.account.pk,
        object_id=case.account.pk,
        details={"submission": case.submission.number} | details,
    )
