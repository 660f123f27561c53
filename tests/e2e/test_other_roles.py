"""For every other role the menu, the pages and the hints in their source do not exist."""

import re

import pytest
from playwright.sync_api import expect

HINTS = re.compile(r"api.key|developer|generate|\bpin\b", re.IGNORECASE)
PAGES = (
    "settings/developer/",
    "settings/developer/api-keys/",
    "settings/developer/api-keys/generate/disbursement/live/",
    "settings/pin/",
)


@pytest.fixture(params=["Fajar", "Citra", "Gita"])
def guest(request, visitor, demo_desk):
    return visitor(demo_desk.login(request.param))


def test_no_menu_and_no_hint_is_there(guest):
    for page in ("", "settings/"):
        guest.page.goto(f"{guest.desk.dashboard_url}/a/sinarabadi/{page}")
        assert HINTS.findall(guest.page.content()) == []


def test_no_page_is_there(guest):
    found = set()
    for page in (*PAGES, "settings/no-such-page/"):
        answer = guest.page.goto(f"{guest.desk.dashboard_url}/a/sinarabadi/{page}")
        found.add((answer.status, answer.body()))
    assert [status for status, _body in found] == [404]


def test_a_company_that_waits_reads_why_and_what_is_next(visitor, demo_desk):
    dewi = visitor(demo_desk.login("Dewi")).open_keys("duasamudra")
    expect(dewi.page.get_by_text("Your company is waiting for approval")).to_be_visible()
    expect(dewi.page.get_by_role("button", name="Generate")).to_have_count(0)
