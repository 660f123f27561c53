"""The Console's pages on which applications are reviewed, as a reviewer's browser meets them."""

import re
from http import HTTPStatus

import pytest
from tests.fixtures.applications import PDF, fill_in

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.roles import StaffRole
from keydesk.control.onboarding import actions as onboarding
from keydesk.control.onboarding.models import Submission
from keydesk.control.policies.actions import change_policies

pytestmark = pytest.mark.django_db

QUEUE = "/console/applications/"
FILE = f"{QUEUE}sinarabadi/"


@pytest.fixture
def rini(staff):
    return staff("Rini", StaffRole.REVIEWER)


def text_of(response):
    """Give what a page says, in one line."""
    main = response.content.decode().partition("<main")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def outcomes():
    return list(Submission.objects.order_by("number").values_list("number", "outcome"))


def test_the_queue_shows_the_oldest_first_with_its_age_and_who_has_claimed_it(
    browse, rini, eko, sinar, claimed
):
    claimed(sinar, eko)
    text = text_of(browse(rini).get(QUEUE))
    assert "1 application waits" in text
    assert "PT Sinar Abadi sinarabadi" in text
    assert "0 minutes ago Eko" in text
    assert "PT Sinar Abadi" not in text_of(browse(rini).get(f"{QUEUE}?show=free"))
    assert "PT Sinar Abadi" in text_of(browse(eko).get(f"{QUEUE}?show=mine"))
    nothing = text_of(browse(eko).get(f"{QUEUE}?show=second&page=x"))
    assert "No waiting application matches." in nothing


def test_the_console_begins_with_the_waiting_applications_for_whoever_may_decide_on_them(
    browse, rini, staff, sinar, claimed
):
    claimed(sinar, rini)
    link = f'href="{FILE}"'
    assert link in browse(rini).get("/console/").content.decode()
    assert "PT Sinar Abadi Rini" in text_of(browse(rini).get("/console/"))
    operator = staff("Oki", StaffRole.OPERATIONS)
    assert link not in browse(operator).get("/console/").content.decode()


def test_the_companys_file_shows_everything_that_it_submitted(browse, rini, sinar, submitted):
    submitted(sinar)
    text = text_of(browse(rini).get(FILE))
    for said in (
        "Legal name PT Sinar Abadi",
        "Form of business Company",
        "Industry Trade and e-commerce",
        "2. Share in per cent 60.5",
        "akta.pdf",
        "Disbursement · Live",
        "host agreed to text",
    ):
        assert said in text


def test_a_company_that_submitted_nothing_has_no_file(browse, rini, samudra):
    assert browse(rini).get(f"{QUEUE}duasamudra/").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("odd", ["%00", "sinarabadi%00", "%F0%9F%98%80", "SINARABADI", "x" * 3000])
def test_an_odd_name_in_the_address_is_not_found(odd, browse, rini, sinar, submitted):
    submitted(sinar)
    client = browse(rini)
    addresses = (f"{QUEUE}{odd}/", f"{QUEUE}{odd}/documents/x/", f"{FILE}documents/{odd}/")
    statuses = [client.get(address).status_code for address in addresses]
    assert statuses == [HTTPStatus.NOT_FOUND] * 3


def test_a_reviewer_claims_and_approves(browse, rini, sinar, submitted):
    client, number = browse(rini), submitted(sinar)["submission"]
    assert "Approve" not in text_of(client.get(FILE))
    for step in ("claim", "approve"):
        answer = client.post(f"{FILE}{step}/", {"submission": number})
        assert (answer.status_code, answer["Location"]) == (HTTPStatus.FOUND, FILE)
    sinar.refresh_from_db()
    assert (sinar.status, outcomes()) == ("APPROVED", [(1, "approved")])
    assert "Decided by Rini" in text_of(client.get(FILE))


@pytest.mark.parametrize("submission", ["", "0", "2", "-1", "x", "9" * 5000, "٣"])
def test_nobody_decides_on_another_submission_than_they_saw(
    submission, browse, rini, sinar, claimed
):
    claimed(sinar, rini)
    for step in ("approve", "release", "claim", "rejection"):
        form = {"submission": submission, "reason": "No"}
        answer = browse(rini).post(f"{FILE}{step}/", form)
        assert answer.status_code == HTTPStatus.CONFLICT
        assert "has moved on meanwhile" in text_of(answer)
    assert outcomes() == [(1, None)]


def test_without_a_claim_the_buttons_are_not_there_and_their_forms_are_refused(
    browse, rini, eko, sinar, claimed
):
    claimed(sinar, eko)
    client = browse(rini)
    assert "Take over" in text_of(client.get(FILE))
    for step in ("approve", "release"):
        answer = client.post(f"{FILE}{step}/", {"submission": 1})
        assert answer.status_code == HTTPStatus.CONFLICT
        assert "Claim this application before" in text_of(answer)
    for step in ("revision", "rejection"):
        assert client.get(f"{FILE}{step}/").status_code == HTTPStatus.CONFLICT
    answer = client.post(f"{FILE}claim/", {"submission": 1})
    assert "Somebody else has claimed" in text_of(answer)
    answer = client.post(f"{FILE}claim/", {"submission": 1, "take_over": "yes"})
    assert answer.status_code == HTTPStatus.FOUND
    assert "Approve" in text_of(client.get(FILE))


