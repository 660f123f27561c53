"""A person makes signing in safer, in a browser: an app, a passkey, and the end of a session they left open."""

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import expect
from tests.fixtures.entering import look, open_letter
from tests.fixtures.factors import code_of
from tests.fixtures.faults import faults_of

TAKEN = "From now on you log in with it. You stay logged in, here and elsewhere."
SECURITY = "/a/sinarabadi/settings/security/"
PAGES = (
    *("confirm", "authenticator", "passkeys/add"),
    *("new-address", "new-address/asked", "new-address/made-up", "password"),
)


@pytest.fixture
def nia(newcomer):
    return newcomer("maker")


@pytest.fixture
def at_security(visitor, demo_desk):
    """Give a person at their Security page, after they have logged in on a browser of their own."""

    def at_security(login, **options):
        guest = visitor(**options).log_in(login)
        guest.page.goto(demo_desk.dashboard_url + SECURITY)
        return guest

    return at_security


def set_up_app(page):
    """Set an app up as its page says, and give its secret and the recovery codes."""
    page.get_by_role("link", name="Set up app").click()
    secret = page.locator("[data-totp-secret]").inner_text().replace(" ", "")
    expect(page.get_by_role("img", name="Code for your app")).to_be_visible()
    page.get_by_label("Six digits").fill(code_of(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.locator("[data-codes] li")).to_have_count(10)
    return secret, page.locator("[data-codes] li").all_inner_texts()


def give_password(guest, login):
    guest.page.goto(f"{guest.desk.dashboard_url}/account/login/")
    guest.page.get_by_label("Email").fill(login["email"])
    guest.page.get_by_label("Password").fill(login["password"])
    guest.page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page):
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize("with_javascript", [True, False])
def test_an_app_is_set_up_and_then_lets_in(at_security, nia, with_javascript):
    guest = at_security(nia, java_script_enabled=with_javascript)
    page = guest.page
    secret, codes = set_up_app(page)
    assert (len(set(codes)), page.evaluate("1") if with_javascript else 1) == (10, 1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    kept = download.value.path().read_text().split()
    assert kept == [code.replace(" ", "") for code in codes]
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 codes left")).to_be_visible()
    page.goto(f"{guest.desk.dashboard_url}/account/logout/")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    give_password(guest, nia)
    page.get_by_label("Code from your app").fill("000000")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#code[aria-invalid]")).to_be_focused()
    page.get_by_label("Code from your app").fill(code_of(secret, steps=1))
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Overview")).to_be_visible()


def test_a_recovery_code_lets_in_without_the_app(at_security, nia):
    guest = at_security(nia)
    _, codes = set_up_app(guest.page)
    guest.page.get_by_role("link", name="I have kept them").click()
    log_out(guest.page)
    give_password(guest, nia)
    guest.page.get_by_label("Code from your app").fill(codes[0])
    guest.page.get_by_role("button", name="Log in").click()
    expect(guest.page.get_by_role("link", name="Overview")).to_be_visible()


@pytest.fixture
def with_authenticator():
    """Give a browser a device that holds passkeys and always knows its person."""

    def with_authenticator(page):
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return page

    return with_authenticator


def at_localhost(desk):
    """Passkeys belong to a name; the desk answers to this one as well."""
    return desk.dashboard_url.replace("127.0.0.1", "localhost")


@pytest.fixture
def with_passkey(visitor, demo_desk, nia, with_authenticator):
    """Give the page of a person who has made a passkey, and is at their Security page."""
    guest, desk = visitor(), at_localhost(demo_desk)
    page = with_authenticator(guest.page)
    page.goto(f"{desk}/account/login/")
    guest.fill_log_in(nia)
    page.goto(desk + SECURITY)
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of the passkey").fill("Work laptop")
    page.get_by_role("button", name="Make the passkey").click()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("Work laptop")).to_be_visible()
    return page


def test_a_passkey_lets_in_alone_and_after_the_password(with_passkey, nia):
    page = with_passkey
    log_out(page)
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("link", name="Overview")).to_be_visible()
    log_out(page)
    page.get_by_label("Email").fill(nia["email"])
    page.get_by_label("Password").fill(nia["password"])
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("link", name="Overview")).to_be_visible()


def test_a_passkey_confirms_and_is_renamed_and_removed(with_passkey, demo_desk):
    page = with_passkey
    page.goto(f"{at_localhost(demo_desk)}/account/confirm/?next={SECURITY}")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("link", name="Rename Work laptop").click()
    page.get_by_label("Name of the passkey").fill("Old laptop")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove Old laptop").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Off", exact=True)).to_be_visible()


def test_where_there_are_no_passkeys_none_are_offered(visitor, demo_desk, at_security, nia):
    stranger = visitor().page
    stranger.goto(f"{demo_desk.dashboard_url}/account/login/")
    expect(stranger.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    expect(stranger.get_by_role("button", name="Log in with a passkey")).to_be_hidden()
    page = at_security(nia).page
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_text("cannot make passkeys")).to_be_visible()
    expect(page.get_by_role("button", name="Make the passkey")).to_be_hidden()


def test_another_session_is_ended_from_the_list(at_security, nia):
    phone = at_security(nia, user_agent="Mozilla/5.0 (iPhone; CPU) FxiOS/130")
    page = at_security(nia).page
    page.get_by_role("button", name=re.compile("End the session Firefox, iPhone")).click()
    expect(page.get_by_role("button", name=re.compile("End the session"))).to_have_count(0)
    phone.page.reload()
    expect(phone.page.get_by_role("heading", name="Log in")).to_be_visible()
    page.reload()
    expect(page.get_by_text("This session")).to_be_visible()


