"""B2: every stage of an application with every input, empty, missing, repeated, reordered and replayed ones among them.

What a stage allows stands in one table; everything else is refused and changes nothing.
"""

from typing import NamedTuple

import pytest
from django.db import transaction
from tests.fixtures.applications import ANSWERS, DOCUMENTS, PNG, fill_in, version_of

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import StaffRole
from keydesk.control.accounts.actions import set_account_status
from keydesk.control.accounts.models import Account
from keydesk.control.onboarding import actions
from keydesk.control.onboarding.models import Application, Document, Submission
from keydesk.control.onboarding.rules import DocumentKind, Section
from keydesk.control.people.models import User
from keydesk.control.policies.actions import change_policies
from keydesk.core.records import AccountStatus

pytestmark = pytest.mark.django_db

CITY = {"city": "Bogor"}
REMARKS = {"business.city": "Which one?"}


class State(NamedTuple):
    """Where an application stands, as far as a decision can move it."""

    status: str
    outcomes: tuple[str | None, ...] = ()
    claimed: str | None = None
    proposed: str | None = None


class Cast:
    """The account, its people and its reviewers, and what each of them can try."""

    def __init__(self, account, ana, citra, rini, eko):
        self.account, self.ana, self.citra, self.rini, self.eko = account, ana, citra, rini, eko

    @property
    def edited(self):
        return {"account_id": self.account.pk}

    @property
    def version(self):
        return version_of(self.account)

    @property
    def seen(self):
        return {**self.edited, "submission": Submission.objects.count()}

    def save(self, values=CITY, *, newer=0, section=Section.BUSINESS):
        actions.save_section(
            self.ana, **self.edited, section=section, values=values, version=self.version + newer
        )

    def add(self, content=PNG):
        given = {"kind": DocumentKind.BANK, "filename": "x.png", "content": content}
        actions.add_document(self.ana, **self.edited, **given)

    def remove(self):
        ids = Document.objects.filter(removed_at=None).values_list("pk", flat=True)
        document = ids.order_by("pk").first() or "doc_none"
        actions.remove_document(self.ana, **self.edited, document_id=document)

    def submit(self, actor=None, *, newer=0):
        version = self.version + newer
        actions.submit_application(actor or self.ana, **self.edited, version=version)

    def claim(self, actor, **more):
        actions.claim_application(actor, **self.seen, **more)

    def approve(self, actor, **other):
        actions.approve_application(actor, **{**self.seen, **other})

    def revise(self, actor, remarks=REMARKS):
        actions.request_revision(actor, **self.seen, remarks=remarks)

    def reject(self, actor, reason="No business"):
        actions.reject_application(actor, **self.seen, reason=reason)

    def release(self, actor):
        actions.release_application(actor, **self.seen)

    def state(self):
        account = Account.objects.get(pk=self.account.pk)
        found = Submission.objects.select_related("claimed_by", "proposed_by").order_by("number")
        names = [
            None if person is None else person.full_name.lower()
            for each in list(found)[-1:]
            for person in (each.claimed_by, each.proposed_by)
        ]
        return State(account.status, tuple(each.outcome for each in found), *names)


