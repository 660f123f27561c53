"""Every page and every step of the dialog passes axe, in light and dark, English and Indonesian, wide and narrow.

The language is chosen from a menu.
"""

import pytest
from playwright.sync_api import expect
from tests.fixtures.faults import faults_of

WORDS = {
    "en": ("Generate", "Confirm", "Actions for"),
    "id": ("Buat kunci", "Konfirmasi", "Tindakan untuk"),
}


@pytest.mark.usefixtures("product")  # with the demo's own, two products without keys
def test_pages_have_no_faults(visitor, surroundings, demo_desk):
    guest = visitor(demo_desk.login("Budi"), **surroundings)
    key = guest.open_keys().page.get_by_role("link", name="Cashier pilot").get_attribute("href")
    addresses = (
        key.removeprefix("/a/sinarabadi/"),
        "",
        "activity/",
        "activity/?since=2026-13-01",
        "settings/",
        "settings/pin/",
        "settings/developer/api-keys/",
        "settings/developer/logs/",
        "settings/developer/logs/?request_id=req_none",
        "nothing/",
    )
    found = {}
    for address in addresses:
        guest.page.goto(f"{guest.desk.dashboard_url}/a/sinarabadi/{address}")
        found[address] = faults_of(guest.page)
    assert found == {address: [] for address in addresses}


def test_steps_of_the_dialog_have_no_faults(visitor, surroundings, demo_desk):
    guest = visitor(demo_desk.login("Budi"), **surroundings)
    generate, confirm, actions = WORDS[surroundings["locale"]]
    page = guest.open_keys().page
    found = []
    page.get_by_role("button", name=actions).first.click()
    expect(page.locator("[popover]:popover-open")).to_be_visible()
    found += faults_of(page)
    page.locator("[popover]:popover-open button").last.click()
    expect(guest.dialog.locator("[data-close]")).to_be_focused()
    found += faults_of(page)
    page.keyboard.press("Escape")
    guest.product("Account Inquiry").get_by_role("button", name=generate).click()
    expect(guest.dialog.locator("#name")).to_be_focused()
    found += faults_of(page)
    guest.dialog.get_by_role("button", name=confirm).click()
    guest.dialog.locator("#pin").fill("12")
    guest.dialog.locator("#pin").press("Enter")
    expect(guest.dialog.locator("#pin[aria-invalid]")).to_be_focused()
    found += faults_of(page)
    guest.enter_pin(demo_desk.login("Budi")["pin"])
    guest.shown_key()
    assert found + faults_of(page) == []


def test_the_entrance_has_no_faults(visitor, surroundings, demo_desk):
    page = visitor(**surroundings).page
    page.goto(f"{demo_desk.dashboard_url}/account/login/")
    expect(page.locator("html")).to_have_attribute("lang", surroundings["locale"])
    assert faults_of(page) == []


def test_the_language_is_chosen_from_the_menu_that_every_page_has(visitor, demo_desk):
    page = visitor(demo_desk.login("Budi")).page
    page.goto(demo_desk.dashboard_url)
    for language in ("id", "en"):
        page.locator("button[popovertarget=menu-language]").click()
        page.locator(f"#menu-language button[value={language}]").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
