"""Accounts open as drafts, and move only where they may, with a reason where people need one."""

import pytest

from keydesk.control.access.refused import Refused
from keydesk.control.accounts.actions import create_account, set_account_status
from keydesk.control.accounts.models import Account
from keydesk.control.accounts.rules import DECIDED_IN_ONBOARDING
from keydesk.control.audit.models import AuditEvent
from keydesk.core.codes import Code
from keydesk.core.records import AccountRecord, AccountStatus

pytestmark = pytest.mark.django_db


def test_a_new_account_is_a_draft_that_verifiers_know(host):
    account = create_account(host, username="barusekali", name=" PT Baru Sekali ")
    assert account.id.startswith("acc_")
    assert len(account.id) == 24
    assert Account.objects.get().record() == AccountRecord(
        id=account.id,
        username="barusekali",
        status="DRAFT",
        networks=(),
        revision=account.revision,
    )
    assert account.name == "PT Baru Sekali"


@pytest.mark.parametrize(
    ("changed", "details"),
    [
        ({"username": "Baru"}, {"field": "username", "reason": "invalid"}),
        ({"username": "sinarabadi"}, {"field": "username", "reason": "taken"}),
        ({"name": " "}, {"field": "name", "reason": "invalid"}),
        ({"name": "x" * 121}, {"field": "name", "reason": "invalid"}),
    ],
)
def test_an_account_is_refused_for_one_named_reason(changed, details, host, sinar):
    given = {"username": "barusekali", "name": "PT Baru Sekali"} | changed
    with pytest.raises(Refused) as refused:
        create_account(host, **given)
    assert (refused.value.code, refused.value.details) == (Code.INVALID_INPUT, details)
    assert Account.objects.get() == sinar


def test_a_change_of_status_is_published_and_says_from_where_to_where_and_why(eko, sinar):
    revision = set_account_status(
        eko, account_id=sinar.id, status=AccountStatus.SUSPENDED, reason=" Overdue "
    )
    account = Account.objects.get()
    assert account.record() == AccountRecord(sinar.id, "sinarabadi", "SUSPENDED", (), revision)
    assert (account.status_reason, account.status_changed_at > sinar.status_changed_at) == (
        "Overdue",
        True,
    )
    assert AuditEvent.objects.latest("seq").details == {
        "from": "APPROVED",
        "to": "SUSPENDED",
        "reason": "Overdue",
    }


@pytest.mark.parametrize("status", ["CLOSED", "NEED_REVISION", "REJECTED", "SUSPENDED"])
def test_a_status_that_people_must_understand_needs_a_reason(status, eko, samudra):
    with pytest.raises(Refused) as refused:
        set_account_status(eko, account_id=samudra.id, status=AccountStatus(status), reason=" ")
    assert refused.value.details == {"field": "reason", "reason": "empty"}


def test_a_status_is_never_left_for_one_that_does_not_follow(eko, samudra):
    with pytest.raises(Refused) as refused:
        set_account_status(
            eko, account_id=samudra.id, status=AccountStatus.SUSPENDED, reason="Overdue"
        )
    assert (refused.value.code, refused.value.details) == (
        Code.STATE_CONFLICT,
        {"state": "WAITING_FOR_APPROVAL"},
    )
    assert Account.objects.get().record() == samudra.record()


@pytest.mark.parametrize("status", sorted(DECIDED_IN_ONBOARDING | {AccountStatus.APPROVED}))
def test_an_application_is_not_decided_on_past_its_reviewers(status, eko, samudra):
    with pytest.raises(Refused) as refused:
        set_account_status(eko, account_id=samudra.id, status=status, reason="By the back door")
    assert (refused.value.code, refused.value.details) == (
        Code.STATE_CONFLICT,
        {"state": "WAITING_FOR_APPROVAL"},
    )


def test_an_unknown_account_is_not_found(eko):
    with pytest.raises(Refused) as refused:
        set_account_status(eko, account_id="acc_none", status=AccountStatus.APPROVED)
    assert refused.value.code is Code.NOT_FOUND


@pytest.mark.django_db(transaction=True)
def test_approving_and_rejecting_at_once_one_wins_and_the_other_is_told(at_once, collisions, host):
    for number in range(collisions):
        account = create_account(host, username=f"account-{number}", name="PT Rebutan")
        waiting = AccountStatus.WAITING_FOR_APPROVAL
        set_account_status(host, account_id=account.id, status=waiting)
        given = {"account_id": account.id, "reason": "Both at once"}
        outcomes = at_once(
            lambda given=given: set_account_status(host, status=AccountStatus.APPROVED, **given),
            lambda given=given: set_account_status(host, status=AccountStatus.REJECTED, **given),
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refused", "int"]
        account.refresh_from_db()
        assert [account.revision] == [each for each in outcomes if isinstance(each, int)]
