"""The Console's review pages in Chromium: axe finds no fault, in light and dark, both languages, wide and narrow."""

import pytest
from playwright.sync_api import expect
from tests.fixtures.faults import faults_of

QUEUE = "console/applications/"
PAGES = (
    QUEUE,
    f"{QUEUE}duasamudra/",
    f"{QUEUE}duasamudra/revision/",
    f"{QUEUE}duasamudra/rejection/",
)
WORDS = {"en": ("Claim", "Take over", "Release"), "id": ("Ambil", "Ambil alih", "Lepaskan")}


@pytest.fixture
def reviewer(surroundings, visitor, demo_desk):
    """Eko in front of the queue, with the demo's application claimed; given back at the end."""
    reviewer = visitor(demo_desk.login("Eko"), **surroundings)
    page = reviewer.page
    claim, _take_over, release = WORDS[surroundings["locale"]]
    page.goto(f"{demo_desk.dashboard_url}/{QUEUE}duasamudra/")
    page.get_by_role("button", name=claim, exact=True).click()
    expect(page.get_by_role("button", name=release)).to_be_visible()
    yield reviewer
    page.goto(f"{demo_desk.dashboard_url}/{QUEUE}duasamudra/")
    page.get_by_role("button", name=release).click()
    expect(page.get_by_role("button", name=claim, exact=True)).to_be_visible()


def test_review_pages_have_no_faults(reviewer):
    found = {}
    for address in PAGES:
        reviewer.page.goto(f"{reviewer.desk.dashboard_url}/{address}")
        found[address] = faults_of(reviewer.page)
    assert found == {address: [] for address in PAGES}


def test_a_form_without_words_says_so_at_its_field_and_puts_the_focus_there(reviewer):
    page = reviewer.page
    page.goto(f"{reviewer.desk.dashboard_url}/{QUEUE}duasamudra/rejection/")
    page.locator("main form button").last.click()
    expect(page.locator("#reason[aria-invalid=true]")).to_be_focused()
    assert faults_of(page) == []


def test_a_remark_is_folded_behind_its_field_and_takes_no_script(visitor, reviewer, demo_desk):
    viewport = reviewer.page.viewport_size
    page = visitor(demo_desk.login("Eko"), java_script_enabled=False, viewport=viewport).page
    page.goto(f"{demo_desk.dashboard_url}/{QUEUE}duasamudra/revision/")
    city = page.locator("#remark-business-city")
    expect(city).to_be_hidden()
    page.locator("details", has=city).locator("summary").click()
    city.fill("Which one?")
    expect(page.locator("textarea:visible")).to_have_count(1)
