"""The people of an account, in two browsers: invited, let in, given another role, removed; and the keys go on."""

import secrets

import pytest
from playwright.sync_api import expect
from tests.fixtures.faults import faults_of
from tests.fixtures.replicators import eventually

PASSWORD = "empat belas kucing hitam"
PIN = "482915"


@pytest.fixture
def ana(visitor, demo_desk):
    return visitor(demo_desk.login("Ana"))


@pytest.fixture
def email():
    return f"{secrets.token_hex(4)}@example.com"


@pytest.fixture
def link(operator):
    """Give the link that works for an address: the operator sends the invitation again."""

    def link(email):
        return operator("member", "resend", "sinarabadi", email).split()[-1]

    return link


def open_team(visitor, query=""):
    visitor.page.goto(f"{visitor.desk.dashboard_url}/a/sinarabadi/team/{query}")
    return visitor.page


def invite(visitor, email, role):
    page = open_team(visitor)
    page.get_by_role("link", name="Invite").click()
    page.get_by_label("Email").fill(email)
    page.get_by_role("radio", name=role).check()
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("status")).to_contain_text("on its way")


def join(visitor, link, name):
    visitor.page.goto(link)
    visitor.page.get_by_label("Your name").fill(name)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Accept the invitation").click()
    visitor.page.wait_for_url("**/a/sinarabadi/")


def choose(visitor, email, action):
    """Find a member or an invitation by the address, and choose from its menu."""
    page = open_team(visitor, f"?search={email}")
    page.get_by_role("row").filter(has_text=email).get_by_role("button").click()
    page.locator("[popover]:popover-open").get_by_role("link", name=action).click()
    return page


def test_invited_let_in_promoted_and_removed_while_the_keys_go_on(
    visitor, ana, email, link, authorize
):
    invite(ana, email, "Viewer")
    hana = visitor()
    join(hana, link(email), "Hana Putri")
    expect(hana.page.get_by_text("Viewer", exact=True).first).to_be_visible()
    assert hana.page.goto(f"{hana.desk.dashboard_url}/a/sinarabadi/settings/pin/").status == 404

    page = choose(ana, email, "Change role")
    page.get_by_role("radio", name="Admin", exact=False).last.check()
    page.get_by_role("button", name="Change role").click()
    expect(page.get_by_role("status")).to_contain_text("The role is changed")

    hana.set_pin("sinarabadi", password=PASSWORD, pin=PIN)
    key = hana.open_keys().generate("Disbursement", f"Made by {email}", PIN)
    eventually(lambda: authorize(key) == 200)
    hana.close()

    page = choose(ana, email, "Remove")
    expect(page.get_by_text("keys belong to the company")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("status")).to_contain_text("removed")
    hana.page.reload()
    expect(hana.page.get_by_role("heading", name="Log in")).to_be_visible()
    hana.log_in({"email": email, "password": PASSWORD})
    assert hana.page.goto(f"{hana.desk.dashboard_url}/a/sinarabadi/").status == 404
    assert authorize(key) == 200


def test_whoever_has_another_account_finds_nothing_with_the_next_click_and_stays_logged_in(
    visitor, ana, email, link, operator
):
    invite(ana, email, "Maker")
    hana = visitor()
    join(hana, link(email), "Hana Putri")
    operator("member", "add", "duasamudra", email, "viewer")
    page = choose(ana, email, "Deactivate")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("status")).to_contain_text("deactivated")
    assert hana.page.reload().status == 404
    hana.page.goto(hana.desk.dashboard_url)
    expect(hana.page).to_have_url(f"{hana.desk.dashboard_url}/a/duasamudra/")
    page = choose(ana, email, "Reactivate")
    page.get_by_role("button", name="Reactivate").click()
    expect(page.get_by_role("status")).to_contain_text("can come in again")
    assert hana.page.goto(f"{hana.desk.dashboard_url}/a/sinarabadi/").status == 200
    hana.page.get_by_role("button", name="Your account").click()
    here = hana.page.locator("[popover]:popover-open [aria-current=true]")
    expect(here).to_contain_text("PT Sinar Abadi")
    expect(here).to_contain_text("Maker")
    hana.page.get_by_role("link", name="PT Dua Samudra").click()
    expect(hana.page).to_have_url(f"{hana.desk.dashboard_url}/a/duasamudra/")


