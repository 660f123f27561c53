"""Restricting a key and an account in a browser, and what the real verifier makes of it at once."""

import secrets

import httpx
import pytest
from playwright.sync_api import expect
from tests.fixtures.faults import faults_of

HERE, ELSEWHERE = "203.0.113.7", "198.51.100.1"
WORDS = {
    "en": {
        "generate": "Generate key",
        "expires": "expires in 30 days",
        "restrict": "Restrict",
        "actions": "Actions for",
        "addresses": "Addresses",
        "confirm": "Confirm",
        "done": "Done",
        "network": "1 network",
        "saved": "applies to every request from now on",
        "wrong": "“office” is no address and no network.",
        "tab": "IP allow-list",
        "change": "Change addresses",
        "warning": "Calls from anywhere else are refused at once",
        "anywhere": "Keys may be used from anywhere.",
    },
    "id": {
        "generate": "Buat kunci",
        "expires": "kedaluwarsa dalam 30 hari",
        "restrict": "Batasi",
        "actions": "Tindakan untuk",
        "addresses": "Alamat IP",
        "confirm": "Konfirmasi",
        "done": "Selesai",
        "network": "1 jaringan",
        "saved": "mulai sekarang berlaku untuk setiap permintaan",
        "wrong": "“office” bukan alamat dan bukan jaringan.",
        "tab": "Daftar izin IP",
        "change": "Ubah alamat IP",
        "warning": "Panggilan dari tempat lain langsung ditolak",
        "anywhere": "Kunci boleh dipakai dari mana saja.",
    },
}


PIN = "482915"


@pytest.fixture
def words(surroundings):
    return WORDS[surroundings["locale"]]


@pytest.fixture
def company(operator):
    """A company of one test with a Superadmin, so that its allow-list stands in nobody's way."""
    username = f"company-{secrets.token_hex(4)}"
    password = secrets.token_urlsafe(16)
    login = {"email": f"nia@{username}.example", "password": password}
    operator("account", "create", username, "--name", "PT Uji")
    operator("account", "approve", username)
    operator("entitlement", "enable", username, "disbursement")
    member = (username, login["email"], "superadmin", "--name", "Nia")
    operator("member", "add", *member, typed=password + "\n")
    return username, login


@pytest.fixture
def guest(visitor, surroundings, company):
    """The Superadmin, with a PIN, before the list of keys."""
    username, login = company
    guest = visitor(login, **surroundings)
    guest.page.goto(f"{guest.desk.dashboard_url}/a/{username}/settings/pin/")
    for field in ("new_pin", "new_pin_again"):
        guest.page.locator(f"#{field}").fill(PIN)
    guest.page.locator("#password").fill(login["password"])
    guest.page.locator("main form:has(#password) button").click()
    guest.page.wait_for_url("**/settings/")
    return guest.open_keys(username)


@pytest.fixture
def key(operator, company):
    """A key of the company that may be used from anywhere."""
    return operator("key", "generate", company[0], "disbursement", "--name", "Ledger").strip()


@pytest.fixture
def called_from(demo_desk, key):
    """Ask the verifier about a call with the key from each address, as a gateway would; gives status and code."""

    def called_from(*addresses):
        url = f"{demo_desk.verifier_url}/v1/authorize/disbursement"
        headers = [{"x-api-key": key, "X-Keydesk-Client-Address": each} for each in addresses]
        answers = [httpx.get(url, headers=each, timeout=15) for each in headers]
        return [(answer.status_code, answer.headers["X-Keydesk-Code"]) for answer in answers]

    return called_from


ACCEPTED, REFUSED = (200, "ok"), (403, "ip_not_allowed")


def fill_addresses(guest, words, text):
    guest.dialog.get_by_label(words["addresses"]).fill(text)
    guest.dialog.get_by_role("button", name=words["confirm"]).click()


def open_restrict(guest, words):
    guest.page.get_by_role("button", name=words["actions"]).click()
    guest.page.locator("[popover]:popover-open").get_by_role(
        "button", name=words["restrict"]
    ).click()


