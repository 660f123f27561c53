"""A refused call explains itself: from the id that its caller was told to the reason and the cure on the page."""

import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect
from tests.fixtures.desk import wait_until

WIDEST = r"share => { share.textContent = share.textContent.replace(/[\d.,]+%/, '66.7%') }"
"""As wide as a share of refused requests can be: three digits, none of them a slim one."""


@pytest.fixture
def refused_id(demo_desk):
    """The id that a caller was told who used the demo's key for another product."""
    request = urllib.request.Request(
        f"{demo_desk.verifier_url}/v1/authorize/account-inquiry",
        headers={"x-api-key": demo_desk.demo["example_key"]},
    )
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request):
        pass
    with refused.value as answer:
        assert answer.code == 403
        return answer.headers["X-Keydesk-Request-Id"]


def test_a_refused_call_is_found_by_its_id_with_reason_and_cure(visitor, demo_desk, refused_id):
    page = visitor(demo_desk.login("Ana")).open_keys().page
    page.get_by_role("link", name="Logs").click()
    expect(page.get_by_role("link", name="Logs")).to_have_attribute("aria-current", "page")
    page.get_by_label("Request id").fill(refused_id)
    row = page.get_by_role("row").filter(has_text=refused_id)

    def is_listed():
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_label("Request id")).to_have_value(refused_id)
        return row.count() == 1

    wait_until(is_listed, seconds=20, what="the worker has taken the request home")
    expect(row).to_contain_text("The key is for another product")
    expect(row).to_contain_text("Payroll service")
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_label("Request id")).to_have_value("")
    expect(page.get_by_role("row").nth(2)).to_be_visible()


def test_the_keys_show_their_month_and_their_last_use(visitor, demo_desk):
    # Other tests generate keys for this product too, at times more than a page of them.
    guest = visitor(demo_desk.login("Ana")).open_keys(query="?search=Payroll+service")
    row = guest.product("Disbursement").get_by_role("row").filter(has_text="Payroll service")
    expect(row.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"^[\d,]+ requests in 30 days, at most [\d,]+ a day")
    )
    expect(row.locator("time[title]").last).to_contain_text(re.compile("ago|just now"))
    row.get_by_role("button", name="Actions for").click()
    guest.page.locator("[popover]:popover-open button").last.click()
    expect(guest.dialog).to_contain_text("It was used in the last 24 hours:")


def test_a_key_s_own_page_is_read_from_the_list(visitor, demo_desk):
    page = visitor(demo_desk.login("Ana")).open_keys().page
    page.get_by_role("link", name="Cashier pilot").click()
    expect(page.get_by_role("heading", name="Cashier pilot")).to_be_visible()
    period = page.get_by_role("navigation", name="Period")
    expect(period.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
    drawn = page.get_by_role(
        "img", name=re.compile(r"^\d+ requests from .* at most \d+ a day\. .*%")
    )
    expect(drawn).to_be_visible()
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("table", name="Requests", exact=True).get_by_role("row")).to_have_count(
        31
    )
    refused = page.get_by_role("region", name="Last refused requests")
    expect(refused.get_by_role("row").nth(1)).to_contain_text("The product was not enabled")
    refused.get_by_role("link").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Cashier pilot")


def test_a_key_is_revoked_on_its_own_page(visitor, demo_desk):
    ana = demo_desk.login("Ana")
    guest = visitor(ana).open_keys()
    guest.generate("Disbursement", "Short-lived", ana["pin"])
    guest.close()
    page = guest.page
    page.get_by_role("link", name="Short-lived").click()
    expect(page.get_by_role("heading", name="Not used yet")).to_be_visible()
    address = page.url
    page.get_by_role("button", name="Actions for").click()
    page.get_by_role("button", name="Revoke").click()
    guest.dialog.get_by_role("button", name="Revoke").click()
    guest.dialog.get_by_role("link", name="Done").click()
    expect(page.locator("#key")).to_contain_text("Revoked")
    expect(page.get_by_role("button", name="Actions for")).to_have_count(0)
    assert page.url == address


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_share_that_was_refused_stands_beside_its_line(visitor, demo_desk, language):
    guest = visitor(demo_desk.login("Ana"), locale=language).open_keys()
    cell = guest.row("Cashier pilot").get_by_role("cell").filter(has=guest.page.get_by_role("img"))
    share = cell.get_by_text("%")
    share.evaluate(WIDEST)
    line, text = cell.get_by_role("img").bounding_box(), share.bounding_box()
    assert text["x"] >= line["x"] + line["width"]