def test_a_revision_is_asked_for_with_remarks_that_stay_beside_their_fields(
    browse, rini, ana, sinar, claimed, password
):
    claimed(sinar, rini)
    client = browse(rini)
    form = {"submission": 1, "remark.business.city": "Which one?", "remark.documents.tax": " "}
    assert "Remark on City" in text_of(client.get(f"{FILE}revision/"))
    assert client.post(f"{FILE}revision/", form).status_code == HTTPStatus.FOUND
    sinar.refresh_from_db()
    assert (sinar.status, sinar.status_reason) == ("NEED_REVISION", "Which one?")
    version = fill_in(ana, sinar, documents={})
    onboarding.submit_application(ana, account_id=sinar.id, version=version)
    text = text_of(client.get(FILE))
    assert "City Bandung Remark on submission 1: Which one?" in text
    assert "Submission 1 Needs revision" in text
    assert "City: Which one?" in text.partition("History")[2]
    assert outcomes() == [(1, "revision"), (2, None)]
    history = text_of(browse(rini).get("/console/accounts/sinarabadi/")).partition("Status history")
    statuses = ["Waiting for approval", "Needs a revision", "Waiting for approval"]
    assert re.findall(r"Waiting for approval|Needs a revision", history[2])[:3] == statuses


def test_remarks_that_do_not_stand_are_said_at_their_field_and_nothing_typed_is_lost(
    browse, rini, sinar, claimed
):
    claimed(sinar, rini)
    address = f"{FILE}revision/"
    answer = browse(rini).post(address, {"submission": 1})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Write a remark beside at least one field." in text_of(answer)
    long = "x" * 1001
    form = {"submission": 1, "remark.business.city": long, "remark.products": "Why <all>?"}
    answer = browse(rini).post(address, form)
    page = answer.content.decode()
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert (page.count("aria-invalid"), long in page, "Why &lt;all&gt;?" in page) == (1, True, True)
    opened = re.findall(r"<details[^>]* open>.*?<textarea[^>]* name=\"([^\"]+)", page, re.DOTALL)
    assert opened == ["remark.business.city", "remark.products"]
    form = {"submission": 1, "remark.status": "APPROVED"}
    assert browse(rini).post(address, form).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert outcomes() == [(1, None)]


def test_a_rejection_needs_a_reason_and_says_it(browse, rini, sinar, claimed):
    claimed(sinar, rini)
    client, address = browse(rini), f"{FILE}rejection/"
    assert client.get(address).status_code == HTTPStatus.OK
    answer = client.post(address, {"submission": 1, "reason": "\n"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Fill in this field." in text_of(answer)
    assert client.post(address, {"submission": 1, "reason": "No business"}).status_code == 302
    assert "No business" in text_of(client.get(FILE))
    assert outcomes() == [(1, "rejected")]


def test_with_four_eyes_the_pages_say_who_proposed_and_ask_a_second_person(
    browse, rini, eko, sinar, submitted
):
    change_policies(eko, changes={"four_eyes_on_approval": True})
    submitted(sinar)
    first, second, form = browse(rini), browse(eko), {"submission": 1}
    first.post(f"{FILE}claim/", form)
    assert "Propose approval" in text_of(first.get(FILE))
    first.post(f"{FILE}approve/", form)
    assert "Approval proposed by Rini; it waits for a second person." in text_of(second.get(FILE))
    assert "Proposed by Rini" in text_of(second.get(f"{QUEUE}?show=second"))
    first.post(f"{FILE}claim/", form)
    assert "Confirm approval" not in text_of(first.get(FILE))
    answer = first.post(f"{FILE}approve/", form)
    assert "A second person has to confirm it." in text_of(answer)
    second.post(f"{FILE}claim/", {**form, "take_over": "yes"})
    assert "Confirm approval" in text_of(second.get(FILE))
    second.post(f"{FILE}approve/", form)
    sinar.refresh_from_db()
    assert sinar.status == "APPROVED"


def test_a_document_is_a_download_of_its_own_type_in_a_sandbox(browse, rini, sinar, complete):
    given = complete(sinar)
    document = onboarding.add_document(
        HOST_OPERATOR, account_id=sinar.id, kind="other", filename='a"b\r\n.html', content=PDF
    )
    onboarding.submit_application(HOST_OPERATOR, account_id=sinar.id, version=given["version"] + 1)
    answer = browse(rini).get(f"{FILE}documents/{document}/")
    assert (answer.status_code, answer.content) == (HTTPStatus.OK, PDF)
    told = ("Content-Type", "Content-Disposition", "X-Content-Type-Options")
    assert [answer[name] for name in told] == [
        "application/pdf",
        'attachment; filename="ab.html.pdf"',
        "nosniff",
    ]
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "no-store" in answer["Cache-Control"]
