"""The Console's own ground: its door, its team, its settings, its catalogue, as people meet them."""

import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, MD5PasswordHasher
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.fixtures.pictures import picture

from keydesk.console.words import PERMISSION_NAMES
from keydesk.control.access.roles import STAFF_PERMISSIONS, StaffRole
from keydesk.control.audit.models import AuditEvent
from keydesk.control.catalog.models import Product
from keydesk.control.keys.actions import generate_key, revoke_key
from keydesk.control.outbox.models import Mail
from keydesk.control.people.models import User
from keydesk.control.policies.actions import change_policies
from keydesk.control.policies.queries import current_policies
from keydesk.control.policies.rules import FLAGS, NUMBERS
from keydesk.control.staff.actions import deactivate_staff, make_first_owner_link
from keydesk.web.faults import plain

pytestmark = pytest.mark.usefixtures("no_tries_counted")

LOGIN = "/console/login/"
SETTINGS = {
    "brand_name": "",
    "brand_colour": "",
    "default_language": "",
    "pin_min_digits": "6",
    "pin_tries": "5",
    "pin_lock_minutes": "30",
    "pin_reset_cooldown_minutes": "60",
    "password_min_length": "15",
    "privileged_idle_minutes": "15",
    "idle_minutes": "30",
    "session_hours": "12",
    "keys_a_product": "100",
    "usage_minutes_hours": "48",
    "usage_hours_days": "90",
    "refused_requests_days": "30",
}
PRODUCT = {
    "slug": "payment-link",
    "name": "Payment Link",
    "description": "Be paid.",
    "icon": "link",
    "sample_path": "/v1/links",
    "scopes": "link:read link:create",
    "lease_seconds": "",
    "reveal_policy": "once",
    "requires_username": "1",
}


def log_in(client, email, password, door=LOGIN, **more):
    return client.post(door, {"login": email, "password": password, **more})


def said(response):
    """Give what a page says is wrong, in its order."""
    text = response.content.decode()
    alerts = re.findall(r'role="alert".*?<p>(.*?)</p>', text, re.DOTALL)
    notes = re.findall(r'id="(\w+)-note"[^>]*>.*?</svg>\s*(.*?)</p>', text, re.DOTALL)
    return [*alerts, *notes]


def test_a_stranger_on_a_console_page_logs_in_at_its_own_door_and_comes_back(browse, eko, password):
    client = browse()
    sent = client.get("/console/team/")
    assert sent["Location"] == "/console/login/?next=%2Fconsole%2Fteam%2F"
    assert (
        log_in(client, eko.label, password, next="/console/team/")["Location"] == "/console/team/"
    )
    assert client.get("/console/team/").status_code == 200


def test_staff_land_on_the_console_from_either_door(browse, eko, password):
    client = browse()
    assert log_in(client, eko.label, password)["Location"] == "/console/"
    client = browse()
    assert log_in(client, eko.label, password, door="/account/login/")["Location"] == "/"
    assert client.get("/")["Location"] == "/console/"


def test_at_the_consoles_door_a_customers_right_password_is_told_from_a_wrong_one_by_nothing(
    browse, ana, password
):
    cookies = {"HTTP_COOKIE": ""}
    right, wrong = (
        log_in(browse(**cookies), ana.label, each) for each in (password, "x" + password)
    )
    pages = [
        re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", r.content) for r in (right, wrong)
    ]
    assert (right.status_code, pages[0]) == (wrong.status_code, pages[1])
    assert "sid" not in right.cookies
    failed = AuditEvent.objects.filter(event="login.failed").values_list("actor_label", flat=True)
    assert list(failed) == [ana.label, ana.label]
    assert not AuditEvent.objects.filter(event="session.started").exists()


def test_a_customers_right_password_there_costs_as_many_hashes_as_a_wrong_one(
    browse, ana, password, counted_hashes
):
    costs = []
    for tried in (password, "not the password", None):
        email = "nobody@example.com" if tried is None else ana.label
        with counted_hashes() as hashes:
            log_in(browse(), email, tried or password)
        costs.append(len(hashes))
    assert costs == [1, 1, 1]


@pytest.fixture
def counted_hashes(monkeypatch):
    @contextmanager
    def counted():
        hashes, encode = [], MD5PasswordHasher.encode

        def note(self, *given):
            hashes.append(1)
            return encode(self, *given)

        with monkeypatch.context() as patch:
            patch.setattr(MD5PasswordHasher, "encode", note)
            yield hashes

    return counted


