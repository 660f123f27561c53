"""What an application keeps: sections that stand, submissions that never change, mail that is sent once."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from tests.fixtures.applications import ANSWERS, fill_in, version_of

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.refused import Refused
from keydesk.control.access.roles import Role, StaffRole
from keydesk.control.accounts.actions import create_account, set_account_status
from keydesk.control.accounts.models import Account
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.actions import set_product_state
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.onboarding import actions
from keydesk.control.onboarding.models import Application, Document, Submission
from keydesk.control.onboarding.queries import application_of, queue, submissions_of
from keydesk.control.onboarding.rules import BANK, BUSINESS, PERSON, Section
from keydesk.control.outbox.kinds import MailKind
from keydesk.control.outbox.models import Mail
from keydesk.control.people.models import User
from keydesk.core.codes import Code
from keydesk.core.records import AccountStatus, ProductState

pytestmark = pytest.mark.django_db


@pytest.fixture
def rini(staff):
    return staff("Rini", StaffRole.REVIEWER)


@pytest.fixture
def save(ana, sinar, drafting):
    """Save a section of a draft; gives the fields of the refusal, None if there is none."""
    drafting(sinar)

    def save(section, values):
        given = {"section": section, "values": values, "version": version_of(sinar)}
        try:
            actions.save_section(ana, account_id=sinar.id, **given)
        except Refused as refused:
            return refused.details.get("fields", refused.code)
        return None

    return save


@pytest.mark.parametrize("section", ANSWERS)
def test_a_section_is_kept_as_it_was_typed_and_overwrites_itself_alone(section, save, sinar):
    for other in ANSWERS:
        assert save(other, ANSWERS[other]) is None
    before = application_of(sinar).data
    assert save(section, {}) is None
    after = application_of(sinar).data
    assert {name: after[name] for name in after if name != section} == {
        name: before[name] for name in before if name != section
    }
    assert (sorted(after), bool(after[section] != before[section])) == (sorted(ANSWERS), True)


@pytest.mark.parametrize(
    ("section", "values", "fields"),
    [
        (Section.BUSINESS, {"kind": "trust"}, {"business.kind": "unknown"}),
        (Section.BUSINESS, {"legal_name": "x" * 121}, {"business.legal_name": "too_long"}),
        (Section.BUSINESS, {"city": "Ban\0dung"}, {"business.city": "invalid"}),
        (Section.BUSINESS, {"city": "Ban\u202edung"}, {"business.city": "invalid"}),
        (Section.BUSINESS, {"city": ["Bandung"]}, {"business.city": "invalid"}),
        (
            Section.BUSINESS,
            {"tax_number": "<b>", "city": 7},
            {"business.tax_number": "invalid", "business.city": "invalid"},
        ),
        (Section.BANK_ACCOUNT, {"number": "12a45"}, {"bank_account.number": "invalid"}),
        (Section.BANK_ACCOUNT, {"number": "12 - 34"}, {"bank_account.number": "invalid"}),
        (Section.PEOPLE, {"people": "Ana"}, {"people": "invalid"}),
        (Section.PEOPLE, {"people": ["Ana"]}, {"people": "invalid"}),
        (Section.PEOPLE, {"people": [{}] * 21}, {"people": "too_many"}),
        (
            Section.PEOPLE,
            {"people": [{"name": "A", "share": "60"}, {"name": "B", "share": "40,01"}]},
            {"people": "too_much"},
        ),
        (Section.PEOPLE, {"people": [{}, {"share": "-1"}]}, {"people.1.share": "invalid"}),
        (Section.PEOPLE, {"people": [{"share": "100.5"}]}, {"people.0.share": "invalid"}),
        (Section.PEOPLE, {"people": [{"share": "1e1"}]}, {"people.0.share": "invalid"}),
        (Section.PEOPLE, {"people": [{"share": "1,000"}]}, {"people.0.share": "invalid"}),
        (Section.PRODUCTS, {"wanted": "disbursement/live"}, {"products": "invalid"}),
        (Section.PRODUCTS, {"wanted": [["x"]]}, {"products": "invalid"}),
        (Section.PRODUCTS, {"wanted": ["disbursement"]}, {"products": "unknown"}),
        (Section.CONSENT, {"agreed": "yes"}, {"consent": "invalid"}),
        (Section.CONSENT, {"agreed": True, "text_version": "1999"}, {"consent": "outdated"}),
    ],
)
def test_what_does_not_stand_is_named_field_by_field_and_nothing_is_saved(
    section, values, fields, save, sinar
):
    assert (save(section, values), application_of(sinar).data) == (fields, {})


def columns_of_everything():
    tables = (Account, Application, Submission, Document, User)
    names = {field.attname for table in tables for field in table._meta.concrete_fields}
    return sorted(names - {"kind", "name", "number"})


@pytest.mark.parametrize("section", Section)
def test_no_section_takes_a_column_of_any_table_for_a_field(section, save, sinar):
    before = list(Account.objects.values())
    fields = {name: f"{section}.{name}" for name in columns_of_everything()}
    refused = {name: save(section, {name: "APPROVED"}) for name in fields}
    assert refused == {name: {path: "unknown"} for name, path in fields.items()}
    assert (application_of(sinar).data, list(Account.objects.values())) == ({}, before)


def test_no_person_takes_a_column_for_a_field(save):
    for name in [*columns_of_everything(), "kind", "number"]:
        given = {"people": [{"name": "Ana", name: "x"}]}
        assert save(Section.PEOPLE, given) == {f"people.0.{name}": "unknown"}


def test_who_consented_and_when_comes_from_the_session_and_never_from_the_form(save, sinar):
    for name in ("by", "at"):
        forged = {**ANSWERS[Section.CONSENT], name: "dewi@duasamudra.example"}
        assert save(Section.CONSENT, forged) == {f"consent.{name}": "unknown"}
    assert save(Section.CONSENT, ANSWERS[Section.CONSENT]) is None
    assert application_of(sinar).data["consent"]["by"] == "ana@sinarabadi.example"


def test_of_two_tabs_the_older_one_is_told_and_overwrites_nothing(ana, sinar, drafting):
    given = {"account_id": drafting(sinar).id, "section": Section.BUSINESS, "version": 0}
    assert actions.save_section(ana, **given, values={"city": "Bogor"}) == 1
    with pytest.raises(Refused) as refused:
        actions.save_section(ana, **given, values={"city": "Medan"})
    assert (refused.value.code, refused.value.details) == (
        Code.STATE_CONFLICT,
        {"reason": "version"},
    )
    assert application_of(sinar).data["business"]["city"] == "Bogor"


def test_all_that_is_missing_is_named_at_once(ana, sinar, drafting):
    version = fill_in(ana, drafting(sinar), sections={Section.BUSINESS: {}}, documents={})
    with pytest.raises(Refused) as refused:
        actions.submit_application(ana, account_id=sinar.id, version=version)
    fields = refused.value.details["fields"]
    required = [f"business.{name}" for name in BUSINESS if name != "address_2"]
    others = ["people", "products", "consent", *(f"bank_account.{name}" for name in BANK)]
    assert fields == dict.fromkeys([*required, *others], "empty")


def test_a_company_shows_its_documents_and_an_owner_a_share(ana, sinar, drafting):
    people = {"people": [dict.fromkeys(PERSON, "") | {"role": "owner"}]}
    version = fill_in(
        ana, drafting(sinar), sections={**ANSWERS, Section.PEOPLE: people}, documents={}
    )
    with pytest.raises(Refused) as refused:
        actions.submit_application(ana, account_id=sinar.id, version=version)
    documents = [f"documents.{kind}" for kind in ("registration", "tax", "identity")]
    missing = ["people.0.name", "people.0.share", *documents]
    assert refused.value.details["fields"] == dict.fromkeys(missing, "empty")


def test_what_was_submitted_and_decided_never_changes(rini, sinar, claimed):
    given = claimed(sinar, rini)
    for frozen in (
        {"data": {}},
        {"documents": []},
        {"number": 7},
        {"submitted_at": timezone.now()},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Submission.objects.update(**frozen)
    actions.reject_application(rini, **given, reason="No business")
    for rewritten in ({"outcome": None}, {"reason": "Other"}, {"remarks": {"x": "y"}}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Submission.objects.update(**rewritten)


def test_the_database_refuses_an_approval_by_whoever_proposed_it(rini, eko, sinar, claimed):
    claimed(sinar, rini)
    now = timezone.now()
    decision = {"outcome": "approved", "decided_by": rini.user_id, "decided_at": now}
    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.update(**decision, proposed_by=rini.user_id, proposed_at=now)
    Submission.objects.update(**decision, proposed_by=eko.user_id, proposed_at=now)


def test_an_approval_asks_for_the_products_that_are_still_on_offer(
    rini, host, sinar, inquiry, disbursement, drafting
):
    account = create_account(host, username="barusekali", name="PT Baru Sekali")
    places = ["disbursement/live", "account-inquiry/test"]
    sections = {**ANSWERS, Section.PRODUCTS: {"wanted": places}}
    version = fill_in(host, account, sections=sections)
    actions.submit_application(host, account_id=account.id, version=version)
    set_product_state(host, slug=inquiry.slug, state=ProductState.RETIRED, reason="Old")
    given = {"account_id": account.id, "submission": 1}
    actions.claim_application(rini, **given)
    assert actions.approve_application(rini, **given) is True
    asked = Entitlement.objects.filter(account=account)
    assert list(asked.values_list("product", "environment", "state")) == [
        ("disbursement", "live", "REQUESTED")
    ]
    event = AuditEvent.objects.latest("seq")
    assert (event.event, event.details) == (
        "application.approved",
        {
            "submission": 1,
            "from": "WAITING_FOR_APPROVAL",
            "to": "APPROVED",
            "reason": "",
            "products": ["disbursement/live"],
            "proposed_by": None,
        },
    )


def mails():
    """What was posted about the account, and not about what it was set up with."""
    posted = Mail.objects.exclude(kind=MailKind.PRODUCT_ENABLED).order_by("id")
    return [(mail.kind, mail.to, mail.context) for mail in posted]


def test_the_accounts_managers_hear_of_each_step_exactly_once(
    rini, ana, budi, citra, sinar, submitted, claimed
):
    about = {"company": "PT Sinar Abadi", "username": "sinarabadi"}
    people = ["ana@sinarabadi.example", "budi@sinarabadi.example"]

    def told(kind, **more):
        found, expected = mails(), [(kind, to, about | more) for to in people]
        Mail.objects.all().delete()
        return found == expected or found

    given = submitted(sinar)
    assert told("application_submitted") is True
    actions.claim_application(rini, **given)
    actions.request_revision(rini, **given, remarks={"business.city": "Which?", "people": "Who?"})
    assert told("account_needs_revision", reason="Which?\nWho?") is True
    version = fill_in(ana, sinar, documents={})
    number = actions.submit_application(ana, account_id=sinar.id, version=version)
    assert told("application_submitted") is True
    given |= {"submission": number}
    actions.claim_application(rini, **given)
    actions.approve_application(rini, **given)
    assert told("account_approved") is True
    assert claimed(sinar, rini)["submission"] == 3
    assert told("application_submitted") is True
    actions.reject_application(rini, account_id=sinar.id, submission=3, reason="No")
    assert told("account_rejected", reason="No") is True


def test_a_status_that_the_host_sets_is_told_once_too(host, ana, sinar, submitted):
    submitted(sinar)
    Mail.objects.all().delete()
    set_account_status(host, account_id=sinar.id, status=AccountStatus.APPROVED)
    assert [kind for kind, _to, _context in mails()] == ["account_approved"]


def test_remarks_are_shown_until_the_application_is_submitted_again(
    rini, ana, sinar, submitted, claimed
):
    given = claimed(sinar, rini)
    actions.request_revision(rini, **given, remarks={"business.city": " Which? ", "people": ""})
    sinar.refresh_from_db()
    file = application_of(sinar)
    assert (file.remarks, "consent" in file.data) == ({"business.city": "Which?"}, False)
    actions.submit_application(ana, account_id=sinar.id, version=fill_in(ana, sinar, documents={}))
    sinar.refresh_from_db()
    assert application_of(sinar).remarks == {}
    assert [(each.number, each.outcome) for each in submissions_of(sinar)] == [
        (2, None),
        (1, "revision"),
    ]


def test_a_submission_that_the_host_went_past_leaves_the_queue_and_does_not_block_the_next(
    host, ana, sinar, submitted
):
    submitted(sinar)
    for status in (AccountStatus.NEED_REVISION,):
        set_account_status(host, account_id=sinar.id, status=status, reason="By telephone")
    assert list(queue()) == []
    sinar.refresh_from_db()
    assert actions.submit_application(ana, account_id=sinar.id, version=version_of(sinar)) == 2
    assert [each.outcome for each in submissions_of(sinar)] == [None, "overtaken"]
    assert [each.number for each in queue()] == [2]


def test_the_queue_is_read_in_one_query_whatever_its_length(
    rini, host, sinar, disbursement, django_assert_num_queries
):
    for number in range(3):
        account = create_account(host, username=f"antre-{number}", name="PT Antre")
        version = fill_in(host, account)
        actions.submit_application(host, account_id=account.id, version=version)
    with django_assert_num_queries(1):
        names = [each.application.account.username for each in queue()[:25]]
    assert names == ["antre-0", "antre-1", "antre-2"]


@pytest.mark.sqlite  # PostgreSQL's plan depends on how many rows there are
@pytest.mark.parametrize("claimed", ["", "free", "mine", "second"])
def test_the_queue_is_read_by_its_index_in_its_order(claimed):
    plan = queue(claimed=claimed, reviewer_id=1)[:25].explain()
    assert ("submission_queue" in plan, "USE TEMP B-TREE" in plan) == (True, False)


@pytest.mark.parametrize("role", [Role.APPROVER, Role.MAKER, Role.VIEWER])
def test_only_managers_fill_in_the_application(role, hire, sinar, drafting):
    person = hire("Siti", drafting(sinar), role)
    with pytest.raises(Refused) as refused:
        fill_in(person, sinar, documents={})
    assert refused.value.code is Code.PERMISSION_DENIED


@pytest.mark.parametrize("role", [StaffRole.OPERATIONS, StaffRole.SECURITY])
def test_only_reviewers_and_owners_decide(role, staff, sinar, submitted):
    with pytest.raises(Refused) as refused:
        actions.claim_application(staff("Hana", role), **submitted(sinar))
    assert refused.value.code is Code.PERMISSION_DENIED


def test_the_host_operator_reviews_nothing_for_nobody_would_have_decided(sinar, submitted):
    with pytest.raises(Refused) as refused:
        actions.claim_application(HOST_OPERATOR, **submitted(sinar))
    assert refused.value.code is Code.PERMISSION_DENIED
