"""The internal team with an account: find it, suspend it and see its keys refused, and look at what its people see."""

import pytest
from playwright.sync_api import expect
from tests.fixtures.faults import faults_of
from tests.fixtures.replicators import eventually

REASON = "Unpaid bills since March"


@pytest.fixture
def eko(visitor, demo_desk):
    return visitor(demo_desk.login("Eko"))


def open_account(visitor):
    """Find PT Sinar Abadi through the search, and open its page."""
    page = visitor.page
    page.goto(f"{visitor.desk.dashboard_url}/console/")
    page.get_by_role("searchbox").fill("sinar")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("region", name="Accounts").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sinar Abadi")
    return page


def test_a_suspended_accounts_keys_are_refused_until_it_is_reinstated(
    eko, visitor, demo_desk, authorize
):
    budi = demo_desk.login("Budi")
    key = visitor(budi).open_keys().generate("Disbursement", "Suspension", budi["pin"])
    eventually(lambda: authorize(key) == 200)
    page = open_account(eko)
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Suspend").click()
    expect(page.locator("#typed[aria-invalid]")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value(REASON)
    page.get_by_label("to confirm").fill("sinarabadi")
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("Suspended", exact=True).first).to_be_visible()
    eventually(lambda: authorize(key) == 403)
    page.get_by_role("link", name="Reinstate").click()
    page.get_by_role("button", name="Reinstate").click()
    expect(page.get_by_text("Approved", exact=True).first).to_be_visible()
    eventually(lambda: authorize(key) == 200)


def test_the_internal_team_sees_a_customers_page_and_can_only_look(eko):
    page = open_account(eko)
    page.get_by_role("link", name="View as customer").click()
    page.get_by_label("Reason").fill("Ticket 12")
    page.get_by_role("button", name="View as customer").click()
    banner = page.get_by_role("status").filter(has_text="as its people do")
    expect(banner).to_be_visible()
    eko.open_keys()
    expect(banner).to_be_visible()
    expect(page.get_by_role("button", name="Generate")).to_have_count(0)
    expect(page.get_by_role("button", name="Actions for")).to_have_count(0)
    banner.get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sinar Abadi")
    eko.open_keys()
    expect(banner).to_have_count(0)


def test_the_pages_of_accounts_have_no_faults(surroundings, visitor, demo_desk):
    guest = visitor(demo_desk.login("Eko"), **surroundings)
    addresses = (
        "",
        "accounts/",
        "search/?q=sinar",
        "accounts/sinarabadi/",
        "accounts/sinarabadi/status/suspend/",
        "accounts/sinarabadi/products/disbursement/live/",
        "accounts/sinarabadi/view-as/",
    )
    found = {}
    for address in addresses:
        guest.page.goto(f"{demo_desk.dashboard_url}/console/{address}")
        expect(guest.page.locator("html")).to_have_attribute("lang", surroundings["locale"])
        found[address] = faults_of(guest.page)
    assert found == {address: [] for address in addresses}