@pytest.mark.parametrize("door", [LOGIN, "/account/login/"])
def test_a_wrong_password_leaves_the_address_in_its_field(browse, door):
    assert 'name="login" type="email" value=""' in browse().get(door).content.decode()
    text = log_in(browse(), "a&b@x.example", "not the password", door=door).content.decode()
    assert 'name="login" type="email" value="a&amp;b@x.example"' in text


def test_both_doors_count_the_same_tries(browse, eko, password):
    for door in (LOGIN, "/account/login/", LOGIN, "/account/login/", LOGIN):
        log_in(browse(), eko.label, "not the password", door=door)
    refused = [
        log_in(browse(), eko.label, password, door=door) for door in (LOGIN, "/account/login/")
    ]
    assert [response.status_code for response in refused] == [429, 429]


def test_a_deactivated_person_gets_the_one_error_at_either_door(browse, eko, rangga, password):
    deactivate_staff(eko, user_id=rangga.user_id)
    for door in (LOGIN, "/account/login/"):
        response = log_in(browse(), rangga.label, password, door=door)
        nobody = log_in(browse(), "nobody@example.com", password, door=door)
        assert (response.status_code, said(response)) == (200, said(nobody))


def test_who_logs_out_of_the_console_is_at_its_door(browse, eko):
    client = browse(eko)
    assert 'name="next" value="/console/login/"' in client.get("/console/").content.decode()
    assert client.post("/account/logout/", {"next": LOGIN})["Location"] == LOGIN


def test_the_first_owners_link_opens_a_form_that_makes_them(browse, host, password):
    token, client = make_first_owner_link(host), browse()
    page = f"/console/first-owner/?token={token}"
    assert client.get(page).status_code == 200
    form = {
        "token": token,
        "email": "eko@provider.example",
        "full_name": "Eko",
        "password": password,
    }
    unlike = client.post("/console/first-owner/", form)
    assert (unlike.status_code, said(unlike)) == (
        422,
        [("password_again", "The two are not the same.")],
    )
    form |= {"password_again": password}
    taken = client.post("/console/first-owner/", form | {"email": "nobody"})
    assert said(taken) == [("email", "Enter an email address, like name@company.com.")]
    assert 'value="Eko"' in taken.content.decode()
    assert password not in taken.content.decode()
    assert client.post("/console/first-owner/", form)["Location"] == LOGIN
    assert client.get(page).status_code == 410
    assert log_in(client, "eko@provider.example", password)["Location"] == "/console/"


def test_a_link_of_the_team_is_in_no_log_line_whatever_comes_of_it(browse, host, password, caplog):
    token, client = make_first_owner_link(host), browse()
    client.get(f"/console/first-owner/?token={token}")
    client.post("/console/first-owner/", {"token": token})
    make_first_owner_link(host)
    assert client.get(f"/console/first-owner/?token={token}").status_code == 410
    assert len(caplog.records) == 2
    assert token not in caplog.text


def test_an_owner_adds_somebody_who_chooses_their_own_password(browse, eko, password):
    client = browse(eko)
    form = {"email": "lina@provider.example", "full_name": "Lina", "role": "security"}
    assert client.post("/console/team/add/", form)["Location"] == "/console/team/"
    lina = User.objects.get(email="lina@provider.example")
    assert (lina.staff_role, lina.password[0]) == ("security", UNUSABLE_PASSWORD_PREFIX)
    link = Mail.objects.get().context["url"]
    assert link.startswith("http://testserver/console/welcome/?token=")
    guest, address = browse(), link.removeprefix("http://testserver")
    assert b"lina@provider.example" in guest.get(address).content
    form = {"token": link.partition("token=")[2], "password": "short", "password_again": "short"}
    weak = guest.post("/console/welcome/", form)
    assert said(weak) == [
        ("password", "A password has at least 15 characters. Several words do well.")
    ]
    form |= {"password": password, "password_again": password}
    assert guest.post("/console/welcome/", form)["Location"] == LOGIN
    assert log_in(guest, lina.email, password)["Location"] == "/console/"


def test_an_address_that_is_taken_is_told_at_its_field_with_what_was_typed(browse, eko, ana):
    form = {"email": ana.label, "full_name": "Ana", "role": "owner"}
    answer = browse(eko).post("/console/team/add/", form)
    assert (answer.status_code, said(answer)) == (
        422,
        [("email", "Somebody has this address already.")],
    )
    text = answer.content.decode()
    assert (f'value="{ana.label}"' in text, '<option value="owner" selected' in text) == (
        True,
        True,
    )


