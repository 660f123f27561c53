"""The onboarding in front of its people: a step at a time, nothing lost, remarks at their fields, history kept."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.fixtures.applications import ANSWERS, PDF, PNG, fill_in, version_of
from tests.fixtures.browsing import hidden

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.accounts.actions import create_account, set_account_status
from keydesk.control.catalog.actions import create_product
from keydesk.control.onboarding.actions import (
    approve_application,
    claim_application,
    reject_application,
    request_revision,
    save_section,
    submit_application,
)
from keydesk.control.onboarding.models import Document, Submission
from keydesk.control.onboarding.queries import application_of
from keydesk.control.onboarding.rules import CONSENT_VERSION, Section
from keydesk.core.records import AccountStatus

HOME = "/a/tirtajaya/"
ONBOARDING = f"{HOME}onboarding/"
BUSINESS = f"{ONBOARDING}business/"
PEOPLE = f"{ONBOARDING}people/"
DOCUMENTS = f"{ONBOARDING}documents/"
REVIEW = f"{ONBOARDING}review/"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "{{ 7*7 }}{% now 'Y' %}",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "True",
    "[1, 2]",
)


@pytest.fixture
def tirta(disbursement):
    """An account that has just been opened; a product is on offer."""
    return create_account(HOST_OPERATOR, username="tirtajaya", name="PT Tirta Jaya")


@pytest.fixture
def lina(hire, tirta):
    return hire("Lina", tirta, "superadmin")


@pytest.fixture
def client(browse, lina):
    return browse(lina)


@pytest.fixture
def waiting(lina, tirta):
    """The account's application, submitted whole."""
    submit_application(lina, account_id=tirta.id, version=fill_in(lina, tirta))
    tirta.refresh_from_db()
    return tirta


@pytest.fixture
def send_back(eko):
    """Send an account's application back with these remarks."""

    def send_back(account, remarks, number=1):
        claim_application(eko, account_id=account.id, submission=number)
        request_revision(eko, account_id=account.id, submission=number, remarks=remarks)
        account.refresh_from_db()

    return send_back


def text_of(response):
    page = response.content.decode().partition("<main")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def value_at(response, field_id):
    """Give what stands in a field."""
    found = re.search(rf'<input id="{field_id}"[^>]*? value="([^"]*)"', response.content.decode())
    return found and unescape(found[1])


def faults_at(response):
    """Give the ids of the fields that something is wrong with."""
    return re.findall(r'id="([^"]+)"[^>]*aria-invalid="true"', response.content.decode())


def form_of(client, address, **typed):
    return {"version": hidden(client.get(address), "version"), "then": "next", **typed}


def business(**typed):
    answers = ANSWERS[Section.BUSINESS] | typed
    return {f"business.{name}": text for name, text in answers.items()}


def people(*rows):
    return {
        f"people.{number}.{name}": text
        for number, row in enumerate(rows)
        for name, text in zip(("name", "role", "share"), row, strict=True)
    }


def test_a_new_account_lands_on_its_onboarding(client, lina):
    assert client.get("/")["Location"] == ONBOARDING
    assert "0 of 6 steps complete" in text_of(client.get(ONBOARDING))


def test_an_account_that_waits_lands_on_its_overview(client, waiting):
    assert client.get("/")["Location"] == HOME


def test_after_a_revision_the_pages_say_that_the_consent_is_given_again_until_it_is(
    client, waiting, send_back
):
    said, places = "Give your consent again, to what you submit now", (ONBOARDING, BUSINESS, REVIEW)

    def pages():
        return [said in text_of(client.get(place)) for place in places]

    send_back(waiting, {"business.city": "Which Bogor?"})
    asked = pages()
    consent = f"{ONBOARDING}consent/"
    given = {"text_version": CONSENT_VERSION, "agreed": "1"}
    assert client.post(consent, form_of(client, consent, **given)).status_code == 302
    assert (asked, pages()) == ([True] * 3, [False] * 3)