@pytest.mark.alone
def test_a_restricted_key_is_refused_elsewhere_at_once(key, guest, words, called_from):
    guest.page.reload()
    assert called_from(HERE, ELSEWHERE) == [ACCEPTED, ACCEPTED]
    open_restrict(guest, words)
    fill_addresses(guest, words, f"{HERE}\noffice")
    expect(guest.dialog).to_contain_text(words["wrong"])
    fill_addresses(guest, words, HERE)
    expect(guest.dialog.get_by_label("PIN")).to_be_focused()
    assert called_from(HERE, ELSEWHERE) == [ACCEPTED, ACCEPTED]
    guest.enter_pin(PIN)
    expect(guest.dialog).to_contain_text(words["saved"])
    assert called_from(HERE, ELSEWHERE) == [ACCEPTED, REFUSED]
    guest.dialog.get_by_role("link", name=words["done"]).click()
    expect(guest.row("Ledger")).to_contain_text(words["network"])


@pytest.mark.alone
def test_a_widened_key_is_accepted_again_at_once(key, guest, words, called_from, operator, company):
    key_id = operator("key", "list", company[0]).split()[0]
    operator("key", "restrict", key_id, "--network", HERE)
    guest.page.reload()
    open_restrict(guest, words)
    expect(guest.dialog.get_by_label(words["addresses"])).to_have_value(HERE)
    fill_addresses(guest, words, "")
    guest.enter_pin(PIN)
    expect(guest.dialog).to_contain_text(words["saved"])
    assert called_from(ELSEWHERE) == [ACCEPTED]
    guest.dialog.get_by_role("link", name=words["done"]).click()
    expect(guest.row("Ledger")).not_to_contain_text(words["network"])


@pytest.mark.alone
def test_the_allow_list_of_a_company_is_for_all_its_keys_at_once(guest, words, called_from):
    guest.page.get_by_role("link", name=words["tab"]).click()
    expect(guest.page.get_by_text(words["anywhere"])).to_be_visible()
    guest.page.get_by_role("button", name=words["change"]).click()
    expect(guest.dialog).to_contain_text(words["warning"])
    fill_addresses(guest, words, f"{HERE}/32")
    guest.enter_pin(PIN)
    expect(guest.dialog).to_contain_text(words["saved"])
    assert called_from(HERE, ELSEWHERE) == [ACCEPTED, REFUSED]
    guest.dialog.get_by_role("link", name=words["done"]).click()
    expect(guest.page.get_by_role("listitem").filter(has_text=HERE)).to_be_visible()


def test_options_are_folded_and_a_key_is_made_with_them(guest, words):
    guest.page.get_by_role("button", name=words["generate"]).click()
    expect(guest.dialog.get_by_label(words["addresses"])).to_be_hidden()
    guest.dialog.locator("summary").click()
    day = guest.dialog.locator("#expires_on")
    expect(day).to_be_hidden()
    guest.dialog.locator("#lifetime").select_option("day")
    expect(day).to_be_visible()
    guest.dialog.locator("#lifetime").select_option("30")
    expect(day).to_be_hidden()
    fill_addresses(guest, words, HERE)
    guest.enter_pin(PIN)
    guest.shown_key()
    guest.dialog.locator("kd-key").get_by_role("button").first.click()
    guest.dialog.get_by_role("link", name=words["done"]).click()
    expect(guest.page.get_by_role("row").filter(has_text="kd_live_")).to_contain_text(
        f"{words['network']} · {words['expires']}"
    )


def test_the_new_pages_and_steps_have_no_faults(key, guest, words, company, operator):
    operator("account", "networks", company[0], "--network", HERE, "--network", "2001:db8::/32")
    page = guest.page
    page.reload()
    found = faults_of(page)
    open_restrict(guest, words)
    fill_addresses(guest, words, "office")
    expect(guest.dialog).to_contain_text(words["wrong"])
    found += faults_of(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name=words["generate"]).click()
    guest.dialog.locator("summary").click()
    expect(guest.dialog.get_by_label(words["addresses"])).to_be_visible()
    found += faults_of(page)
    page.keyboard.press("Escape")
    page.get_by_role("link", name=words["tab"]).click()
    expect(page.get_by_text(words["warning"])).to_be_visible()
    found += faults_of(page)
    page.get_by_role("button", name=words["change"]).click()
    expect(guest.dialog.get_by_label(words["addresses"])).to_be_visible()
    assert found + faults_of(page) == []