def test_an_owner_changes_a_role_and_access_and_not_their_own(browse, eko, rangga, user_of):
    client, page = browse(eko), f"/console/team/{rangga.user_id}/"
    client.post(page, {"do": "role", "role": "reviewer"})
    assert user_of(rangga).staff_role == "reviewer"
    client.post(page, {"do": "deactivate"})
    assert user_of(rangga).is_active is False
    again = client.post(page, {"do": "deactivate"})
    assert (again.status_code, said(again)) == (
        409,
        ["Somebody else has changed this meanwhile. Look at it again."],
    )
    client.post(page, {"do": "reactivate"})
    assert user_of(rangga).is_active is True
    own = client.post(f"/console/team/{eko.user_id}/", {"do": "deactivate"})
    assert own.status_code == 409
    assert user_of(eko).is_active is True


def test_a_lost_role_counts_on_the_next_click(browse, eko, staff, rangga):
    sari = staff("Sari", StaffRole.OWNER)
    client = browse(sari)
    assert client.get("/console/settings/").status_code == 200
    browse(eko).post(f"/console/team/{sari.user_id}/", {"do": "role", "role": "reviewer"})
    assert client.get("/console/settings/").status_code == 404
    assert client.post(f"/console/team/{rangga.user_id}/", {"do": "deactivate"}).status_code == 404


OPEN_TO = {
    "/console/team/": set(StaffRole),
    "/console/products/": set(StaffRole),
    "/console/system/": set(StaffRole),
    "/console/unknown-keys/": set(StaffRole),
    "/console/team/add/": {StaffRole.OWNER},
    "/console/team/{rangga}/": {StaffRole.OWNER},
    "/console/settings/": {StaffRole.OWNER},
    "/console/products/add/": {StaffRole.OWNER, StaffRole.OPERATIONS},
    "/console/products/disbursement/": {StaffRole.OWNER, StaffRole.OPERATIONS},
    "/console/products/disbursement/retire/": {StaffRole.OWNER, StaffRole.OPERATIONS},
    "/console/products/disbursement/stop/": {
        StaffRole.OWNER,
        StaffRole.OPERATIONS,
        StaffRole.SECURITY,
    },
}


def test_each_page_is_there_for_the_roles_that_have_its_permission_alone(
    browse, staff, rangga, disbursement
):
    clients = {role: browse(staff(f"Of-{role}", role)) for role in StaffRole}
    found = {
        page: {
            role
            for role, client in clients.items()
            if client.get(page.format(rangga=rangga.user_id)).status_code == 200
        }
        for page in OPEN_TO
    }
    assert found == OPEN_TO


def test_what_a_page_offers_is_what_the_role_may_do(browse, staff, disbursement):
    reviewer = browse(staff("Putri", StaffRole.REVIEWER))
    text = reviewer.get("/console/products/").content + reviewer.get("/console/team/").content
    assert re.findall(rb'href="/console/(?:settings|team/\d|team/add|products/\w)', text) == []


def test_the_table_of_roles_names_every_permission_of_the_internal_team():
    assert set(PERMISSION_NAMES) == frozenset.union(*STAFF_PERMISSIONS.values())


def test_a_setting_counts_at_once_and_the_page_says_so(browse, eko):
    client = browse(eko)
    saved = client.post("/console/settings/", SETTINGS | {"keys_a_product": "7"}, follow=True)
    assert b"Saved. It is in effect." in saved.content
    assert current_policies().keys_a_product == 7
    details = {"keys_a_product": {"from": 100, "to": 7}}
    assert AuditEvent.objects.get(event="policies.changed").details == details


def test_settings_that_stay_as_they_are_leave_no_event(browse, eko):
    browse(eko).post("/console/settings/", SETTINGS)
    assert not AuditEvent.objects.filter(event="policies.changed").exists()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("typed", ["", "-1", "1.5", "ten", "999999", "9" * 5000, "\u0661\u0665"])
def test_a_number_out_of_bounds_is_told_at_its_field_and_nothing_changes(browse, eko, name, typed):
    answer = browse(eko).post("/console/settings/", SETTINGS | {"brand_name": "Acme", name: typed})
    least, most = NUMBERS[name]
    assert (answer.status_code, said(answer)) == (
        422,
        [(name, f"Give a whole number from {least} to {most}.")],
    )
    assert 'value="Acme"' in answer.content.decode()
    assert current_policies().brand_name == ""


@pytest.mark.parametrize("name", FLAGS)
def test_a_box_is_a_yes_if_it_is_ticked_and_else_a_no(browse, eko, with_app, name):
    client = browse(eko)
    with_app(eko)
    for typed, value in (("1", True), ("", False)):
        client.post("/console/settings/", SETTINGS | {name: typed})
        assert getattr(current_policies(), name) is value