def test_nobody_is_told_to_give_a_consent_again_that_was_not_given_yet(client, lina):
    assert "your consent again" not in text_of(client.get(ONBOARDING))


@pytest.mark.parametrize("role", ["approver", "maker", "viewer"])
def test_for_other_roles_the_onboarding_is_not_there(browse, hire, tirta, lina, role):
    visitor = browse(hire("Raka", tirta, role))
    assert visitor.get("/")["Location"] == HOME
    assert b"/onboarding/" not in visitor.get(HOME).content
    for address in (ONBOARDING, BUSINESS, DOCUMENTS, REVIEW):
        assert (visitor.get(address).status_code, visitor.post(address).status_code) == (404, 404)


def test_an_admin_may_fill_it_in(browse, hire, tirta):
    visitor = browse(hire("Raka", tirta, "admin"))
    assert visitor.post(BUSINESS, form_of(visitor, BUSINESS, **business()))["Location"] == PEOPLE
    assert application_of(tirta).data["business"]["city"] == "Bandung"


@pytest.mark.parametrize(("then", "address"), [("next", PEOPLE), ("leave", ONBOARDING)])
def test_a_step_is_saved_by_itself_though_incomplete(client, tirta, then, address):
    form = form_of(client, BUSINESS) | {"business.city": "Bandung", "then": then}
    assert client.post(BUSINESS, form)["Location"] == address
    assert value_at(client.get(BUSINESS), "business-city") == "Bandung"
    assert "answers missing" in text_of(client.get(ONBOARDING))


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(client, tirta):
    typed = business(tax_number="??", city="C" * 81, legal_name="PT Tirta Jaya")
    response = client.post(BUSINESS, form_of(client, BUSINESS, **typed))
    assert (response.status_code, faults_at(response)) == (
        422,
        ["business-city", "business-tax-number"],
    )
    assert {
        name: value_at(response, f"business-{name.replace('_', '-')}")
        for name in ("legal_name", "city", "tax_number")
    } == {"legal_name": "PT Tirta Jaya", "city": "C" * 81, "tax_number": "??"}
    assert "Use 80 characters at most." in text_of(response)
    assert application_of(tirta).version == 0


@pytest.mark.parametrize(
    "hostile",
    [
        *HOSTILE,
        "\0",
        "a" * 5000,
        "\u202e",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ],
)
@pytest.mark.parametrize("field", ["legal_name", "kind", "industry", "registration_number"])
def test_whatever_is_typed_gets_an_answer_and_stays_text(client, field, hostile):
    response = client.post(BUSINESS, form_of(client, BUSINESS, **business(**{field: hostile})))
    assert response.status_code in {302, 422}
    shown = client.get(BUSINESS) if response.status_code == 302 else response
    assert re.findall(r"<script>|<img|onfocus", markup_of(shown)) == []
    if field == "legal_name":
        assert value_at(shown, "business-legal-name") == hostile


def markup_of(response):
    """Give the tags of a page without what is quoted in them."""
    quoted = re.sub(r'"[^"]*"', '""', response.content.decode())
    return " ".join(re.findall(r"<[^>]*>", quoted))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_are_text_on_every_page_of_the_onboarding(client, lina, tirta, hostile):
    filled = ANSWERS | {
        Section.BUSINESS: ANSWERS[Section.BUSINESS] | {"legal_name": hostile},
        Section.PEOPLE: {"people": [{"name": hostile, "role": "director", "share": ""}]},
        Section.BANK_ACCOUNT: ANSWERS[Section.BANK_ACCOUNT] | {"holder": hostile},
    }
    fill_in(lina, tirta, sections=filled)
    for address in (BUSINESS, PEOPLE, f"{ONBOARDING}bank_account/", REVIEW):
        assert re.findall(r"<script>|<img|onfocus", markup_of(client.get(address))) == []
    assert text_of(client.get(REVIEW)).count(hostile) == 3


