"""The Console in a browser: its own door, a setting seen at once, a product's life, and no page with a fault."""

import secrets

import pytest
from playwright.sync_api import expect
from tests.fixtures.faults import faults_of

PAGES = (
    "",
    "team/",
    "team/add/",
    "products/",
    "products/add/",
    "products/disbursement/",
    "products/disbursement/stop/",
    "products/disbursement/retire/",
    "security/",
    "settings/",
    "system/",
    "unknown-keys/",
)


@pytest.fixture
def console(visitor, demo_desk):
    """Open a page of the Console as somebody of the internal team."""

    def console(page="", name="Eko", **options):
        guest = visitor(demo_desk.login(name), **options)
        guest.page.goto(f"{demo_desk.dashboard_url}/console/{page}")
        return guest

    return console


def test_a_stranger_comes_in_at_the_consoles_door_and_a_customer_does_not(visitor, demo_desk):
    guest = visitor()
    guest.page.goto(f"{demo_desk.dashboard_url}/console/products/")
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("Console")
    ana = demo_desk.login("Ana")
    guest.page.locator("#login").fill(ana["email"])
    guest.page.locator("#password").fill(ana["password"])
    guest.page.get_by_role("button", name="Log in", exact=True).click()
    expect(guest.page.get_by_text("is not right")).to_be_visible()
    expect(guest.page.locator("#login")).to_have_value(ana["email"])
    guest.fill_log_in(demo_desk.login("Rangga"))
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("Products")


def test_the_brand_is_changed_and_seen_at_once_by_a_customer(console, visitor, demo_desk):
    guest, customer = console("settings/"), visitor()
    page = guest.page
    try:
        page.get_by_label("Name on every page").fill("Bintang Pay")
        page.get_by_label("Colour").fill("#ffe08a")
        page.get_by_role("button", name="Save settings").click()
        expect(page.get_by_text("This colour is too light")).to_be_visible()
        expect(page.get_by_label("Colour")).to_be_focused()
        expect(page.get_by_label("Name on every page")).to_have_value("Bintang Pay")
        page.get_by_label("Colour").fill("#006731")
        page.get_by_role("button", name="Save settings").click()
        expect(page.get_by_role("status")).to_contain_text("Saved. It is in effect.")
        customer.page.goto(f"{demo_desk.dashboard_url}/account/login/")
        expect(customer.page.get_by_text("Bintang Pay", exact=True)).to_be_visible()
        expect(customer.page.get_by_role("button", name="Log in", exact=True)).to_have_css(
            "background-color", "rgb(0, 103, 49)"
        )
    finally:
        page.goto(f"{demo_desk.dashboard_url}/console/settings/")
        page.get_by_label("Name on every page").fill("")
        page.get_by_label("Colour").fill("")
        page.get_by_role("button", name="Save settings").click()
        expect(page.get_by_role("status")).to_be_visible()


def test_a_product_is_put_on_offer_edited_stopped_and_resumed(console):
    page = console("products/", name="Rangga").page
    slug = f"product-{secrets.token_hex(4)}"
    page.get_by_role("link", name="New product").click()
    page.get_by_label("Name in requests").fill(slug)
    page.get_by_role("button", name="Put on offer").click()
    expect(page.locator("#name")).to_be_focused()
    expect(page.get_by_label("Name in requests")).to_have_value(slug)
    page.locator("#name").fill(slug.title())
    page.get_by_role("button", name="Put on offer").click()
    row = page.get_by_role("row").filter(has_text=slug)
    expect(row).to_contain_text("On offer")
    choose(page, row, slug.title(), "Edit")
    page.get_by_label("Description").fill("For a test.")
    page.get_by_role("button", name="Save").click()
    choose(page, row, slug.title(), "Stop")
    page.get_by_label("Reason").fill("A leak")
    page.get_by_role("button", name="Stop now").click()
    expect(row).to_contain_text("Stopped")
    choose(page, row, slug.title(), "Resume")
    page.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("On offer")


def choose(page, row, name, action):
    row.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("group", name=f"Actions for {name}").get_by_role("link", name=action).click()


def test_security_may_stop_a_product_and_not_edit_it(console):
    page = console("products/", name="Sari").page
    row = page.get_by_role("row").filter(has_text="disbursement")
    row.get_by_role("button", name="Actions for").click()
    menu = page.get_by_role("group", name="Actions for Disbursement")
    expect(menu.get_by_role("link")).to_have_text(["Stop"])
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)


def test_the_system_page_tells_of_replica_and_trail_that_are_up_to_date_and_a_worker_at_work(
    console,
):
    page = console("system/", name="Putri").page
    expect(page.get_by_text("Up to date")).to_have_count(2)
    expect(page.get_by_text("At work")).to_be_visible()


@pytest.mark.parametrize("page", ["", "products/", "security/"])
def test_on_a_phone_the_menu_begins_at_the_page_that_is_open(console, page):
    guest = console(page, viewport={"width": 390, "height": 844})
    current = guest.page.get_by_role("navigation", name="Main").locator("[aria-current]")
    expect(current).to_be_in_viewport(ratio=1)


def test_pages_of_the_console_have_no_faults(console, demo_desk, surroundings):
    guest = console(**surroundings)
    found = {}
    for page in PAGES:
        guest.page.goto(f"{demo_desk.dashboard_url}/console/{page}")
        expect(guest.page.locator("html")).to_have_attribute("lang", surroundings["locale"])
        found[page] = faults_of(guest.page)
    assert found == {page: [] for page in PAGES}


def test_the_consoles_door_has_no_faults(visitor, demo_desk, surroundings):
    page = visitor(**surroundings).page
    found = {}
    for address in ("login/", "first-owner/"):
        page.goto(f"{demo_desk.dashboard_url}/console/{address}")
        expect(page.locator("html")).to_have_attribute("lang", surroundings["locale"])
        found[address] = faults_of(page)
    assert found == {"login/": [], "first-owner/": []}
