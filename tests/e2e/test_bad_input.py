"""Whatever goes wrong in the dialog gets a sentence at its place, and nothing that was typed is lost."""

import secrets
import sqlite3
from contextlib import closing, contextmanager

import pytest
from playwright.sync_api import expect

PIN = "482915"


@pytest.fixture
def ana(demo_desk):
    return demo_desk.login("Ana")


@pytest.fixture
def at_keys(visitor, ana):
    return visitor(ana).open_keys()


def set_pin(page, login, pin):
    page.get_by_label("Your password").fill(login["password"])
    page.get_by_label("New PIN", exact=True).fill(pin)
    page.get_by_label("New PIN, once more").fill(pin)
    page.get_by_role("button", name="Save PIN").click()


def test_a_wrong_pin_says_how_many_tries_are_left_and_the_right_one_still_works(at_keys, ana):
    at_keys.name_a_key("Disbursement", "Mistyped")
    at_keys.enter_pin("907316" if ana["pin"] != "907316" else "907317")
    expect(at_keys.dialog.get_by_text("This PIN is not right. 4 tries left.")).to_be_visible()
    expect(at_keys.dialog.get_by_label("PIN")).to_be_focused()
    expect(at_keys.dialog.get_by_label("PIN")).to_have_value("")
    expect(at_keys.dialog).to_contain_text("Mistyped")
    at_keys.enter_pin(ana["pin"])
    at_keys.shown_key()


def test_letters_are_no_pin_and_cost_no_try(at_keys):
    at_keys.name_a_key("Disbursement", "Letters")
    at_keys.enter_pin("abcdef")
    expect(at_keys.dialog).to_contain_text("A PIN has 6 to 12 digits and nothing else.")


def test_a_key_needs_a_name(at_keys):
    at_keys.name_a_key("Disbursement", "   ")
    expect(at_keys.dialog).to_contain_text("Give the key a name of 1 to 60 characters.")
    expect(at_keys.dialog.get_by_label("Name")).to_be_focused()


def test_without_a_pin_one_is_set_and_the_typed_name_is_still_there(visitor, newcomer):
    login = newcomer()
    at_keys = visitor(login).open_keys()
    at_keys.name_a_key("Disbursement", "My first key")
    expect(at_keys.dialog).to_contain_text("You have no PIN yet.")
    at_keys.dialog.get_by_role("link", name="Set a PIN").click()
    set_pin(at_keys.page, login, "123456")
    expect(at_keys.page.get_by_text("This PIN counts up or down.")).to_be_visible()
    expect(at_keys.page.get_by_label("New PIN", exact=True)).to_be_focused()
    expect(at_keys.page.get_by_text("6 to 12 digits. Not a date")).to_be_visible()
    set_pin(at_keys.page, {"password": "not mine"}, PIN)
    expect(at_keys.page.get_by_text("This password is not right.")).to_be_visible()
    set_pin(at_keys.page, login, PIN)
    expect(at_keys.dialog.get_by_label("Name")).to_have_value("My first key")
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    at_keys.enter_pin(PIN)
    at_keys.shown_key()


def test_a_locked_pin_says_until_when_and_does_not_hold_up_revoking(visitor, newcomer):
    login = newcomer()
    at_keys = visitor(login)
    at_keys.set_pin("sinarabadi", password=login["password"], pin=PIN)
    name = f"Lock {secrets.token_hex(4)}"
    at_keys.open_keys().generate("Disbursement", name, PIN)
    at_keys.close()
    at_keys.choose(name, "Reveal")
    for _ in range(4):
        at_keys.enter_pin("907316")
        expect(at_keys.dialog.get_by_label("PIN")).to_have_value("")
    at_keys.enter_pin("907316")
    expect(at_keys.dialog.get_by_role("alert")).to_contain_text("You can try again after")
    expect(at_keys.dialog.get_by_label("PIN")).to_have_count(0)
    with at_keys.page.expect_response("**/reveal/"):
        at_keys.dialog.get_by_role("button", name="Try again").click()
    expect(at_keys.dialog.get_by_role("link", name="Cancel")).to_be_focused()
    at_keys.page.keyboard.press("Escape")
    at_keys.choose(name, "Revoke")
    at_keys.dialog.get_by_role("button", name="Revoke").click()
    expect(at_keys.dialog).to_contain_text("is revoked")


def test_a_session_that_ends_in_the_dialog_leads_to_log_in_and_back_with_the_name(visitor, ana):
    at_keys = visitor(ana).open_keys()
    at_keys.name_a_key("Disbursement", "Came back")
    at_keys.page.context.clear_cookies(name="sid")
    at_keys.enter_pin(ana["pin"])
    at_keys.page.wait_for_url("**/account/login/**")
    assert ana["pin"] not in at_keys.page.url
    expect(at_keys.page.get_by_text("Log in to go on where you left off.")).to_be_visible()
    at_keys.fill_log_in(ana)
    expect(at_keys.dialog.get_by_label("Name")).to_have_value("Came back")
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    at_keys.enter_pin(ana["pin"])
    at_keys.shown_key()