def test_people_are_added_and_taken_away_without_losing_what_is_typed(client, tirta):
    form = form_of(client, PEOPLE, **people(("Ana", "director", "")))
    more = client.post(PEOPLE, form | {"then": "add"})
    assert (more.status_code, value_at(more, "people-0-name"), value_at(more, "people-1-name")) == (
        200,
        "Ana",
        "",
    )
    form |= people(("Ana", "director", ""), ("Budi", "owner", "x"), ("Citra", "owner", "40"))
    fewer = client.post(PEOPLE, form | {"then": "drop-0"})
    assert [value_at(fewer, f"people-{number}-name") for number in range(3)] == [
        "Budi",
        "Citra",
        None,
    ]
    assert application_of(tirta).version == 0


def test_adding_a_person_gives_their_name_the_focus(client):
    form = form_of(client, PEOPLE, **people(("Ana", "director", "")))
    page = client.post(PEOPLE, form | {"then": "add"}).content.decode()
    assert re.findall(r'id="([^"]+)"[^>]* autofocus', page) == ["people-1-name"]


def test_faults_of_people_stand_at_the_person_and_at_all_of_them(client):
    form = form_of(client, PEOPLE, **people(("Ana", "director", ""), ("Budi", "owner", "lots")))
    assert faults_at(client.post(PEOPLE, form)) == ["people-1-share"]
    form |= people(("Ana", "owner", "60"), ("Budi", "owner", "60"))
    response = client.post(PEOPLE, form)
    assert (response.status_code, "more than 100 per cent" in text_of(response)) == (422, True)


@pytest.mark.parametrize("number", ["99999999999999999999", "9" * 5000, "-1", "x", "²"])
def test_a_made_up_person_is_no_fault_of_the_server(client, number):
    form = form_of(client, PEOPLE, **{f"people.{number}.name": "Ana"})

    def sent(then):
        body = urlencode(form | {"then": then})
        return client.post(PEOPLE, body, "application/x-www-form-urlencoded").status_code

    assert (sent("next") in {302, 422}, sent(f"drop-{number}")) == (True, 200)


def test_more_people_than_there_may_be_are_refused_with_a_sentence(client):
    rows = people(*[(f"Person {number}", "director", "") for number in range(25)])
    response = client.post(PEOPLE, form_of(client, PEOPLE, **rows))
    assert (response.status_code, "There are too many of these." in text_of(response)) == (
        422,
        True,
    )


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 40, "٣"])
def test_a_version_that_nobody_saw_saves_nothing_and_says_so(client, tirta, version):
    response = client.post(BUSINESS, business() | {"version": version, "then": "next"})
    assert (response.status_code, value_at(response, "business-city")) == (409, "Bandung")
    assert application_of(tirta).version == 0


def test_the_older_of_two_tabs_is_told_and_can_save_after_a_look(client, tirta, lina):
    form = form_of(client, BUSINESS, **business(city="Bogor"))
    values = {"city": "Depok", "legal_name": "PT Tirta Jaya"}
    save_section(lina, account_id=tirta.id, section=Section.BUSINESS, values=values, version=0)
    response = client.post(BUSINESS, form)
    assert response.status_code == 409
    assert "was changed meanwhile" in text_of(response)
    assert "Saved meanwhile: Depok" in text_of(response)
    assert value_at(response, "business-city") == "Bogor"
    again = client.post(BUSINESS, form | {"version": hidden(response, "version")})
    assert (again["Location"], application_of(tirta).data["business"]["city"]) == (PEOPLE, "Bogor")


def upload(client, kind, name, content):
    sent = SimpleUploadedFile(name, content)
    return client.post(DOCUMENTS, {"kind": kind, "file": sent})


def test_a_document_is_added_listed_fetched_and_taken_away(client, tirta):
    assert upload(client, "tax", "npwp.pdf", PDF)["Location"] == DOCUMENTS
    (document,) = Document.objects.all()
    page = client.get(DOCUMENTS)
    assert "npwp.pdf" in text_of(page)
    fetched = client.get(f"{DOCUMENTS}{document.id}/")
    assert (fetched.content, fetched["Content-Type"], fetched["Content-Disposition"]) == (
        PDF,
        "application/pdf",
        'attachment; filename="npwp.pdf"',
    )
    assert fetched["X-Content-Type-Options"] == "nosniff"
    remove = f"{DOCUMENTS}{document.id}/remove/"
    assert (client.get(remove).status_code, Document.objects.count()) == (200, 1)
    assert (client.post(remove)["Location"], Document.objects.count()) == (DOCUMENTS, 0)


