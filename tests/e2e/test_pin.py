"""A forgotten PIN, a PIN that others have reset, and a passkey in a PIN's place, in a real browser."""

import base64
import json
import re
import sqlite3
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from playwright.sync_api import expect
from tests.fixtures.desk import wait_until
from tests.fixtures.faults import faults_of
from tests.fixtures.passkeys import Passkey

PIN, NEW = "482915", "739104"
SETTINGS = "/a/sinarabadi/settings/"


@pytest.fixture
def database(demo_desk):
    """Ask the desk's database, or write to it."""

    def database(statement, *values):
        with closing(sqlite3.connect(demo_desk.data_dir / "keydesk.sqlite3", timeout=10)) as opened:
            rows = opened.execute(statement, values).fetchall()
            opened.commit()
            return rows

    return database


@pytest.fixture
def link_in_mail(database):
    """Wait for the link in the demo's mailbox for a person, and give it under the name that they use."""

    def link_in_mail(email):
        statement = (
            "SELECT text FROM kept_letters WHERE \"to\" = ? AND text LIKE '%/pin/forgotten/link/%'"
        )
        rows = wait_until(lambda: database(statement, email), seconds=30, what="the mail")
        link = re.search(r"http://\S+/pin/forgotten/link/\S+", rows[-1][0])
        return link[0].replace("127.0.0.1", "localhost")

    return link_in_mail


@pytest.fixture
def person(visitor, newcomer, demo_desk):
    """Somebody new at the desk's name of letters, for which passkeys are, who is logged in and has a PIN."""

    def person(role="admin", **options):
        login, someone = newcomer(role), visitor(**options)
        port = urlsplit(demo_desk.dashboard_url).port
        someone.home = f"http://localhost:{port}"
        someone.login = login
        someone.page.goto(f"{someone.home}/account/login/")
        someone.fill_log_in(login)
        someone.page.goto(f"{someone.home}{SETTINGS}pin/")
        choose_pin(someone.page, login, PIN)
        someone.page.wait_for_url(f"**{SETTINGS}")
        return someone

    return person


def choose_pin(page, login, pin):
    page.locator("#password").fill(login["password"])
    page.locator("#new_pin").fill(pin)
    page.locator("#new_pin_again").fill(pin)
    page.locator("#new_pin_again").press("Enter")


@pytest.fixture
def passkey_for(database):
    """Give a person a passkey, and a device in their browser that holds it."""

    def passkey_for(someone):
        passkey = Passkey(None, host="localhost")
        database(
            "INSERT INTO mfa_authenticator (type, data, user_id, created_at) "
            "SELECT 'webauthn', ?, id, datetime('now') FROM users WHERE email = ?",
            json.dumps(passkey.stored()),
            someone.login["email"],
        )
        device = someone.page.context.new_cdp_session(someone.page)
        device.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        key = passkey.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        held = {
            "credentialId": base64.b64encode(passkey.id).decode(),
            "isResidentCredential": False,
            "rpId": "localhost",
            "privateKey": base64.b64encode(key).decode(),
            "signCount": 0,
        }
        device.send("WebAuthn.addCredential", {**made, "credential": held})
        return lambda is_verified: device.send(
            "WebAuthn.setUserVerified", {**made, "isUserVerified": is_verified}
        )

    return passkey_for


def test_a_forgotten_pin_is_replaced_through_a_mail_and_keys_stay_hidden_for_a_while(
    person, link_in_mail, surroundings
):
    someone = person(**surroundings)
    page = someone.page
    page.get_by_role("link", name=someone.say("Forgot your PIN?")).click()
    page.wait_for_url("**/settings/pin/forgotten/**")
    found = faults_of(page)
    page.locator("#password").fill(someone.login["password"])
    page.locator("#password").press("Enter")
    expect(page.get_by_role("status")).to_contain_text(someone.login["email"])
    found += faults_of(page)
    link = link_in_mail(someone.login["email"])
    page.goto(link)
    found += faults_of(page)
    choose_pin(page, someone.login, NEW)
    page.wait_for_url(f"**{SETTINGS}")
    found += faults_of(page)
    page.goto(link)
    expect(page.get_by_role("alert")).to_be_visible()
    assert found + faults_of(page) == []


