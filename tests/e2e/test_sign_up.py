"""A company signs up, confirms its address from the demo's mailbox, and logs in; in English and Bahasa Indonesia."""

import pytest
from playwright.sync_api import expect
from tests.fixtures.entering import PASSWORD, Newcomer, look, open_letter


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["en", "id"])
def test_a_company_signs_up_confirms_its_address_and_logs_in(language, width, visitor, demo_desk):
    page = visitor(locale=language, viewport={"width": width, "height": 844}).page
    hana = Newcomer(page, demo_desk, language)
    page.goto(f"{demo_desk.dashboard_url}/account/login/")
    look(page)
    page.get_by_role("link", name=hana.sign_up).click()
    look(page)
    hana.send(**hana.particulars, password="too short")
    expect(page.locator("#password")).to_be_focused()
    expect(page.locator("#username")).to_have_value(hana.name)
    look(page)
    hana.send(password=PASSWORD)
    page.wait_for_url("**/account/mail/")
    look(page)
    hana.find_letter()
    hana.follow_its_link()
    look(page)
    hana.log_in()


def test_every_page_on_the_way_to_a_new_password_passes_axe(visitor, demo_desk):
    page = visitor().page
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