@pytest.mark.parametrize(
    ("kind", "name", "content", "field", "sentence"),
    [
        ("tax", "page.pdf", b"<html><script>alert(1)</script>", "file", "no PDF, PNG or JPEG"),
        ("tax", "npwp.png", PNG[:-6], "file", "incomplete or damaged"),
        ("tax", "npwp.pdf", b"", "file", "Add this document"),
        ("tax", "npwp.pdf", PDF + b" " * 11 * 1024**2, "file", "larger than 10 MB"),
        ("", "npwp.pdf", PDF, "kind", "Choose what the document proves."),
        ("../x", "npwp.pdf", PDF, "kind", "Choose what the document proves."),
    ],
)
def test_a_file_that_is_not_kept_says_why_at_its_field(
    client, kind, name, content, field, sentence
):
    response = upload(client, kind, name, content)
    assert (response.status_code, faults_at(response)) == (422, [field])
    assert (sentence in text_of(response), Document.objects.count()) == (True, 0)


def test_without_a_file_the_form_asks_for_one(client):
    response = client.post(DOCUMENTS, {"kind": "tax"})
    assert (response.status_code, faults_at(response)) == (422, ["file"])


def test_a_document_of_another_account_is_not_there(client, browse, dewi, tirta):
    upload(client, "tax", "npwp.pdf", PDF)
    (document,) = Document.objects.all()
    stranger = browse(dewi)
    for account in ("tirtajaya", "duasamudra"):
        address = f"/a/{account}/onboarding/documents/{document.id}/"
        assert stranger.get(address).status_code == 404
        assert stranger.post(f"{address}remove/").status_code == 404
    assert Document.objects.count() == 1


def test_the_review_links_what_is_missing_to_its_field_and_submits_nothing(client, tirta):
    page = client.get(REVIEW).content.decode()
    links = re.findall(r'href="(/a/tirtajaya/onboarding/[^"]*#[^"]+)"', page)
    assert {f"{BUSINESS}#business-legal-name", f"{PEOPLE}#people"} <= set(links)
    for link in links:
        address, _, place = link.partition("#")
        assert f'id="{place}"' in client.get(address).content.decode(), link
    assert "Submit application" not in page
    response = client.post(REVIEW, {"version": version_of(tirta)})
    assert (response.status_code, Submission.objects.count()) == (422, 0)


def test_a_whole_application_is_submitted_and_then_only_read(client, lina, tirta):
    fill_in(lina, tirta)
    form = {"version": hidden(client.get(REVIEW), "version")}
    assert client.post(REVIEW, form)["Location"] == ONBOARDING
    assert client.post(REVIEW, form)["Location"] == ONBOARDING
    assert Submission.objects.count() == 1
    page = text_of(client.get(ONBOARDING))
    assert all(text in page for text in ("waiting for approval", "Jalan Merdeka 1", "akta.pdf"))
    assert "Submission 1 Waiting for a decision" in page
    for address in (BUSINESS, PEOPLE, DOCUMENTS, REVIEW):
        assert client.get(address)["Location"] == ONBOARDING


def test_what_was_typed_while_a_colleague_submitted_is_still_there(client, waiting):
    response = client.post(BUSINESS, business(city="Bogor") | {"version": "9", "then": "next"})
    assert (response.status_code, value_at(response, "business-city")) == (409, "Bogor")
    assert "submitted meanwhile and cannot be changed now" in text_of(response)
    assert upload(client, "tax", "npwp.pdf", PDF).status_code == 409


