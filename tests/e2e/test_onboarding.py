"""A company applies: with pauses, by keyboard alone, without JavaScript; and its pages have no faults."""

import secrets

import pytest
from playwright.sync_api import expect
from tests.fixtures.applications import ANSWERS, PDF
from tests.fixtures.applying import PAPERS, apply, fill, go_on, upload
from tests.fixtures.faults import faults_of

STEPS = ("business", "people", "documents", "bank_account", "products", "consent", "review")


@pytest.fixture
def company(operator):
    """Open an account with one Superadmin, who has not done anything yet; gives their log-in and the username."""
    username = f"co-{secrets.token_hex(4)}"
    email, password = f"mira@{username}.example", secrets.token_urlsafe(16)
    operator("account", "create", username, "--name", "PT Mira Abadi")
    operator(
        "member", "add", username, email, "superadmin", "--name", "Mira", typed=password + "\n"
    )
    return {"email": email, "password": password, "account": username}


def onboarding(visitor, company, step=""):
    path = f"{step}/" if step else ""
    return f"{visitor.desk.dashboard_url}/a/{company['account']}/onboarding/{path}"


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_new_company_applies_from_nothing_to_submitted(visitor, company, has_scripts):
    guest = visitor(java_script_enabled=has_scripts).log_in(company)
    expect(guest.page).to_have_url(onboarding(guest, company))
    guest.page.get_by_role("link", name="Begin").click()
    apply(guest.page)
    guest.page.get_by_role("button", name="Submit application").click()
    expect(guest.page.get_by_text("Your company is waiting for approval")).to_be_visible()
    expect(guest.page.get_by_text("Waiting for a decision")).to_be_visible()
    with guest.page.expect_download() as download:
        guest.page.get_by_role("link", name="nib.pdf").click()
    assert download.value.path().read_bytes() == PDF


def test_it_can_be_left_at_any_point_and_resumed_after_a_new_log_in(visitor, company):
    guest = visitor().log_in(company)
    guest.page.get_by_role("link", name="Begin").click()
    fill(guest.page, "business", ANSWERS["business"], but=("tax_number",))
    guest.page.get_by_role("button", name="Save and leave").click()
    expect(guest.page.get_by_text("1 answer missing")).to_be_visible()
    guest.page.get_by_role("button", name="Your account").click()
    guest.page.get_by_role("button", name="Log out").click()
    later = visitor().log_in(company)
    later.page.get_by_role("link", name="Continue").click()
    expect(later.page.get_by_label("Legal name")).to_have_value("PT Sinar Abadi")
    later.page.goto(onboarding(later, company, "people"))
    later.page.get_by_label("Full name").fill("Mira Lestari")
    later.page.get_by_role("button", name="Add another").click()
    expect(later.page.locator("#people-1-name")).to_be_focused()
    expect(later.page.locator("#people-0-name")).to_have_value("Mira Lestari")
    go_on(later.page)
    upload(later.page, "Tax certificate", PAPERS["Tax certificate"])
    later.page.get_by_role("link", name="Review and submit").click()
    later.page.get_by_role("link", name="Tax number").click()
    expect(later.page).to_have_url(onboarding(later, company, "business") + "#business-tax-number")


def test_the_keyboard_is_enough(visitor, company):
    guest = visitor().log_in(company)
    page = guest.page

    def tab_to(name):
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id || document.activeElement.value") == name:
                return
        pytest.fail(f"Tab does not lead to {name}")

    page.goto(onboarding(guest, company, "business"))
    tab_to("business-kind")
    page.keyboard.type("Company")
    tab_to("business-legal-name")
    page.keyboard.type("PT Mira Abadi")
    page.keyboard.press("Enter")
    page.wait_for_url(onboarding(guest, company, "people"))
    tab_to("people-0-name")
    page.keyboard.type("Mira")
    tab_to("add-person")
    page.keyboard.press("Enter")
    expect(page.locator("#people-1-name")).to_be_focused()
    page.keyboard.type("Tono")
    page.keyboard.press("Enter")
    expect(page).to_have_url(onboarding(guest, company, "documents"))
    page.goto(onboarding(guest, company, "people"))
    expect(page.locator("#people-1-name")).to_have_value("Tono")
    page.goto(onboarding(guest, company, "business"))
    expect(page.locator("#business-kind")).to_have_value("company")


def test_what_is_wrong_has_the_focus_and_its_sentence(visitor, company):
    guest = visitor().log_in(company)
    guest.page.goto(onboarding(guest, company, "bank_account"))
    guest.page.get_by_label("Account number").fill("none")
    guest.page.get_by_label("Account holder").fill("<b>Mira</b>")
    go_on(guest.page)
    field = guest.page.get_by_label("Account number")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("An account number has 5 to 30 digits.")
    expect(guest.page.get_by_label("Account holder")).to_have_value("<b>Mira</b>")


def test_the_pages_of_an_application_have_no_faults(visitor, surroundings, demo_desk):
    # Her company's application is half done.
    lina = visitor(demo_desk.login("Lina"), **surroundings)
    account = f"{lina.desk.dashboard_url}/a/tirtajaya/"
    addresses = ["", "products/", "onboarding/", *(f"onboarding/{step}/" for step in STEPS)]
    found = {}
    for address in addresses:
        lina.page.goto(account + address)
        found[address] = faults_of(lina.page)
    lina.page.goto(f"{account}onboarding/business/")
    lina.page.locator("#business-tax-number").fill("?")
    lina.page.locator("main form button[value=leave]").first.evaluate("button => button.click()")
    expect(lina.page.locator("#business-tax-number[aria-invalid]")).to_be_focused()
    found["refused"] = faults_of(lina.page)
    assert found == {address: [] for address in (*addresses, "refused")}
