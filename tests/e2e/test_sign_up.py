"""A company signs up, confirms its address from the demo's mailbox, and logs in; in English and Bahasa Indonesia."""

import secrets

import pytest
from playwright.sync_api import expect
from tests.fixtures.desk import wait_until
from tests.fixtures.faults import faults_of

WORDS = {
    "en": ("Sign up", "Confirm your email address", "Confirm the address", "Your address is"),
    "id": ("Daftar", "Konfirmasi alamat email Anda", "Konfirmasi alamat", "Alamat Anda sudah"),
}
PASSWORD = "tujuh kucing di atap rumah"


def look(page):
    """No page on the way has a fault that axe finds, or is wider than its window."""
    assert (page.url, faults_of(page)) == (page.url, [])


class Newcomer:
    """Somebody on the way in, whose every page is looked at."""

    def __init__(self, page, desk, language):
        self.page, self.desk = page, desk
        self.sign_up, self.subject, self.confirm, self.confirmed = WORDS[language]
        self.name = f"baru-{secrets.token_hex(4)}"
        self.email = f"hana@{self.name}.example"

    def send(self, **fields):
        for name, value in fields.items():
            self.page.locator(f"#{name}").fill(value)
        self.page.locator(f"form:has(#{name}) button").click()

    def find_letter(self):
        open_letter(self.page, self.desk, self.email, self.subject)

    def follow_its_link(self):
        self.page.get_by_role("link", name=self.confirm).click()
        look(self.page)
        self.page.get_by_role("button", name=self.confirm).click()
        self.page.wait_for_url("**/account/login/**")
        expect(self.page.get_by_role("status")).to_contain_text(self.confirmed)


def open_letter(page, desk, email, subject):
    """Wait until a letter is in the demo's mailbox, and open it."""

    def letter():
        page.goto(f"{desk.dashboard_url}/mailbox/")
        ours = page.get_by_role("listitem").filter(has_text=email)
        return ours.get_by_role("link", name=subject)

    wait_until(lambda: letter().count() == 1, seconds=30, what="the mail is in the mailbox")
    look(page)
    letter().click()
    look(page)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["en", "id"])
def test_a_company_signs_up_confirms_its_address_and_logs_in(language, width, visitor, demo_desk):
    page = visitor(locale=language, viewport={"width": width, "height": 844}).page
    hana = Newcomer(page, demo_desk, language)
    page.goto(f"{demo_desk.dashboard_url}/account/login/")
    look(page)
    page.get_by_role("link", name=hana.sign_up).click()
    look(page)
    particulars = {"full_name": "Hana Putri", "email": hana.email, "company": "PT Baru Sekali"}
    hana.send(**particulars, username=hana.name, password="too short")
    expect(page.locator("#password")).to_be_focused()
    expect(page.locator("#username")).to_have_value(hana.name)
    look(page)
    hana.send(password=PASSWORD)
    page.wait_for_url("**/account/mail/")
    look(page)
    hana.find_letter()
    hana.follow_its_link()
    look(page)
    hana.send(login=hana.email, password=PASSWORD)
    page.wait_for_url(f"**/a/{hana.name}/onboarding/")


def test_every_page_on_the_way_to_a_new_password_passes_axe(visitor, demo_desk):
    page = visitor(color_scheme="dark").page
    page.goto(f"{demo_desk.dashboard_url}/account/login/")
    page.get_by_role("link", name="Forgotten password?").click()
    look(page)
    email = demo_desk.login("Gita")["email"]
    page.locator("#email").fill(email)
    page.locator("main button").click()
    page.wait_for_url("**/account/mail/")

    open_letter(page, demo_desk, email, "Choose a new password")
    page.get_by_role("link", name="Choose a new password").click()
    look(page)
    page.locator("#password").fill("gita@sinarabadi.example")
    page.locator("main button").click()
    expect(page.locator("#password-note")).to_contain_text("made of your name")
    look(page)
    page.goto(f"{demo_desk.dashboard_url}/account/address/made-up/")
    page.locator("main button").click()
    look(page)