def test_an_application_that_changed_after_the_look_at_it_is_not_submitted(client, lina, tirta):
    form = {"version": fill_in(lina, tirta)}
    upload(client, "other", "late.pdf", PDF)
    response = client.post(REVIEW, form)
    assert (response.status_code, "was changed meanwhile" in text_of(response)) == (409, True)
    assert client.post(REVIEW, {"version": hidden(response, "version")})["Location"] == ONBOARDING


def test_remarks_stand_at_their_fields_and_what_changed_since_is_seen(client, waiting, send_back):
    remarks = {
        "business.city": "Which Bandung?",
        "people.1.share": "Who has the rest?",
        "documents.tax": "We cannot read it.",
        "products": "Disbursement too?",
    }
    send_back(waiting, remarks)
    places = {
        "business.city": BUSINESS,
        "people.1.share": PEOPLE,
        "documents.tax": DOCUMENTS,
        "products": f"{ONBOARDING}products/",
    }
    for path, address in places.items():
        assert f"Remark: {remarks[path]}" in text_of(client.get(address)), path
        assert remarks[path] in text_of(client.get(REVIEW)), path
        assert remarks[path] in text_of(client.get(HOME)), path
    client.post(BUSINESS, form_of(client, BUSINESS, **business(city="Bandung Barat")))
    assert "Changed Submitted before: Bandung" in text_of(client.get(BUSINESS))
    assert "City Changed Bandung Barat" in text_of(client.get(REVIEW))
    assert "Business Who you are, as it stands in your papers. Complete" in text_of(
        client.get(ONBOARDING)
    )


def test_submitting_again_keeps_the_history(client, lina, waiting, eko, send_back):
    send_back(waiting, {"business.city": "Which Bandung?"})
    consent = f"{ONBOARDING}consent/"
    version = {"text_version": hidden(client.get(consent), "text_version"), "agreed": "on"}
    assert client.post(consent, form_of(client, consent, **version))["Location"] == REVIEW
    client.post(REVIEW, {"version": hidden(client.get(REVIEW), "version")})
    claim_application(eko, account_id=waiting.id, submission=2)
    reject_application(eko, account_id=waiting.id, submission=2, reason="No such business")
    page = text_of(client.get(ONBOARDING))
    history = page[page.index("Submissions") :]
    assert re.findall(r"Submission (\d) (\w+)", history) == [("2", "Rejected"), ("1", "Sent")]
    assert ("Reason: No such business" in history, "City: Which Bandung?" in history) == (
        True,
        True,
    )
    assert eko.label not in page


def test_a_product_that_is_not_on_offer_is_refused_with_a_sentence(client, tirta):
    address = f"{ONBOARDING}products/"
    response = client.post(address, form_of(client, address, products=["none/live"]))
    assert (response.status_code, "Choose one of those that are offered." in text_of(response)) == (
        422,
        True,
    )


def test_products_are_chosen_for_each_environment_and_stay_chosen(client, tirta):
    create_product(HOST_OPERATOR, slug="payment-link", name="Payment Link")
    address = f"{ONBOARDING}products/"
    chosen = ["disbursement/test", "payment-link/live"]
    client.post(address, form_of(client, address, products=chosen))
    page = client.get(address).content.decode()
    assert re.findall(r'value="([^"]+)" checked', page) == chosen


@pytest.mark.parametrize("section", ["none", "documentss", "CONSENT"])
def test_a_section_that_is_none_is_not_there(client, section):
    assert client.post(f"{ONBOARDING}{section}/").status_code == 404


STAGES = ("Onboarding", "Review", "Approved", "Products enabled", "First key")


def stages(response):
    """Give the stages that a page shows, with how each is."""
    page = text_of(response)
    return re.findall(rf"({'|'.join(STAGES)}) , (done|stopped|you are here|to come)", page)


def moved(account, *statuses):
    for status in statuses:
        set_account_status(HOST_OPERATOR, account_id=account.id, status=status, reason="A reason")


WAITING = AccountStatus.WAITING_FOR_APPROVAL


