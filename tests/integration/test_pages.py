"""What pages promise around their content: policies, who may store them, what a stranger sees, what a reload does."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.cache import cache
from django.templatetags.static import static
from msgspec.structs import replace
from tests.fixtures.browsing import KEYS, expired, hidden, press_generate, shown_key

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.access.roles import Role
from keydesk.control.keys.models import ApiKey
from keydesk.control.people.actions import remove_member
from keydesk.server.static_files import static_folder, static_url
from keydesk.web import middleware
from keydesk.web.sessions import STARTED

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PAGES = (
    "/account/login/",
    "/a/sinarabadi/",
    KEYS,
    f"{KEYS}generate/disbursement/live/",
    "/nothing/",
)


@pytest.fixture
def with_pins(ana, budi, disbursement, with_pin):
    for actor in (ana, budi):
        with_pin(actor)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_carries_the_policies_and_is_stored_nowhere(browse, ana, disbursement, page):
    response = browse(ana).get(page)
    assert set(response["Content-Security-Policy"].split("; ")) == POLICY
    assert {name: response[name] for name in HEADERS} == HEADERS
    assert "camera=()" in response["Permissions-Policy"]
    assert len(response["X-Request-Id"]) == 32


def test_the_session_cookie_is_for_this_host_and_no_script(browse, ana, password, user_of):
    form = {"login": user_of(ana).email, "password": password}
    cookie = browse().post("/account/login/", form).cookies["sid"]
    assert {
        name: cookie[name] for name in ("httponly", "samesite", "path", "domain", "max-age")
    } == {
        "httponly": True,
        "samesite": "Lax",
        "path": "/",
        "domain": "",
        "max-age": "",
    }


@pytest.mark.parametrize("has_token", [True, False])
def test_to_others_hidden_missing_and_foreign_pages_are_byte_for_byte_the_same(
    browse, citra, ana, disbursement, generate, has_token
):
    key = generate(ana).id
    addresses = [
        KEYS,
        f"{KEYS}{key}/reveal/",
        f"{KEYS}key_none/reveal/",
        f"{KEYS}generate/disbursement/live/",
        "/a/sinarabadi/settings/pin/",
        "/a/sinarabadi/settings/pin/forgotten/",
        "/a/sinarabadi/settings/pin/forgotten/mail/",
        "/a/sinarabadi/settings/pin/forgotten/link/none/",
        f"/a/sinarabadi/team/{ana.user_id}/reset-pin/",
        "/a/duasamudra/",
        "/none/",
    ]
    client = browse(citra, enforce_csrf_checks=not has_token)
    client.get("/none/")  # notes when the session began
    answers = [
        answer for address in addresses for answer in (client.get(address), client.post(address))
    ]
    assert {comparable(answer) for answer in answers} == {comparable(answers[0])}
    assert answers[0].status_code == 404


def comparable(response):
    headers = sorted((name, text) for name, text in response.items() if name != "X-Request-Id")
    return response.status_code, response.content, tuple(headers), response.cookies.output()


def test_a_key_of_another_account_is_not_there(browse, dewi, ana, generate):
    key = generate(ana).id
    for action in ("reveal", "regenerate", "revoke"):
        address = f"/a/duasamudra/settings/developer/api-keys/{key}/{action}/"
        assert browse(dewi).post(address).status_code == 404
    assert ApiKey.objects.get(pk=key).state == "ACTIVE"


def test_a_form_without_its_token_changes_nothing(browse, ana, generate):
    key = generate(ana).id
    client = browse(ana, enforce_csrf_checks=True)
    address = f"{KEYS}{key}/revoke/"
    assert client.post(address).status_code == 403
    step = client.post(address, headers={"hx-request": "true"})
    assert (step.status_code, step["Keydesk-Step"]) == (403, "stale")
    foreign = {"origin": "https://elsewhere.example"}
    token = hidden(client.get(address), "csrfmiddlewaretoken")
    assert client.post(address, {"csrfmiddlewaretoken": token}, headers=foreign).status_code == 403
    assert ApiKey.objects.get(pk=key).state == "ACTIVE"


@pytest.mark.parametrize(
    ("page", "back"), [("/a/sinarabadi/", "/a/sinarabadi/"), ("https://elsewhere.example/", "/")]
)
def test_a_stale_choice_of_language_leads_back_to_its_page(browse, ana, page, back):
    client = browse(ana, enforce_csrf_checks=True)
    response = client.post("/language/", {"language": "id", "next": page})
    assert response.status_code == 403
    (link,) = re.findall(r'<a [^>]*href="([^"]*)"', response.content.decode().partition("<main")[2])
    assert (link, client.get(link, follow=True).status_code) == (back, 200)


def test_a_form_without_its_token_leads_back_with_the_name_that_was_typed(
    browse, ana, disbursement
):
    client = browse(ana, enforce_csrf_checks=True)
    address = f"{KEYS}generate/disbursement/test/"
    form = {"step": "pin", "name": "For the ERP", "pin": "482915"}
    for headers in ({}, {"hx-request": "true"}):
        page = client.post(address, form, headers=headers).content.decode()
        assert (f'href="{address}?name=For+the+ERP"' in page, "482915" in page) == (True, False)


def test_reading_a_page_changes_nothing(browse, ana, generate):
    key = generate(ana).id
    for action in ("reveal", "regenerate", "revoke"):
        browse(ana).get(f"{KEYS}{key}/{action}/")
    assert list(ApiKey.objects.values_list("pk", "state")) == [(key, "ACTIVE")]


@pytest.mark.usefixtures("with_pins")
def test_the_same_form_sent_again_shows_the_same_key(browse, ana, pin):
    client = browse(ana)
    form, first = press_generate(client, pin)
    again = client.post(f"{KEYS}generate/disbursement/live/", form)
    assert shown_key(first) is not None
    assert shown_key(again) == shown_key(first)
    assert ApiKey.objects.count() == 1


@pytest.mark.usefixtures("with_pins")
def test_a_step_comes_alone_where_the_script_asks_and_marked_as_ours(browse, ana):
    response = browse(ana).get(f"{KEYS}generate/disbursement/live/", headers={"hx-request": "true"})
    assert (response["Keydesk-Step"], b"<html" in response.content) == ("name", False)


@pytest.mark.usefixtures("with_pins")
def test_a_revealed_key_leaves_a_page_without_script_by_itself(browse, ana, generate, pin):
    made = generate(ana)
    response = browse(ana).post(f"{KEYS}{made.id}/reveal/", {"step": "pin", "pin": pin})
    assert (shown_key(response), response["Refresh"]) == (made.plaintext, f"60; url={KEYS}")


def test_an_idle_or_old_session_leads_to_log_in_and_back(browse, ana, disbursement):
    client = browse(ana)
    client.get(KEYS)
    old = client.session
    old[STARTED] -= 12 * 3600
    old.save()
    for ended in (client, expired(browse, ana)):
        response = ended.post(
            f"{KEYS}generate/disbursement/live/", {"step": "pin", "name": "My key", "pin": "482915"}
        )
        back = "%2Fgenerate%2Fdisbursement%2Flive%2F%3Fname%3DMy%2Bkey"
        assert (response.status_code, response["Location"].endswith(back)) == (302, True)


def test_a_log_in_leads_back_whatever_was_typed(browse, db):
    answer = browse().post("/account/passkeys/add/", {"name": "x" * 100_000})
    assert answer.status_code == 302
    assert answer["Location"].endswith("x" * 60)


def test_a_log_in_does_not_lead_elsewhere(browse, ana, password, user_of):
    form = {"login": user_of(ana).email, "password": password, "next": "https://elsewhere.example/"}
    assert browse().post("/account/login/", form)["Location"] == "/"


def test_wrong_passwords_are_slowed_down_for_everybody_who_tries_that_person(browse, ana, user_of):
    form = {"login": user_of(ana).email, "password": "not this one"}
    answers = [browse().post("/account/login/", form) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert b"Too many" in answers[5].content
    assert b"Too many" not in answers[0].content


def test_tries_at_many_people_do_not_make_forget_the_tries_at_one(browse, ana, user_of):
    form = {"login": user_of(ana).email, "password": "not this one"}
    for _ in range(5):
        browse().post("/account/login/", form)
    for number in range(400):
        cache.set(f"tries-at-{number}", [], timeout=300)
    assert b"Too many" in browse().post("/account/login/", form).content


@pytest.mark.parametrize("page", ["reauthenticate", "confirm-email", "password/change"])
def test_no_other_page_than_the_log_in_takes_a_password(browse, ana, page):
    assert browse(ana).get(f"/account/{page}/").status_code == 404


def test_static_files_are_for_this_origin_alone_and_a_browser_asks_for_each_once(browse, db):
    page = browse().get("/account/login/").content.decode()
    addresses = re.findall(r'(?:href|src)="(/static/[^"]*)"', page)
    assert static("keydesk/keydesk.css") in addresses
    for address in addresses:
        response = browse().get(address)
        response.close()
        assert (response.status_code, "Access-Control-Allow-Origin" in response) == (200, False)
        assert re.fullmatch(r"max-age=\d{8,9}, public, immutable", response["Cache-Control"])


def test_the_address_of_static_files_is_made_of_all_that_are_found():
    packages = ["allauth.account", "allauth.mfa", "django_htmx", "keydesk.web"]
    folders = set(map(static_folder, packages))
    found = [Path(storage.path(name)) for each in get_finders() for name, storage in each.list([])]
    assert [path for path in found if folders.isdisjoint(path.parents)] == []
    assert static_url(packages) == settings.STATIC_URL


def test_another_content_or_name_of_a_static_file_is_another_address(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    script = tmp_path / "pages" / "static" / "main.js"
    script.parent.mkdir(parents=True)
    (tmp_path / "pages" / "__init__.py").touch()
    script.write_text("one")
    addresses = [static_url(["pages"]), static_url(["pages"])]
    script.write_text("two")
    addresses.append(static_url(["pages"]))
    script.rename(script.with_name("other.js"))
    addresses.append(static_url(["pages"]))
    assert [addresses.index(address) for address in addresses] == [0, 0, 2, 3]


def test_whoever_has_no_account_reads_whom_to_ask(browse, hire, sinar):
    left = hire("Joko", sinar, Role.ADMIN)
    remove_member(HOST_OPERATOR, account_id=sinar.id, user_id=left.user_id)
    assert "a Superadmin of your company" in browse(left).get("/").content.decode()


def test_nobody_signs_up_alone(browse, db):
    assert browse().get("/account/signup/").status_code == 404


def test_the_language_stays_with_the_person(browse, ana):
    browse(ana).post("/language/", {"language": "id", "next": "/a/sinarabadi/"})
    page = browse(ana).get("/a/sinarabadi/").content.decode()
    assert ('<html lang="id">' in page, "Ringkasan" in page) == (True, True)


@pytest.mark.usefixtures("with_pins")
def test_search_state_and_pages_are_offered_from_ten_keys_on(browse, ana, generate):
    client = browse(ana)
    for number in range(9):
        generate(ana, name=f"Key {number}")
    assert b'name="search"' not in client.get(KEYS).content
    generate(ana, name="Payroll")
    generate(ana, name="Key 10")
    assert client.get(KEYS).content.count(b"kd_live_") == 10
    assert client.get(f"{KEYS}?page-disbursement=2").content.count(b"kd_live_") == 1
    assert client.get(f"{KEYS}?search=payr").content.count(b"kd_live_") == 1
    assert client.get(f"{KEYS}?state=REVOKED").content.count(b"kd_live_") == 0


def test_names_that_people_type_are_text_and_nothing_else(browse, ana, generate):
    generate(ana, name='<img src=x onerror="alert(1)">')
    page = browse(ana).get(KEYS).content.decode()
    assert ("<img" in page, "&lt;img src=x" in page) == (False, True)


def test_where_the_public_address_is_https_every_request_is(settings, rf):
    settings.KEYDESK = replace(settings.KEYDESK, public_url="https://desk.example")
    seen = []
    middleware.public_scheme(lambda request: seen.append(request.is_secure()))(rf.get("/"))
    assert seen == [True]


def test_a_pin_is_changed_with_the_password_and_the_one_before(
    browse, ana, with_pin, pin, password
):
    client = browse(with_pin(ana))
    form = {"password": password, "new_pin": "730164", "new_pin_again": "730164"}
    address = "/a/sinarabadi/settings/pin/"
    wrong = client.post(address, form | {"current_pin": "907316"})
    assert (wrong.status_code, b'id="current_pin-note"' in wrong.content) == (422, True)
    unlike = client.post(address, form | {"current_pin": pin, "new_pin_again": "730165"})
    assert (unlike.status_code, b'id="new_pin_again-note"' in unlike.content) == (422, True)
    assert client.post(address, form | {"current_pin": pin}).status_code == 302
    assert all(secret.encode() not in wrong.content for secret in (password, pin, "730164"))


def test_a_host_name_that_is_not_ours_is_not_answered(browse, db):
    response = browse().get("/account/login/", headers={"host": "elsewhere.example"})
    assert response.status_code == 400


def test_a_form_sent_again_with_another_name_makes_no_key_and_says_so(browse, ana, with_pins, pin):
    client = browse(ana)
    form, _ = press_generate(client, pin)
    again = client.post(f"{KEYS}generate/disbursement/live/", form | {"name": "Another"})
    assert (again.status_code, shown_key(again)) == (422, None)
    assert "Something in the form needs another look." in again.content.decode()
    assert [row.name for row in ApiKey.objects.all()] == ["Ledger"]