def test_whoever_logs_in_meanwhile_is_told_at_the_pin_and_goes_on_with_the_name(
    visitor, demo_desk, ana
):
    at_keys = visitor().log_in(demo_desk.login("Budi")).open_keys()
    at_keys.name_a_key("Disbursement", "Handed over")
    expect(at_keys.dialog.get_by_label("PIN")).to_be_focused()
    elsewhere = at_keys.page.context.new_page()
    elsewhere.goto(f"{demo_desk.dashboard_url}/account/logout/")
    elsewhere.get_by_role("button", name="Log out").click()
    elsewhere.wait_for_url("**/account/login/")
    at_keys.page, left = elsewhere, at_keys.page
    at_keys.log_in(ana)
    at_keys.page = left
    at_keys.enter_pin(demo_desk.login("Budi")["pin"])
    expect(at_keys.dialog.get_by_role("alert")).to_contain_text("Somebody has logged in or out")
    at_keys.dialog.get_by_role("link", name="Open the page again").click()
    expect(at_keys.dialog.get_by_label("Name")).to_have_value("Handed over")
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    at_keys.enter_pin(ana["pin"])
    at_keys.shown_key()


def test_a_product_disabled_in_the_meantime_is_told_before_the_pin(at_keys, operator, product):
    at_keys.open_keys()
    at_keys.product(product).get_by_role("button", name="Generate").click()
    expect(at_keys.dialog.get_by_label("Name")).to_be_focused()
    operator("entitlement", "disable", "sinarabadi", product, "--reason", "An audit.")
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    expect(at_keys.dialog).to_contain_text("This product is not enabled for your company")
    at_keys.dialog.get_by_role("link", name="Back to the keys").click()
    expect(at_keys.product(product)).to_contain_text("Reason: An audit.")


def test_of_two_who_replace_one_key_the_second_is_told(visitor, demo_desk, ana, product):
    budi = demo_desk.login("Budi")
    first, second = visitor(ana).open_keys(), visitor(budi)
    first.generate(product, "Contested", ana["pin"])
    first.close()
    second.open_keys()
    for person in (first, second):
        person.product(product).get_by_role("button", name="Actions for").click()
        person.page.get_by_role("group", name="Actions for Contested").get_by_text("Re-gen").click()
        person.dialog.get_by_role("button", name="Confirm").click()
    first.enter_pin(ana["pin"])
    first.shown_key()
    second.enter_pin(budi["pin"])
    expect(second.dialog).to_contain_text("Somebody else has just replaced this key.")


def test_a_double_click_on_generate_makes_one_key(visitor, ana, product):
    at_keys = visitor(ana).open_keys()
    at_keys.name_a_key(product, "Twice")
    at_keys.dialog.get_by_label("PIN").fill(ana["pin"])
    at_keys.dialog.get_by_role("button", name="Generate key").dblclick()
    at_keys.shown_key()
    at_keys.close()
    expect(at_keys.product(product).get_by_role("row").filter(has_text="Twice")).to_have_count(1)


@pytest.fixture
def failing(at_keys):
    """Let what the page asks for fail, and htmx write of it to the console."""

    @contextmanager
    def failing(address, answer):
        at_keys.page.route(address, answer)
        yield
        at_keys.page.unroute(address)
        at_keys.complaints = [each for each in at_keys.complaints if not is_of_a_failure(each)]

    return failing


def is_of_a_failure(complaint):
    return complaint.startswith(("htmx:", "Response Status Error Code"))


def no_answer(route):
    route.abort()


def fault(route):
    route.fulfill(status=500, body="<h1>Something failed</h1>")


def away(route):
    route.fulfill(status=503, headers={"Retry-After": "5"}, body="<h1>Not available</h1>")


FAILURES = [no_answer, fault, away]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_at_the_pin_is_told_and_the_same_button_helps(
    at_keys, failing, failure, ana, product
):
    at_keys.open_keys().name_a_key(product, "Unlucky")
    expect(at_keys.dialog.get_by_label("PIN")).to_be_focused()
    with failing("**/generate/**", failure):
        at_keys.enter_pin(ana["pin"])
        expect(at_keys.dialog.get_by_role("alert")).to_contain_text("Nothing is lost")
    at_keys.enter_pin(ana["pin"])
    at_keys.shown_key()
    at_keys.close()
    expect(at_keys.product(product).get_by_role("row").filter(has_text="Unlucky")).to_have_count(1)


def test_a_database_that_is_away_at_the_pin_is_told(at_keys, failing, ana):
    at_keys.name_a_key("Disbursement", "Held up")
    expect(at_keys.dialog.get_by_label("PIN")).to_be_focused()
    with (
        closing(sqlite3.connect(at_keys.desk.data_dir / "keydesk.sqlite3")) as other,
        failing("**/generate/**", lambda route: route.continue_()),
    ):
        other.execute("BEGIN IMMEDIATE")
        at_keys.enter_pin(ana["pin"])
        # The desk itself waits for five seconds before it gives up.
        expect(at_keys.dialog.get_by_role("alert")).to_contain_text("Nothing is lost")
        other.rollback()
    at_keys.enter_pin(ana["pin"])
    at_keys.shown_key()


@pytest.mark.parametrize("failure", FAILURES)
def test_a_dialog_that_cannot_open_is_tried_again_as_a_page(at_keys, failing, failure):
    def fails_in_the_page(route):
        failure(route) if "hx-request" in route.request.headers else route.continue_()

    with failing("**/generate/**", fails_in_the_page):
        at_keys.product("Disbursement").get_by_role("button", name="Generate").click()
        at_keys.page.wait_for_url("**/generate/disbursement/live/")
        expect(at_keys.dialog.get_by_label("Name")).to_be_focused()


def test_a_list_that_cannot_be_read_again_does_not_stay_as_it_was(at_keys, failing, ana, product):
    at_keys.open_keys().generate(product, "Unseen", ana["pin"])

    def fails_in_the_page(route):
        fault(route) if "hx-request" in route.request.headers else route.continue_()

    with failing("**/api-keys/", fails_in_the_page):
        at_keys.close()
        expect(
            at_keys.product(product).get_by_role("row").filter(has_text="Unseen")
        ).to_be_visible()