@pytest.mark.parametrize(
    ("statuses", "states", "way"),
    [
        ((), "here to to to to", "Go on with the onboarding"),
        ((WAITING,), "done here to to to", "See what was submitted"),
        ((WAITING, AccountStatus.NEED_REVISION), "here to to to to", "Revise the application"),
        ((WAITING, AccountStatus.REJECTED), "done stopped to to to", "See what was submitted"),
        ((WAITING, AccountStatus.APPROVED), "done done done here to", "See the products"),
        (
            (WAITING, AccountStatus.APPROVED, AccountStatus.SUSPENDED),
            "done done stopped to to",
            None,
        ),
        ((AccountStatus.CLOSED,), "", None),
    ],
)
def test_the_overview_says_where_the_account_stands_and_what_comes_next(
    browse, lina, hire, tirta, statuses, states, way
):
    moved(tirta, *statuses)
    page = browse(lina).get(HOME)
    words = {"here": "you are here", "to": "to come"}
    assert stages(page) == list(
        zip(STAGES, [words.get(each, each) for each in states.split()], strict=False)
    )
    ways = ("Go on with the onboarding", "See what was submitted", "Revise the application")
    assert [each for each in (*ways, "See the products") if each in text_of(page)] == (
        [way] if way else []
    )
    others = browse(hire("Raka", tirta, "viewer")).get(HOME)
    assert ("First key" in text_of(others), b"/onboarding/" in others.content) == (False, False)


def test_the_overview_leads_to_the_first_key_and_then_says_no_more(
    browse, ana, disbursement, generate
):
    client = browse(ana)
    page = client.get("/a/sinarabadi/")
    assert (stages(page)[-1], "Generate the first key" in text_of(page)) == (
        ("First key", "you are here"),
        True,
    )
    generate(ana)
    page = client.get("/a/sinarabadi/")
    assert (stages(page), "Generate the first key" in text_of(page)) == ([], False)


def test_an_overview_with_nothing_left_to_do_leads_on_and_to_keys_only_whoever_may_see_them(
    browse, ana, citra, disbursement, generate
):
    generate(ana)
    pages = [browse(person).get("/a/sinarabadi/").content.decode() for person in (ana, citra)]
    assert ["Where to go" in page for page in pages] == [True, True]
    assert ["/developer/" in page for page in pages] == [True, False]


def test_an_approved_company_reads_what_it_told_under_settings(client, waiting, eko):
    company = f"{HOME}settings/company/"
    assert client.get(company)["Location"] == ONBOARDING
    claim_application(eko, account_id=waiting.id, submission=1)
    approve_application(eko, account_id=waiting.id, submission=1)
    assert client.get(ONBOARDING)["Location"] == company
    page = client.get(company)
    assert [text in text_of(page) for text in ("Jalan Merdeka 1", "akta.pdf", "Submission 1")] == [
        True
    ] * 3
    assert (b"<input" in page.content.partition(b"<main")[2], b"Edit" in page.content) == (
        False,
        False,
    )
    assert f'href="{company}"' in client.get(f"{HOME}settings/").content.decode()


def test_an_account_that_the_provider_opened_itself_has_no_application(browse, ana, citra):
    page = browse(ana).get("/a/sinarabadi/settings/company/")
    assert "there is no application" in text_of(page)
    assert browse(citra).get("/a/sinarabadi/settings/company/").status_code == 404
    assert b"company/" not in browse(citra).get("/a/sinarabadi/settings/").content


def test_the_keys_of_a_draft_lead_to_the_onboarding(client, lina):
    page = client.get(f"{HOME}settings/developer/api-keys/").content.decode()
    assert f'href="{ONBOARDING}"' in page.partition("<main")[2]


def test_what_a_reviewer_remarked_is_for_those_who_apply_alone(
    browse, hire, waiting, lina, send_back
):
    send_back(waiting, {"business.city": "Which Bandung?"})
    viewer = browse(hire("Raka", waiting, "viewer"))
    assert "Which Bandung?" not in text_of(viewer.get(HOME))