def test_who_has_to_set_up_a_second_factor_sees_the_brand_all_the_same(browse, eko):
    client = browse(eko)
    change_policies(eko, changes={"mfa_for_managers": True})
    assert client.get("/console/").status_code == 302
    assert client.get("/brand/006731.css").status_code == 200


def test_the_brand_is_on_every_page_at_once_and_never_in_a_style_of_its_own(browse, eko, ana):
    form = SETTINGS | {"brand_name": "Acme <Pay>", "brand_colour": "#006731"}
    browse(eko).post("/console/settings/", form)
    for client, page in ((browse(), "/account/login/"), (browse(ana), "/a/sinarabadi/")):
        text = client.get(page).content.decode()
        assert "Acme &lt;Pay&gt;" in text
        assert '<link rel="stylesheet" href="/brand/006731.css">' in text
    style = browse().get("/brand/006731.css")
    assert (
        ":root{--color-primary:#006731;--color-primary-content:#ffffff}" in style.content.decode()
    )
    assert (style["Content-Type"], style["Cache-Control"], style.get("Vary")) == (
        "text/css; charset=utf-8",
        "public, max-age=31536000, immutable",
        None,
    )


@pytest.mark.parametrize("colour", ["2750C7", "ffe08a", "red", "2750c7ff", "2750c"])
def test_a_style_that_no_provider_could_have_chosen_is_not_there(browse, colour):
    assert browse().get(f"/brand/{colour}.css").status_code == 404


def test_a_light_colour_is_refused_with_a_sentence(browse, eko):
    answer = browse(eko).post("/console/settings/", SETTINGS | {"brand_colour": "#FFE08A"})
    sentence = "This colour is too light: white text on it could not be read. Choose a darker one."
    assert (answer.status_code, said(answer)) == (422, [("brand_colour", sentence)])


def upload(client, content, name="logo.png", kind="image/png"):
    file = SimpleUploadedFile(name, content, content_type=kind)
    return client.post("/console/settings/logo/", {"logo": file})


def test_a_logo_is_served_as_a_png_that_browsers_may_keep_and_may_not_take_for_anything_else(
    browse, eko
):
    client = browse(eko)
    assert upload(client, picture(), name="../../evil.html", kind="text/html").status_code == 302
    address = f"/brand/{current_policies().logo_version}.png"
    assert f'<img src="{address}" alt=""' in browse().get("/account/login/").content.decode()
    served = browse().get(address)
    assert served.content == picture()
    names = ("Content-Type", "Cache-Control", "X-Content-Type-Options")
    assert [served[name] for name in names] == [
        "image/png",
        "public, max-age=31536000, immutable",
        "nosniff",
    ]
    client.post("/console/settings/logo/", {"remove": "1"})
    assert browse().get(address).status_code == 404
    assert "kd-logo" not in browse().get("/account/login/").content.decode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "This is not a plain PNG."),
        (picture(after=b"<script>"), "This is not a plain PNG."),
        (b"", "This is not a plain PNG."),
        (picture() + b"\0" * 25_000_000, "The file is larger than 64 KB."),
    ],
    ids=["svg", "polyglot", "empty", "25 MB"],
)
def test_what_is_no_logo_gets_a_sentence_at_its_field(browse, eko, content, sentence):
    answer = upload(browse(eko), content, name="logo.png")
    ((field, text),) = said(answer)
    assert (answer.status_code, field, text.startswith(sentence)) == (422, "logo", True)
    assert current_policies().logo_version == ""


def test_no_file_is_told_at_the_field(browse, eko):
    answer = browse(eko).post("/console/settings/logo/")
    assert said(answer) == [("logo", "Choose a PNG first.")]


def test_a_page_for_when_nothing_works_asks_the_database_for_no_brand(eko):
    change_policies(eko, changes={"brand_name": "Acme Pay"})
    with CaptureQueriesContext(connection) as asked:
        text = plain("503.html", status=503).content.decode()
    assert (len(asked), "Acme Pay" in text, "Keydesk" in text) == (0, False, True)


@pytest.mark.parametrize(
    ("headers", "cookie", "shown"),
    [
        ({}, None, "id"),
        ({"HTTP_ACCEPT_LANGUAGE": "fr,de;q=0.5"}, None, "id"),
        ({"HTTP_ACCEPT_LANGUAGE": "en-GB"}, None, "en"),
        ({}, "en", "en"),
    ],
)
def test_the_providers_language_is_for_whoever_asks_for_none_of_ours(
    browse, eko, headers, cookie, shown
):
    change_policies(eko, changes={"default_language": "id"})
    client = browse(**headers)
    if cookie:
        client.cookies["language"] = cookie
    assert f'<html lang="{shown}">' in client.get(LOGIN).content.decode()


