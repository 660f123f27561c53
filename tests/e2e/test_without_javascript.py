"""The main job works in a browser without JavaScript; a step is then a page, and a reload is no second key."""

import pytest
from playwright.sync_api import expect
from tests.fixtures.replicators import eventually


@pytest.fixture
def ana(demo_desk):
    return demo_desk.login("Ana")


@pytest.fixture
def at_keys(visitor, ana):
    return visitor(ana, java_script_enabled=False).open_keys()


def test_generating_and_reloading_gives_one_key(at_keys, ana, authorize):
    key = at_keys.generate("Account Inquiry", "Without a script", ana["pin"])
    at_keys.page.reload()
    assert at_keys.shown_key() == key
    eventually(lambda: authorize(key, "account-inquiry") == 200)
    at_keys.open_keys()
    expect(at_keys.row("Without a script")).to_have_count(1)


def test_the_menu_reveals_and_revokes(at_keys, ana):
    key = at_keys.generate("Account Inquiry", "Plain menu", ana["pin"])
    at_keys.dialog.get_by_role("link", name="Done").click()
    expect(at_keys.dialog).to_be_hidden()
    at_keys.choose("Plain menu", "Reveal")
    at_keys.enter_pin(ana["pin"])
    assert at_keys.shown_key() == key
    at_keys.dialog.get_by_role("link", name="Done").click()
    expect(at_keys.dialog).to_be_hidden()
    at_keys.choose("Plain menu", "Revoke")
    at_keys.dialog.get_by_role("button", name="Revoke").click()
    expect(at_keys.dialog).to_contain_text("Plain menu is revoked")


def test_a_wrong_pin_is_told_on_the_page(at_keys):
    at_keys.name_a_key("Account Inquiry", "Plain mistake")
    at_keys.enter_pin("12")
    expect(at_keys.dialog).to_contain_text("A PIN has 6 to 12 digits and nothing else.")
    expect(at_keys.dialog).to_contain_text("Plain mistake")


def test_logging_in_and_out(visitor, ana):
    guest = visitor(java_script_enabled=False).log_in(ana)
    guest.page.get_by_role("button", name="Your account").click()
    guest.page.get_by_role("button", name="Log out").click()
    expect(guest.page.get_by_role("heading", name="Log in")).to_be_visible()
    guest.open_keys()
    expect(guest.page.get_by_role("heading", name="Log in")).to_be_visible()
