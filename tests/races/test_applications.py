"""B9: what must hold when several people submit, claim and decide on one application at once."""

from collections import Counter

import pytest
from tests.fixtures.applications import ANSWERS, fill_in, version_of

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.roles import StaffRole
from keydesk.control.accounts.models import Account
from keydesk.control.audit.models import AuditEvent
from keydesk.control.onboarding import actions
from keydesk.control.onboarding.models import Submission
from keydesk.control.policies.actions import change_policies

pytestmark = pytest.mark.django_db(transaction=True)


def codes(outcomes):
    return Counter(code for code, _ in outcomes)


def events(name):
    return AuditEvent.objects.filter(event=name).count()


@pytest.fixture
def rini(staff):
    return staff("Rini", StaffRole.REVIEWER)


@pytest.fixture
def draft(sinar, drafting):
    """Give a complete draft again in each round, in its version."""
    fill_in(HOST_OPERATOR, drafting(sinar))

    def draft():
        drafting(sinar)
        return {"account_id": sinar.id, "version": version_of(sinar)}

    return draft


@pytest.fixture
def waiting(draft):
    """Give a submission that waits in each round, claimed by the reviewer if there is one."""

    def waiting(reviewer=None):
        given = draft()
        number = actions.submit_application(HOST_OPERATOR, **given)
        which = {"account_id": given["account_id"], "submission": number}
        if reviewer is not None:
            actions.claim_application(reviewer, **which)
        return which

    return waiting


def latest():
    return Submission.objects.order_by("-number").first()


def test_of_16_who_submit_at_once_one_does_and_the_others_are_told(
    crew, call, ana, budi, draft, collisions
):
    for number in range(1, collisions + 1):
        given = draft()
        outcomes = crew.at_once([call("submit", actor, **given) for actor in (ana, budi)] * 8)
        assert codes(outcomes) == {"ok": 1, "state_conflict": 15}
        assert [each for code, each in outcomes if code == "ok"] == [number]
        assert (latest().number, events("application.submitted")) == (number, number)


def test_of_16_who_save_and_submit_one_version_at_once_one_does(crew, call, ana, draft, collisions):
    for _ in range(collisions):
        given = draft()
        before = Submission.objects.count()
        section = {"section": "business", "values": ANSWERS["business"]}
        calls = [call("save", ana, **given, **section), call("submit", ana, **given)]
        outcomes = crew.at_once(calls * 8)
        assert codes(outcomes) == {"ok": 1, "state_conflict": 15}
        saved, submitted = codes(outcomes[::2])["ok"], codes(outcomes[1::2])["ok"]
        assert (saved + submitted, Submission.objects.count() - before) == (1, submitted)
        assert version_of(Account.objects.get(pk=given["account_id"])) == given["version"] + 1


def test_of_16_who_claim_at_once_one_does(crew, call, rini, eko, waiting, collisions):
    for _ in range(collisions):
        which = waiting()
        outcomes = crew.at_once([call("claim", actor, **which) for actor in (rini, eko)] * 8)
        assert codes(outcomes) == {"ok": 1, "state_conflict": 15}
        winner = [rini, eko][next(n for n, (code, _) in enumerate(outcomes) if code == "ok") % 2]
        assert latest().claimed_by_id == winner.user_id


def test_approving_16_times_at_once_approves_once(crew, call, rini, waiting, collisions):
    for number in range(1, collisions + 1):
        which = waiting(rini)
        outcomes = crew.at_once([call("approve", rini, **which)] * 16)
        assert codes(outcomes) == {"ok": 1, "state_conflict": 15}
        assert (latest().outcome, events("application.approved")) == ("approved", number)
        assert Account.objects.get(pk=which["account_id"]).status == "APPROVED"


def test_of_approving_rejecting_and_sending_back_at_once_one_is_done(
    crew, call, rini, waiting, collisions
):
    ends = {"approve": "APPROVED", "reject": "REJECTED", "send back": "NEED_REVISION"}
    extra = {"reject": {"reason": "No"}, "send back": {"remarks": {"people": "Who?"}}}
    for _ in range(collisions):
        which = waiting(rini)
        jobs = [*ends] * 5
        outcomes = crew.at_once([call(job, rini, **which, **extra.get(job, {})) for job in jobs])
        assert codes(outcomes) == {"ok": 1, "state_conflict": 14}
        (done,) = [job for job, (code, _) in zip(jobs, outcomes, strict=True) if code == "ok"]
        account = Account.objects.get(pk=which["account_id"])
        assert account.status == ends[done]
        fill_again(account)


def fill_again(account):
    """Consent anew where the application was sent back."""
    if account.status == "NEED_REVISION":
        fill_in(HOST_OPERATOR, account, documents={})


def test_with_four_eyes_nobody_is_both_people_however_they_collide(
    crew, call, host, rini, eko, waiting, collisions
):
    change_policies(host, changes={"four_eyes_on_approval": True})
    for _ in range(collisions):
        which = waiting(rini)
        calls = [
            call("approve", rini, **which),
            call("claim", eko, **which, take_over=True),
            call("approve", eko, **which),
            call("claim", rini, **which, take_over=True),
        ]
        outcomes = crew.at_once(calls * 4)
        assert set(codes(outcomes)) <= {"ok", "state_conflict"}
        submission = latest()
        is_approved = Account.objects.get(pk=which["account_id"]).status == "APPROVED"
        assert is_approved == (submission.outcome == "approved")
        if is_approved:
            people = {submission.proposed_by_id, submission.decided_by_id}
            assert people == {rini.user_id, eko.user_id}
        approvals = [
            result
            for call_, (_, result) in zip(calls * 4, outcomes, strict=True)
            if call_[0] == "approve"
        ]
        assert approvals.count(True) == int(is_approved)
        assert approvals.count(False) == int(submission.proposed_by_id is not None)
        Submission.objects.filter(outcome=None).update(outcome="overtaken")