def test_who_is_logged_in_as_somebody_else_is_told_and_finds_the_way_out(
    visitor, demo_desk, ana, email, link
):
    invite(ana, email, "Viewer")
    address = link(email)
    budi = visitor().log_in(demo_desk.login("Budi"))
    budi.page.goto(address)
    expect(budi.page.get_by_text(f"It was sent to {email}")).to_be_visible()
    budi.page.get_by_role("button", name="Log out and go on").click()
    expect(budi.page.get_by_label("Your name")).to_be_visible()
    join(budi, address, "Hana Putri")


def test_a_withdrawn_link_is_a_calm_page_without_javascript_too(visitor, demo_desk, email, link):
    ana = visitor(demo_desk.login("Ana"), java_script_enabled=False)
    invite(ana, email, "Approver")
    address = link(email)
    page = choose(ana, email, "Withdraw")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status")).to_contain_text("withdrawn")
    guest = visitor(java_script_enabled=False)
    assert guest.page.goto(address).status == 410
    expect(guest.page.get_by_text("Ask whoever invited you")).to_be_visible()


def test_what_is_wrong_stands_at_its_field_with_the_focus_and_nothing_is_lost(ana):
    page = open_team(ana)
    page.get_by_role("link", name="Invite").click()
    page.get_by_label("Email").fill("no address")
    page.get_by_role("radio", name="Maker").check()
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("Enter an email address, like name@company.com.")).to_be_visible()
    expect(page.get_by_label("Email")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value("no address")
    expect(page.get_by_role("radio", name="Maker")).to_be_checked()


@pytest.fixture
def guest(surroundings, visitor, newcomer):
    return visitor(**surroundings).log_in(newcomer("superadmin"))


@pytest.fixture
def waiting(operator):
    """An invitation that is open."""
    email = f"{secrets.token_hex(4)}@example.com"
    yield operator("member", "invite", "sinarabadi", email, "maker").split()[-1]
    operator("member", "withdraw", "sinarabadi", email)


@pytest.mark.usefixtures("waiting")
def test_pages_of_the_team_have_no_faults(guest, surroundings):
    page, found = open_team(guest), {}
    expect(page.locator("html")).to_have_attribute("lang", surroundings["locale"])
    found["team"] = faults_of(page)
    # Other tests add people, so Budi may stand on a later page.
    page = open_team(guest, "?search=budi%40")
    page.get_by_role("row").filter(has_text="budi@").get_by_role("button").click()
    expect(page.locator("[popover]:popover-open")).to_be_visible()
    found["menu"] = faults_of(page)
    links = page.locator("[popover]:popover-open a").evaluate_all("all => all.map(a => a.href)")
    for address in (*links, "invite/", "leave/", "?search=nobody+at+all", "?done=invited"):
        open_team(guest, address) if "://" not in address else page.goto(address)
        found[address] = faults_of(page)
    open_team(guest, "invite/")
    page.locator("main form button").click()
    expect(page.locator("#email[aria-invalid]")).to_be_visible()
    found["refused"] = faults_of(page)
    page.goto(f"{guest.desk.dashboard_url}/accounts/")
    found["accounts"] = faults_of(page)
    assert found == {name: [] for name in found}


def test_pages_of_an_invitation_have_no_faults(guest, surroundings, waiting, visitor):
    page, found = guest.page, {}
    page.goto(waiting)
    found["another's"] = faults_of(page)
    stranger = visitor(**surroundings)
    stranger.page.goto(waiting)
    found["open"] = faults_of(stranger.page)
    stranger.page.locator("main form button").click()
    expect(stranger.page.locator("#full_name[aria-invalid]")).to_be_visible()
    found["refused"] = faults_of(stranger.page)
    stranger.page.goto(waiting[:-5] + "/")
    found["dead"] = faults_of(stranger.page)
    assert found == {name: [] for name in found}
