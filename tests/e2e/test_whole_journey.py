"""The whole journey, of three people in three browsers: from signing up to a key that follows its account's status."""

import re

import httpx
import pytest
from playwright.sync_api import expect
from tests.fixtures.applying import apply, fill, go_on
from tests.fixtures.entering import PASSWORD, Newcomer
from tests.fixtures.replicators import eventually

PIN = "482915"
REMARK = "The certificate names another number."


class Customer:
    """Hana, who opens an account for her company."""

    def __init__(self, visitor, language):
        self.visitor, self.language, self.page = visitor, language, visitor.page
        self.hana = Newcomer(self.page, visitor.desk, language)

    @property
    def account(self):
        return self.hana.name

    def press(self, name):
        self.page.get_by_role("button", name=self.visitor.say(name)).click()

    def follow(self, name):
        self.page.get_by_role("link", name=self.visitor.say(name), exact=True).click()

    def reads(self, text):
        expect(self.page.get_by_text(self.visitor.say(text), exact=True).first).to_be_visible()

    def sign_up(self):
        self.page.goto(self.visitor.desk.dashboard_url)
        self.page.get_by_role("link", name=self.hana.sign_up).click()
        self.hana.send(**self.hana.particulars, password=PASSWORD)
        self.page.wait_for_url("**/account/mail/")
        self.hana.find_letter()
        self.hana.follow_its_link()
        self.hana.log_in()

    def apply(self):
        self.follow("Begin")
        apply(self.page, self.language)
        self.press("Submit application")
        self.reads("Your company is waiting for approval")

    def revise(self, remark):
        """Find the remark beside its field, correct the field, agree anew and send the application in again."""
        self.follow("Overview")
        self.reads("Your application needs a revision")
        self.follow("Tax number")
        told = re.escape(f"{self.visitor.say('Remark:')} {remark}")
        expect(self.page.locator("#business-tax-number")).to_have_accessible_description(
            re.compile(told)
        )
        fill(self.page, "business", {"tax_number": "09.876.543.2-109.000"})
        go_on(self.page, self.language)
        self.page.wait_for_url("**/onboarding/people/")
        self.page.get_by_role("navigation").get_by_role(
            "link", name=self.visitor.say("Consent")
        ).click()
        self.page.locator("#consent").check()
        go_on(self.page, self.language)
        self.press("Submit application")
        self.reads("Your company is waiting for approval")

    def generate(self, product):
        """Go to the keys as the first page of the documentation says, and make one."""
        self.visitor.set_pin(self.account, password=PASSWORD, pin=PIN)
        self.follow("Settings")
        self.follow("Developer Option")
        tab = self.page.get_by_role("link", name=self.visitor.say("API Key"))
        expect(tab).to_have_attribute("aria-current", "page")
        return self.visitor.generate(product, "First", PIN)


class Colleague:
    """Somebody of the internal team, who came in at the Console's door."""

    def __init__(self, visitor, login):
        self.page, self.console = visitor.page, f"{visitor.desk.dashboard_url}/console/"
        self.page.goto(f"{self.console}login/")
        visitor.fill_log_in(login)

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def claim(self, company):
        self.page.goto(f"{self.console}applications/")
        self.page.get_by_role("link", name=company, exact=True).click()
        self.press("Claim")

    def ask_for_revision(self, company, remark):
        self.claim(company)
        self.page.get_by_role("link", name="Ask for revision").click()
        field = self.page.get_by_label("Remark on Tax number")
        self.page.locator("details", has=field).locator("summary").click()
        field.fill(remark)
        self.press("Ask for revision")
        self.page.wait_for_url(lambda address: "/revision/" not in address)

    def approve(self, company):
        self.claim(company)
        expect(self.page.get_by_text("Changed", exact=True)).to_have_count(1)
        self.press("Approve")
        expect(self.page.get_by_text("Approved", exact=True).first).to_be_visible()

    def decide(self, account, decision, *, button, **typed):
        """Go through a decision's page, from the account's and back to it."""
        self.page.goto(f"{self.console}accounts/{account}/")
        self.page.get_by_role("link", name=decision, exact=True).click()
        for name, text in typed.items():
            self.page.locator(f"#{name}").fill(text)
        self.press(button)
        self.page.wait_for_url(f"**/accounts/{account}/")

    def enable(self, account, product):
        self.decide(account, f"Change {product} live", button="Enable")

    def suspend(self, account):
        self.decide(account, "Suspend", button="Suspend", reason="Unpaid bills", typed=account)

    def reinstate(self, account):
        self.decide(account, "Reinstate", button="Reinstate")


@pytest.fixture
def answer(demo_desk):
    """Ask the verifier about a key, as a gateway would; gives the status and the code."""

    def answer(key, product="disbursement"):
        address = f"{demo_desk.verifier_url}/v1/authorize/{product}"
        given = httpx.get(address, headers={"x-api-key": key}, timeout=15)
        return given.status_code, given.headers["x-keydesk-code"]

    return answer


@pytest.mark.parametrize("language", ["en", "id"])
def test_from_signing_up_to_a_key_that_follows_its_accounts_status(
    language, visitor, demo_desk, answer
):
    customer = Customer(visitor(locale=language), language)
    reviewer = Colleague(visitor(), demo_desk.login("Putri"))
    operations = Colleague(visitor(), demo_desk.login("Rangga"))
    company, account = customer.hana.particulars["company"], customer.account
    customer.sign_up()
    customer.apply()
    reviewer.ask_for_revision(company, REMARK)
    customer.revise(REMARK)
    reviewer.approve(company)
    operations.enable(account, "Disbursement")
    key = customer.generate("Disbursement")
    eventually(lambda: answer(key) == (200, "ok"))
    assert answer(key, "account-inquiry") == (403, "wrong_product")
    operations.suspend(account)
    eventually(lambda: answer(key) == (403, "account_inactive"))
    operations.reinstate(account)
    eventually(lambda: answer(key) == (200, "ok"))