def test_after_a_mailed_link_a_key_can_be_made_and_not_be_seen_again(person, link_in_mail, product):
    someone = person()
    someone.page.goto(f"{someone.home}{SETTINGS}pin/forgotten/mail/")
    someone.page.locator("#password").fill(someone.login["password"])
    someone.page.get_by_role("button", name="Mail me a link").click()
    expect(someone.page.get_by_role("status")).to_be_visible()
    someone.page.goto(link_in_mail(someone.login["email"]))
    choose_pin(someone.page, someone.login, NEW)
    someone.page.wait_for_url(f"**{SETTINGS}")
    someone.page.goto(f"{someone.home}{SETTINGS}developer/api-keys/")
    someone.generate(product, "Fresh", NEW)
    someone.close()
    someone.choose("Fresh", "Reveal")
    expect(someone.dialog.get_by_role("alert")).to_contain_text("keys stay hidden for a while")
    expect(someone.dialog.get_by_label("PIN")).to_have_count(0)


def test_a_passkey_takes_the_pins_place_in_every_dialog(person, passkey_for, product):
    someone = person()
    passkey_for(someone)
    page, dialog = someone.page, someone.dialog
    page.goto(f"{someone.home}{SETTINGS}developer/api-keys/")
    someone.name_a_key(product, "By passkey")
    dialog.get_by_role("button", name="Use a passkey instead").click()
    key = someone.shown_key()
    someone.close()
    someone.choose("By passkey", "Reveal")
    dialog.get_by_role("button", name="Use a passkey instead").click()
    assert someone.shown_key() == key
    dialog.get_by_role("link", name="Done").click()
    someone.choose("By passkey", "Re-generate")
    dialog.get_by_role("button", name="Confirm").click()
    dialog.get_by_role("button", name="Use a passkey instead").click()
    assert someone.shown_key() != key


def test_a_passkey_without_its_user_verified_confirms_nothing_and_the_pin_still_does(
    person, passkey_for, product
):
    someone = person()
    verify = passkey_for(someone)
    verify(False)
    someone.page.goto(f"{someone.home}{SETTINGS}developer/api-keys/")
    someone.name_a_key(product, "By PIN")
    someone.dialog.get_by_role("button", name="Use a passkey instead").click()
    expect(someone.dialog.get_by_text("The browser gave no passkey.")).to_be_visible()
    someone.enter_pin(PIN)
    someone.shown_key()


def test_without_webauthn_no_passkey_is_offered(person, passkey_for, product):
    someone = person()
    passkey_for(someone)
    someone.page.add_init_script("delete window.PublicKeyCredential")
    someone.page.goto(f"{someone.home}{SETTINGS}developer/api-keys/")
    someone.name_a_key(product, "Plain")
    expect(someone.dialog.get_by_label("PIN")).to_be_focused()
    expect(someone.dialog.get_by_role("button", name="Use a passkey instead")).to_be_hidden()


def test_a_passkey_replaces_a_forgotten_pin(person, passkey_for, surroundings):
    someone = person(**surroundings)
    passkey_for(someone)
    page = someone.page
    page.goto(f"{someone.home}{SETTINGS}pin/forgotten/")
    found = faults_of(page)
    page.locator("#password").fill(someone.login["password"])
    page.locator("#new_pin").fill(NEW)
    page.locator("#new_pin_again").fill(NEW)
    page.locator("kd-passkey-answer button").click()
    page.wait_for_url(f"**{SETTINGS}")
    page.goto(f"{someone.home}{SETTINGS}developer/api-keys/")
    page.locator("[id^=generate-]").first.click()
    page.locator("#name").press("Enter")
    expect(page.locator("kd-passkey-answer")).to_be_visible()
    found += faults_of(page)
    someone.enter_pin(NEW)
    someone.shown_key()
    assert found == []


def test_a_superadmin_has_a_colleagues_pin_reset(person, database, surroundings):
    colleague, superadmin = person(), person("superadmin", **surroundings)
    ((user_id,),) = database("SELECT id FROM users WHERE email = ?", colleague.login["email"])
    page = superadmin.page
    page.goto(f"{superadmin.home}/a/sinarabadi/team/{user_id}/reset-pin/")
    assert faults_of(page) == []
    page.locator("main form button").click()
    page.wait_for_url(lambda address: "reset-pin" not in address)
    colleague.page.goto(f"{colleague.home}{SETTINGS}developer/api-keys/")
    colleague.page.locator("[id^=generate-]").first.click()
    colleague.dialog.get_by_role("button", name="Confirm").click()
    expect(colleague.dialog).to_contain_text("You have no PIN yet.")
