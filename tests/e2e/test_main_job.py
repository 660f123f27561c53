"""The main job, word for word from the founding document: from logging in to an accepted request."""

import pytest
from playwright.sync_api import expect
from tests.fixtures.faults import WIDTHS

PEOPLE = ("Ana", "Budi")
"""A Superadmin and an Admin."""
as_one = pytest.mark.parametrize("person", ["Budi"], indirect=True)
"""Of what a key that is shown can be used for: the pages know no role once they have shown it."""
IS_WIDER_THAN_ITSELF = "element => element.scrollWidth > element.clientWidth"


@pytest.fixture(params=PEOPLE)
def person(request, demo_desk):
    return demo_desk.login(request.param)


@pytest.fixture
def at_keys(visitor, person):
    return visitor(person).open_keys()


def test_settings_then_developer_option_then_the_api_key_tab(visitor, person):
    page = visitor().log_in(person).page
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Developer Option").click()
    tab = page.get_by_role("link", name="API Key")
    expect(tab).to_have_attribute("aria-current", "page")
    page.get_by_role("main").get_by_text("Settings", exact=True).click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()


def test_every_product_is_listed_with_its_keys_and_where_it_stands(at_keys):
    expect(
        at_keys.product("Disbursement").get_by_role("row").filter(has_text="kd_live_")
    ).not_to_have_count(0)
    requested = at_keys.product("Payment Link")
    expect(requested).to_contain_text("Our internal team has not enabled it yet")
    disabled = at_keys.product("QRIS Payment Routing")
    expect(disabled).to_contain_text("Disabled since")
    expect(disabled.get_by_role("row").filter(has_text="kd_live_")).not_to_have_count(0)
    for product in (requested, disabled):
        expect(product.get_by_role("button", name="Generate")).to_have_count(0)


@pytest.mark.parametrize(("locale", "text"), [("en", "No keys yet"), ("id", "Belum ada kunci")])
def test_an_enabled_product_without_keys_says_how_a_first_call_looks(
    visitor, newcomer, product, locale, text
):
    card = visitor(newcomer(), locale=locale).open_keys().product(product)
    expect(card.get_by_role("heading", name=text)).to_be_visible()
    expect(card.locator("pre")).to_contain_text("x-api-key: $API_KEY")
    expect(card.get_by_role("table")).to_have_count(0)


@pytest.mark.alone
def test_a_generated_key_is_accepted_at_once_and_for_its_product_alone(at_keys, person, authorize):
    key = at_keys.generate("Disbursement", "At once", person["pin"])
    expect(at_keys.dialog).to_contain_text("active at once")
    assert (authorize(key), authorize(key, "account-inquiry")) == (200, 403)


@pytest.mark.alone
def test_a_test_key_works_at_the_test_door_alone(at_keys, person, authorize):
    test = at_keys.page.get_by_role("link", name="Test", exact=True)
    test.click()
    expect(test).to_have_attribute("aria-current", "true")
    key = at_keys.generate("Disbursement", "For test", person["pin"])
    assert key.startswith("kd_test_")
    assert (authorize(key, door="authorize-test"), authorize(key)) == (200, 403)


@as_one
def test_the_key_comes_with_samples_in_six_languages_filled_in(at_keys, person):
    key = at_keys.generate("Disbursement", "Samples", person["pin"])
    for language in ("curl", "Python", "JavaScript", "Go", "PHP", "Java"):
        at_keys.dialog.get_by_text(language, exact=True).click()
        expect(at_keys.dialog.get_by_role("region", name=language, exact=True)).to_contain_text(key)


@as_one
def test_copying_says_so_only_when_the_clipboard_has_the_key(visitor, person):
    at_keys = visitor(person, permissions=["clipboard-read", "clipboard-write"]).open_keys()
    key = at_keys.generate("Disbursement", "Copied", person["pin"])
    at_keys.dialog.get_by_role("button", name="Copy").click()
    expect(at_keys.dialog.get_by_text("Copied to the clipboard.")).to_be_visible()
    assert at_keys.page.evaluate("navigator.clipboard.readText()") == key


@as_one
def test_without_a_clipboard_the_key_is_copied_from_its_field(at_keys, person):
    at_keys.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    at_keys.generate("Disbursement", "Plain http", person["pin"])
    at_keys.dialog.get_by_role("button", name="Copy").click()
    expect(at_keys.dialog.get_by_text("Copied to the clipboard.")).to_be_visible()


@as_one
def test_the_env_file_holds_the_key(at_keys, person):
    key = at_keys.generate("Disbursement", "Download", person["pin"])
    with at_keys.page.expect_download() as download:
        at_keys.dialog.get_by_role("button", name="Download .env").click()
    assert download.value.path().read_text() == f"DISBURSEMENT_API_KEY={key}\n"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_longest_name_without_a_gap_fits_into_every_step_and_its_page(
    visitor, demo_desk, width
):
    person = demo_desk.login("Ana")
    at_keys = visitor(person, viewport={"width": width, "height": 844}).open_keys()
    box = at_keys.page.locator("#dialog-content")
    at_keys.name_a_key("Disbursement", "W" * 60)
    expect(at_keys.dialog.get_by_label("PIN")).to_be_visible()
    assert not box.evaluate(IS_WIDER_THAN_ITSELF)
    at_keys.enter_pin(person["pin"])
    at_keys.shown_key()
    assert not box.evaluate(IS_WIDER_THAN_ITSELF)
    at_keys.close()
    at_keys.page.get_by_role("link", name="W" * 60).first.click()
    expect(at_keys.page.get_by_role("heading", level=1)).to_have_text("W" * 60)
    assert not at_keys.page.locator("html").evaluate(IS_WIDER_THAN_ITSELF)