INPUTS = {
    "save": lambda on: on.save(),
    "save nothing": lambda on: on.save({}),
    "save in an old tab": lambda on: on.save(newer=-1),
    "save ahead": lambda on: on.save(newer=1),
    "save a field that is not there": lambda on: on.save({"status": "APPROVED"}),
    "save a product that is not on offer": lambda on: on.save(
        {"wanted": ["gold/live"]}, section=Section.PRODUCTS
    ),
    "add a document": lambda on: on.add(),
    "add no document": lambda on: on.add(b""),
    "add something else": lambda on: on.add(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "remove a document": lambda on: on.remove(),
    "submit": lambda on: on.submit(),
    "submit an old tab": lambda on: on.submit(newer=-1),
    "submit as a Maker": lambda on: on.submit(on.citra),
    "submit as a reviewer": lambda on: on.submit(on.rini),
    "claim (Rini)": lambda on: on.claim(on.rini),
    "claim (Eko)": lambda on: on.claim(on.eko),
    "claim (Ana)": lambda on: on.claim(on.ana),
    "take over (Rini)": lambda on: on.claim(on.rini, take_over=True),
    "take over (Eko)": lambda on: on.claim(on.eko, take_over=True),
    "release (Rini)": lambda on: on.release(on.rini),
    "release (Eko)": lambda on: on.release(on.eko),
    "approve (Rini)": lambda on: on.approve(on.rini),
    "approve (Eko)": lambda on: on.approve(on.eko),
    "approve (Ana)": lambda on: on.approve(on.ana),
    "approve (host)": lambda on: on.approve(HOST_OPERATOR),
    "approve an earlier submission": lambda on: on.approve(
        on.eko, submission=Submission.objects.count() - 1
    ),
    "approve a later submission": lambda on: on.approve(
        on.eko, submission=Submission.objects.count() + 1
    ),
    "approve none": lambda on: on.approve(on.eko, submission=0),
    "ask for revision (Rini)": lambda on: on.revise(on.rini),
    "ask for revision (Eko)": lambda on: on.revise(on.eko),
    "ask for revision of nothing": lambda on: on.revise(on.eko, {}),
    "ask for revision of no field": lambda on: on.revise(on.eko, {"status": "Why?"}),
    "reject (Rini)": lambda on: on.reject(on.rini),
    "reject (Eko)": lambda on: on.reject(on.eko),
    "reject without a reason": lambda on: on.reject(on.eko, " \n"),
}


def complete(on):
    fill_in(on.ana, on.account)


def submitted(on):
    complete(on)
    on.submit()


def claimed(on, actor=None):
    submitted(on)
    on.claim(actor or on.rini)


def two_people(on):
    change_policies(HOST_OPERATOR, changes={"four_eyes_on_approval": True})
    claimed(on)


def proposed(on):
    two_people(on)
    on.approve(on.rini)


def proposed_and_claimed(on, name):
    proposed(on)
    on.claim(getattr(on, name))


def proposer_disabled(on):
    proposed_and_claimed(on, "eko")
    User.objects.filter(pk=on.rini.user_id).update(is_active=False)


def proposer_moved(on):
    proposed_and_claimed(on, "eko")
    User.objects.filter(pk=on.rini.user_id).update(staff_role=StaffRole.OPERATIONS)


def policy_dropped(on):
    proposed_and_claimed(on, "rini")
    change_policies(HOST_OPERATOR, changes={"four_eyes_on_approval": False})


def sent_back(on):
    claimed(on)
    on.revise(on.rini)


def ready_again(on):
    sent_back(on)
    on.save(ANSWERS[Section.CONSENT], section=Section.CONSENT)


def submitted_again(on):
    ready_again(on)
    on.submit()
    on.claim(on.eko)


def decided(on, name):
    claimed(on)
    getattr(on, name)(on.rini)


def moved(on, *statuses):
    decided(on, "approve")
    for status in statuses:
        set_account_status(HOST_OPERATOR, **on.edited, status=status, reason="So it is")


STAGES = {
    "nothing": lambda _on: None,
    "incomplete": lambda on: on.save(),
    "complete": complete,
    "submitted": submitted,
    "claimed by Rini": claimed,
    "claimed by Eko": lambda on: claimed(on, on.eko),
    "two people, claimed by Rini": two_people,
    "proposed by Rini": proposed,
    "proposed and claimed by Rini": lambda on: proposed_and_claimed(on, "rini"),
    "proposed by Rini, claimed by Eko": lambda on: proposed_and_claimed(on, "eko"),
    "proposed by Rini, who is disabled, claimed by Eko": proposer_disabled,
    "proposed by Rini, who may not decide any more, claimed by Eko": proposer_moved,
    "proposed and claimed by Rini, the policy dropped": policy_dropped,
    "sent back": sent_back,
    "sent back and ready": ready_again,
    "submitted again, claimed by Eko": submitted_again,
    "rejected": lambda on: decided(on, "reject"),
    "approved": lambda on: decided(on, "approve"),
    "suspended": lambda on: moved(on, AccountStatus.SUSPENDED),
    "closed": lambda on: moved(on, AccountStatus.CLOSED),
}

DRAFT, BACK = State("DRAFT"), State("NEED_REVISION", ("revision",), "rini")
WAITING = "WAITING_FOR_APPROVAL"
EDITS = {"save", "save nothing", "add a document"}


def waiting(claimed=None, proposed=None, *, before=()):
    return State(WAITING, (*before, None), claimed, proposed)


def decisions(name, *, proposed=None, before=()):
    """Give what a reviewer who has claimed it may do, but for approving."""
    person, other = name.capitalize(), {"rini": "Eko", "eko": "Rini"}[name]
    taken = waiting(other.lower(), proposed, before=before)

    def after(status, outcome):
        return State(status, (*before, outcome), name, proposed)

    return {
        f"take over ({other})": taken,
        f"release ({person})": waiting(None, proposed, before=before),
        f"ask for revision ({person})": after("NEED_REVISION", "revision"),
        f"reject ({person})": after("REJECTED", "rejected"),
    }


def free(proposed=None):
    return {
        f"{how} ({name.capitalize()})": waiting(name, proposed)
        for how in ("claim", "take over")
        for name in ("rini", "eko")
    }


def without(allowed, *names):
    return {name: state for name, state in allowed.items() if name not in names}


BY_EKO = decisions("eko", proposed="rini")
ALLOWED = {
    "nothing": dict.fromkeys(EDITS, DRAFT),
    "incomplete": dict.fromkeys(EDITS, DRAFT),
    "complete": {**dict.fromkeys({*EDITS, "remove a document"}, DRAFT), "submit": waiting()},
    "submitted": free(),
    "claimed by Rini": {
        **decisions("rini"),
        "approve (Rini)": State("APPROVED", ("approved",), "rini"),
    },
    "claimed by Eko": {
        **decisions("eko"),
        "approve (Eko)": State("APPROVED", ("approved",), "eko"),
    },
    "two people, claimed by Rini": {
        **decisions("rini"),
        "approve (Rini)": waiting(None, "rini"),
    },
    "proposed by Rini": free("rini"),
    "proposed and claimed by Rini": decisions("rini", proposed="rini"),
    "proposed by Rini, claimed by Eko": {
        **BY_EKO,
        "approve (Eko)": State("APPROVED", ("approved",), "eko", "rini"),
    },
    "proposed by Rini, who is disabled, claimed by Eko": {
        **without(BY_EKO, "take over (Rini)"),
        "approve (Eko)": waiting(None, "eko"),
    },
    "proposed by Rini, who may not decide any more, claimed by Eko": {
        **without(BY_EKO, "take over (Rini)"),
        "approve (Eko)": waiting(None, "eko"),
    },
    "proposed and claimed by Rini, the policy dropped": decisions("rini", proposed="rini"),
    "sent back": dict.fromkeys({*EDITS, "remove a document"}, BACK),
    "sent back and ready": {
        **dict.fromkeys({*EDITS, "remove a document"}, BACK),
        "submit": waiting(before=("revision",)),
    },
    "submitted again, claimed by Eko": {
        **decisions("eko", before=("revision",)),
        "approve (Eko)": State("APPROVED", ("revision", "approved"), "eko"),
    },
    "rejected": {},
    "approved": {},
    "suspended": {},
    "closed": {},
}
"""For each stage the inputs that are taken, with where the application stands then."""


@pytest.fixture
def on(drafting, sinar, ana, citra, staff, eko):
    return Cast(drafting(sinar), ana, citra, staff("Rini", StaffRole.REVIEWER), eko)


def rows():
    """Give everything that an input could change."""
    tables = (Account, Application, Submission, Document)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def came_of(on, try_it):
    """Try an input and take it back; gives where the application stood then, or `refused` if nothing had changed."""
    before = rows()
    with transaction.atomic():
        try:
            try_it(on)
            return on.state()
        except Refused:
            return "refused" if rows() == before else "refused, and yet changed"
        finally:
            transaction.set_rollback(True)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_the_inputs_of_the_table_and_refuses_every_other_one(stage, on):
    STAGES[stage](on)
    found = {name: came_of(on, try_it) for name, try_it in INPUTS.items()}
    assert found == {**dict.fromkeys(INPUTS, "refused"), **ALLOWED[stage]}


@pytest.mark.parametrize("stage", STAGES)
def test_an_input_that_is_replayed_is_taken_a_second_time_only_where_it_changes_no_stage(stage, on):
    STAGES[stage](on)
    moves = {name for name in ALLOWED[stage] if name not in {*EDITS, "remove a document"}}
    replayed = {}
    for name in moves:
        with transaction.atomic():
            # The very same request again: about the submission and the version that it was about.
            seen, version = on.seen, on.version
            INPUTS[name](on)
            replay = type("Replay", (Cast,), {"seen": seen, "version": version})
            again = replay(on.account, on.ana, on.citra, on.rini, on.eko)
            replayed[name] = came_of(again, INPUTS[name])
            transaction.set_rollback(True)
    assert replayed == dict.fromkeys(moves, "refused")


def test_the_table_has_a_row_for_every_stage_and_no_input_that_there_is_not():
    assert ALLOWED.keys() == STAGES.keys()
    assert {name for row in ALLOWED.values() for name in row} <= INPUTS.keys()
    assert len(STAGES) * len(INPUTS) == 20 * 35
    assert set(DOCUMENTS) == {DocumentKind.REGISTRATION, DocumentKind.TAX, DocumentKind.IDENTITY}