def ask_for_address(page, email):
    """Ask for another address from the Security page, mistyped at first."""
    page.locator("a[href*=new-address]").click()
    page.wait_for_url("**/account/new-address/**")
    look(page)
    page.locator("#email").fill("nia")
    page.locator("#email").press("Enter")
    expect(page.locator("#email[aria-invalid]")).to_be_focused()
    look(page)
    page.locator("#email").fill(email)
    page.locator("#email").press("Enter")
    page.wait_for_url("**/account/new-address/asked/**")
    look(page)


def test_an_address_is_changed_through_the_mail_that_it_gets(at_security, nia, surroundings):
    guest = at_security(nia, **surroundings)
    page, email = guest.page, f"new-{nia['email']}"
    ask_for_address(page, email)
    expect(page).to_have_url(re.compile("/account/new-address/asked/"))
    # She has chosen no language, and a mail knows nothing of her browser's.
    open_letter(page, guest.desk, nia["email"], "Another email address was asked for")
    open_letter(page, guest.desk, email, "Confirm your new email address")
    page.locator("main a[href*=new-address]").click()
    page.wait_for_url("**/account/new-address/*/")
    look(page)
    page.locator("main form button").click()
    expect(page.get_by_text(guest.say(TAKEN))).to_be_visible()
    look(page)
    page.goto(guest.desk.dashboard_url + SECURITY)
    expect(page.get_by_text(email, exact=True)).to_be_visible()


def test_the_pages_have_no_faults(at_security, nia, surroundings):
    language = surroundings.pop("locale")
    guest = at_security(nia, **surroundings)
    page, desk = guest.page, guest.desk.dashboard_url
    page.goto(f"{desk}/a/sinarabadi/settings/")
    page.locator("select[name=language]").select_option(language)
    page.locator("form:has(select) button").last.click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    addresses = (SECURITY, *(f"/account/{page}/" for page in PAGES))
    found = {}
    for address in addresses:
        page.goto(desk + address)
        found[address] = faults_of(page)
    page.locator("#new_password").fill("short")
    page.locator("#new_password").press("Enter")
    expect(page.locator("#new_password_again[aria-invalid]")).to_be_focused()
    found["wrong"] = faults_of(page)
    assert found == {address: [] for address in (*addresses, "wrong")}


@pytest.fixture
def holder(visitor, surroundings, demo_desk, nia, with_authenticator):
    """The page of somebody who has just set up an app, in a browser that holds passkeys."""
    guest, desk = visitor(**surroundings), at_localhost(demo_desk)
    page = with_authenticator(guest.page)
    page.goto(f"{desk}/account/login/")
    guest.fill_log_in(nia)
    page.goto(f"{desk}/account/authenticator/?next={SECURITY}")
    code = code_of(page.locator("[data-totp-secret]").inner_text().replace(" ", ""))
    page.locator("#code").fill(code)
    page.locator("#code").press("Enter")
    expect(page.locator("[data-codes] li")).to_have_count(10)
    return page


def make_passkey(page):
    page.locator("#name").fill("Work laptop")
    page.locator("form:has(#name) button").click()
    page.locator("a[href*=rename]").wait_for()


def test_the_pages_of_somebody_with_factors_have_no_faults(holder, surroundings, demo_desk):
    page, found = holder, {"recovery codes": faults_of(holder)}
    security = at_localhost(demo_desk) + SECURITY
    page.goto(f"{at_localhost(demo_desk)}/account/passkeys/add/?next={SECURITY}")
    found["a passkey to be made"] = faults_of(page)
    make_passkey(page)
    found["factors"] = faults_of(page)
    expect(page.locator("html")).to_have_attribute("lang", surroundings["locale"])
    for link in ("a[href*=rename]", "a[href*=remove]", "a[href*=recovery-codes]"):
        page.locator(link).last.click()
        page.wait_for_url("**/account/**")
        found[link] = faults_of(page)
        page.goto(security)
    page.locator("a[href*=rename]").click()
    page.locator("#name").fill("")
    page.locator("#name").press("Enter")
    expect(page.locator("#name[aria-invalid]")).to_be_focused()
    found["a wrong name"] = faults_of(page)
    assert [faults for faults in found.values() if faults] == []
    assert len(found) == 7


def test_the_log_in_with_a_second_factor_has_no_faults(holder, demo_desk, nia):
    page = holder
    page.goto(f"{at_localhost(demo_desk)}/account/passkeys/add/?next={SECURITY}")
    make_passkey(page)
    page.goto(f"{at_localhost(demo_desk)}/account/logout/")
    page.locator("main form button").click()
    page.locator("#login").fill(nia["email"])
    page.locator("#password").fill(nia["password"])
    page.locator("form:has(#password) button").click()
    expect(page.locator("#code")).to_be_focused()
    first = faults_of(page)
    page.locator("#code").fill("000000")
    page.locator("#code").press("Enter")
    expect(page.locator("#code[aria-invalid]")).to_be_focused()
    assert (first, faults_of(page)) == ([], [])


@pytest.fixture
def demanded(demo_desk):
    """Whoever may do a lot must have a second factor, as everywhere but in the demo."""

    def demand(are_they):
        with closing(sqlite3.connect(demo_desk.data_dir / "keydesk.sqlite3", timeout=10)) as opened:
            opened.execute("UPDATE policies SET mfa_for_managers = ?", [are_they])
            opened.commit()

    demand(True)
    yield
    demand(False)


@pytest.mark.usefixtures("demanded")
def test_the_page_that_demands_a_factor_has_no_faults(visitor, surroundings, newcomer):
    page = visitor(**surroundings).log_in(newcomer()).page
    expect(page.locator("a[href*=authenticator]")).to_be_visible()
    found = faults_of(page)
    assert (page.url.split("?")[0].endswith("/account/set-up/"), found) == (True, [])