def test_the_whole_key_is_seen_without_scrolling_in_a_wide_window(at_keys, person):
    at_keys.generate("Disbursement", "Seen whole", person["pin"])
    field = at_keys.dialog.get_by_label("API key")
    assert not field.evaluate(IS_WIDER_THAN_ITSELF)


@as_one
def test_leaving_without_copying_asks_first(at_keys, person):
    at_keys.generate("Disbursement", "Not copied", person["pin"])
    at_keys.page.keyboard.press("Escape")
    expect(at_keys.dialog.get_by_text("You have not copied the key yet.")).to_be_visible()
    at_keys.dialog.get_by_role("button", name="Stay").click()
    expect(at_keys.dialog).to_be_visible()
    at_keys.dialog.get_by_role("link", name="Done").click()
    at_keys.dialog.get_by_role("button", name="Leave").click()
    expect(at_keys.dialog).to_be_hidden()


def test_the_key_stays_listed_masked_and_is_shown_again_after_the_pin(at_keys, person):
    name = f"Again by {person['name']}"
    key = at_keys.generate("Disbursement", name, person["pin"])
    at_keys.close()
    expect(at_keys.row(name)).to_contain_text(key[:12])
    assert key not in at_keys.page.content()
    at_keys.choose(name, "Reveal")
    at_keys.enter_pin(person["pin"])
    assert at_keys.shown_key() == key


@as_one
def test_a_revealed_key_hides_itself_after_a_minute(at_keys, person):
    name = f"Hides for {person['name']}"
    key = at_keys.generate("Disbursement", name, person["pin"])
    at_keys.close()
    at_keys.page.clock.install()
    at_keys.choose(name, "Reveal")
    at_keys.enter_pin(person["pin"])
    assert at_keys.shown_key() == key
    at_keys.page.clock.run_for(61_000)
    expect(at_keys.dialog.get_by_label("API key")).to_have_value(f"{key[:12]}••••••••")
    assert key not in at_keys.page.content()


@pytest.mark.alone
def test_a_replaced_key_is_refused_and_its_successor_accepted(at_keys, person, authorize):
    name = f"Replaced by {person['name']}"
    old = at_keys.generate("Disbursement", name, person["pin"])
    at_keys.close()
    at_keys.choose(name, "Re-generate")
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    at_keys.enter_pin(person["pin"])
    new = at_keys.shown_key()
    assert (authorize(old), authorize(new)) == (401, 200)
    at_keys.close()
    expect(at_keys.row(name).filter(has_text="Revoked")).to_contain_text(old[:12])


@pytest.mark.alone
@as_one
def test_with_an_overlap_a_replaced_key_is_accepted_beside_its_successor_until_it_is_revoked(
    at_keys, person, authorize
):
    name = f"Kept by {person['name']}"
    old = at_keys.generate("Disbursement", name, person["pin"])
    at_keys.close()
    at_keys.choose(name, "Re-generate")
    expect(at_keys.dialog.get_by_label("Replace at once")).to_be_checked()
    at_keys.dialog.get_by_label("Keep the old key for 24 hours").check()
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    at_keys.enter_pin(person["pin"])
    new = at_keys.shown_key()
    assert (authorize(old), authorize(new)) == (200, 200)
    at_keys.close()
    retiring = at_keys.row(name).filter(has_text="Retiring")
    expect(retiring).to_contain_text(f"replaced by {new[:12]}…")
    retiring.get_by_role("button", name="Actions for").click()
    at_keys.page.get_by_role("button", name="Revoke", exact=True).click()
    at_keys.dialog.get_by_role("button", name="Revoke").click()
    expect(at_keys.dialog).to_contain_text("is revoked")
    assert (authorize(old), authorize(new)) == (401, 200)


@pytest.mark.alone
def test_a_revoked_key_is_refused_without_a_pin_asked(at_keys, person, authorize):
    name = f"Revoked by {person['name']}"
    key = at_keys.generate("Disbursement", name, person["pin"])
    at_keys.close()
    at_keys.choose(name, "Revoke")
    expect(at_keys.dialog.get_by_role("link", name="Cancel")).to_be_focused()
    at_keys.dialog.get_by_role("button", name="Revoke").click()
    expect(at_keys.dialog).to_contain_text("is revoked")
    assert authorize(key) == 401
    at_keys.dialog.get_by_role("link", name="Done").click()
    expect(at_keys.row(name)).to_contain_text("Revoked")


@as_one
def test_the_keyboard_goes_on_at_the_key_when_its_dialog_is_done(at_keys, person):
    at_keys.generate("Disbursement", "By hand", person["pin"])
    at_keys.close()
    at_keys.choose("By hand", "Restrict")
    at_keys.dialog.get_by_label("Addresses").fill("127.0.0.1")
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    at_keys.enter_pin(person["pin"])
    at_keys.dialog.get_by_role("link", name="Done").click()
    expect(at_keys.row("By hand")).to_contain_text("1 network")
    expect(at_keys.row("By hand").get_by_role("button", name="Actions for")).to_be_focused()
    at_keys.choose("By hand", "Revoke")
    at_keys.dialog.get_by_role("button", name="Revoke").click()
    at_keys.dialog.get_by_role("link", name="Done").click()
    expect(at_keys.row("By hand")).to_contain_text("Revoked")
    expect(at_keys.row("By hand").get_by_role("link", name="By hand")).to_be_focused()
