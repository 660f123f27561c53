"""A company signs up, confirms its address from the demo's mailbox, and logs in; in English and Bahasa Indonesia."""

from playwright.sync_api import expect
from tests.fixtures.entering import PASSWORD, Newcomer, look, open_letter

LOCKED_OUT = {"en": "Gita", "id": "Fajar"}
OWN_NAME = "This password is made of your name, your email address or your company's name. Choose other words."


def test_a_company_signs_up_confirms_its_address_and_logs_in(surroundings, visitor, demo_desk):
    page = visitor(**surroundings).page
    hana = Newcomer(page, demo_desk, surroundings["locale"])
    page.goto(f"{demo_desk.dashboard_url}/account/login/")
    look(page)
    page.get_by_role("link", name=hana.sign_up).click()
    page.wait_for_url("**/account/sign-up/")
    look(page)
    hana.send(**hana.particulars, password="too short")
    expect(page.locator("#password[aria-invalid]")).to_be_focused()
    expect(page.locator("#username")).to_have_value(hana.name)
    look(page)
    hana.send(password=PASSWORD)
    page.wait_for_url("**/account/mail/")
    look(page)
    hana.find_letter()
    hana.follow_its_link()
    look(page)
    hana.log_in()


def test_every_page_on_the_way_to_a_new_password_passes_axe(surroundings, visitor, demo_desk):
    guest = visitor(**surroundings)
    page, say = guest.page, guest.say
    page.goto(f"{demo_desk.dashboard_url}/account/login/")
    page.get_by_role("link", name=say("Forgotten password?")).click()
    page.wait_for_url("**/account/reset/")
    look(page)
    email = demo_desk.login(LOCKED_OUT[surroundings["locale"]])["email"]
    page.locator("#email").fill(email)
    page.locator("main button").click()
    page.wait_for_url("**/account/mail/")
    # Neither has chosen a language, and a mail knows nothing of their browser's.
    open_letter(page, demo_desk, email, "Choose a new password")
    page.get_by_role("link", name="Choose a new password").click()
    page.wait_for_url("**/account/new-password/*/")
    look(page)
    page.locator("#password").fill(email)
    page.locator("main button").click()
    expect(page.locator("#password-note")).to_contain_text(say(OWN_NAME))
    look(page)
    page.goto(f"{demo_desk.dashboard_url}/account/address/made-up/")
    expect(page.get_by_role("heading", level=1)).to_have_text(say("This link is over"))
    look(page)