def test_a_product_is_put_on_offer_edited_stopped_resumed_and_retired(browse, eko):
    client, page = browse(eko), "/console/products/payment-link/"
    assert client.post("/console/products/add/", PRODUCT)["Location"] == "/console/products/"
    made = Product.objects.get()
    assert (made.scopes, made.lease_seconds, made.reveal_policy, made.requires_username) == (
        "link:create link:read",
        None,
        "once",
        True,
    )
    edited = PRODUCT | {"name": "Links", "lease_seconds": "60", "requires_username": ""}
    client.post(page, edited)
    for step, form in (
        ("stop", {"reason": "A leak"}),
        ("resume", {}),
        ("retire", {"reason": "Sold", "confirm": "payment-link"}),
    ):
        assert client.post(f"{page}{step}/", form)["Location"] == "/console/products/"
    made.refresh_from_db()
    assert (made.name, made.lease_seconds, made.requires_username, made.state) == (
        "Links",
        60,
        False,
        "RETIRED",
    )
    rows = AuditEvent.objects.filter(event="product.state_changed").order_by("seq")
    assert [row.details["reason"] for row in rows] == ["A leak", "", "Sold"]


def test_a_role_that_is_none_is_told_at_its_field_and_adds_nobody(browse, eko):
    form = {"email": "wati@acmepay.example", "full_name": "Wati", "role": "king"}
    answer = browse(eko).post("/console/team/add/", form)
    assert (answer.status_code, said(answer)) == (422, [("role", "Choose a role.")])
    assert not User.objects.filter(email="wati@acmepay.example").exists()


def test_a_role_that_is_none_changes_nobody(browse, eko, staff):
    sari = staff("Sari", StaffRole.SECURITY)
    page = f"/console/team/{sari.user_id}/"
    answer = browse(eko).post(page, {"do": "role", "role": "king"})
    assert (answer.status_code, "Choose a role." in answer.content.decode()) == (422, True)
    assert User.objects.get(pk=sari.user_id).staff_role == StaffRole.SECURITY


def test_a_retirement_is_typed_and_a_stop_has_a_reason(browse, eko, disbursement):
    client, page = browse(eko), "/console/products/disbursement/"
    unlike = client.post(f"{page}retire/", {"reason": "Sold", "confirm": "Disbursement"})
    assert said(unlike) == [("confirm", "Type disbursement to confirm.")]
    neither = client.post(f"{page}retire/", {})
    assert sorted(field for field, _ in said(neither)) == ["confirm", "reason"]
    without = client.post(f"{page}stop/", {"reason": "  "})
    assert [field for field, _ in said(without)] == ["reason"]
    assert Product.objects.get().state == "ACTIVE"


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("slug", "Payment Link"),
        ("slug", "disbursement"),
        ("name", ""),
        ("name", "Disbursement"),
        ("description", "x" * 301),
        ("icon", "\0"),
        ("sample_path", "v1"),
        ("scopes", "not-a-scope!"),
        ("lease_seconds", "ten"),
        ("lease_seconds", "0"),
        ("lease_seconds", "99999999"),
    ],
)
def test_bad_particulars_of_a_product_are_told_at_the_field_and_nothing_typed_is_lost(
    browse, eko, disbursement, field, typed
):
    answer = browse(eko).post("/console/products/add/", PRODUCT | {field: typed})
    assert (answer.status_code, [name for name, _ in said(answer)]) == (422, [field])
    kept = PRODUCT | {field: typed}
    text = answer.content.decode()
    for name in ("slug", "name", "sample_path", "scopes"):
        assert f'name="{name}" type="text" value="{kept[name]}"' in text
    assert Product.objects.count() == 1


def test_the_catalogue_counts_accounts_and_working_keys(browse, eko, host, sinar, disbursement):
    given = {"account_id": sinar.id, "product": "disbursement", "name": "A", "grant": None}
    keys = [
        generate_key(host, **given, environment=environment, request_token=environment)
        for environment in ("live", "test")
    ]
    revoke_key(host, key_id=keys[0].id)
    text = browse(eko).get("/console/products/").content.decode()
    assert "1 account, 1 working key" in text


def test_the_system_page_tells_of_a_desk_without_replica_and_worker(browse, eko):
    browser = browse(eko)
    late = AuditEvent.objects.count()
    with time_machine.travel(timezone.now() + timedelta(minutes=3)):
        text = browser.get("/console/system/").content.decode()
    database = "SQLite" if connection.vendor == "sqlite" else "PostgreSQL"
    words = (database, "Never reported", "Late", f"{late} event")
    assert [word in text for word in words] == [True] * 4
