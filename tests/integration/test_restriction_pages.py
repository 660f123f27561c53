"""Restricting on pages: what was typed is kept, what is wrong stands at its field, and the PIN is asked for first."""

import html
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from tests.fixtures.browsing import KEYS, hidden, shown_key

from keydesk.control.catalog.models import Product
from keydesk.control.entitlements.models import Entitlement
from keydesk.control.keys.models import ApiKey

LIST = "/a/sinarabadi/settings/developer/ip-allow-list/"
GENERATE = f"{KEYS}generate/disbursement/live/"
NO_NETWORK = {
    "en": "“office” is no address and no network.",
    "id": "“office” bukan alamat dan bukan jaringan.",
}


@pytest.fixture
def client(browse, ana, disbursement, with_pin):
    return browse(with_pin(ana))


def text_of(response):
    return html.unescape(response.content.decode())


def fields_of(response):
    """Give the fields of the dialog's form as a browser would send them again."""
    page = response.content.decode()
    dialog = page[page.index('id="dialog-content"') :]
    inputs = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', dialog)
    return {name: html.unescape(value) for name, value in inputs if name != "csrfmiddlewaretoken"}


def test_a_key_is_generated_with_what_was_chosen(client, pin):
    first = client.get(GENERATE)
    chosen = {
        "step": "confirm",
        "name": "Ledger",
        "request_token": hidden(first, "request_token"),
        "chosen": "1",
        "networks": "203.0.113.0/24\r\n2001:db8::1, 203.0.113.7",
        "scopes": ["disbursement:use"],
        "lifetime": "30",
    }
    before = timezone.now()
    second = client.post(GENERATE, chosen)
    assert "3 networks · expires in 30 days" in text_of(second)
    assert shown_key(client.post(GENERATE, fields_of(second) | {"pin": pin})) is not None
    row = ApiKey.objects.get()
    assert row.networks == "203.0.113.0/24 2001:db8::1 203.0.113.7"
    assert row.scopes == "disbursement:use"
    end = row.expires_at - timedelta(days=30)
    assert before - timedelta(seconds=1) < end <= timezone.now()
    assert "3 networks · expires in 30 days" in text_of(client.get(KEYS))


def test_a_reload_of_the_last_step_gives_the_same_key_with_its_choices(client, pin):
    token = hidden(client.get(GENERATE), "request_token")
    chosen = {"step": "confirm", "name": "Ledger", "request_token": token, "lifetime": "90"}
    form = fields_of(client.post(GENERATE, chosen)) | {"pin": pin}
    first, again = client.post(GENERATE, form), client.post(GENERATE, form)
    assert shown_key(first) == shown_key(again) is not None


def test_a_key_works_until_the_end_of_the_day_that_was_chosen(client, pin):
    token = hidden(client.get(GENERATE), "request_token")
    chosen = {"step": "confirm", "name": "Ledger", "request_token": token}
    second = client.post(GENERATE, chosen | {"lifetime": "day", "expires_on": "2098-12-31"})
    client.post(GENERATE, fields_of(second) | {"pin": pin})
    assert ApiKey.objects.get().expires_at == datetime(2099, 1, 1, tzinfo=UTC)


def test_a_key_without_a_ticked_scope_has_none(client, pin):
    token = hidden(client.get(GENERATE), "request_token")
    chosen = {"step": "confirm", "name": "Ledger", "request_token": token, "chosen": "1"}
    second = client.post(GENERATE, chosen)
    assert "0 of 1 scopes" in text_of(second)
    client.post(GENERATE, fields_of(second) | {"pin": pin})
    assert ApiKey.objects.get().scopes == ""


@pytest.mark.parametrize("language", ["en", "id"])
def test_a_line_that_is_no_network_is_named_at_the_field_and_nothing_is_lost(client, language):
    typed = {"chosen": "1", "name": "Ledger", "networks": "203.0.113.7\noffice", "lifetime": "180"}
    answer = client.post(GENERATE, typed, headers={"accept-language": language})
    page = text_of(answer)
    assert answer.status_code == 422
    assert NO_NETWORK[language] in page
    assert 'aria-describedby="networks-note networks-hint"' in page
    assert "\n203.0.113.7\noffice</textarea>" in page
    assert '<option value="180" selected>' in page
    assert 'value="Ledger"' in page
    assert re.search(r"<details[^>]* open>", page)


@pytest.mark.parametrize("day", ["", "yesterday", "2001-01-01", "9999-12-31", "2099-02-30"])
def test_a_day_that_is_over_or_none_is_told_at_the_field(client, day):
    answer = client.post(GENERATE, {"name": "Ledger", "lifetime": "day", "expires_on": day})
    assert answer.status_code == 422
    assert "Choose a day that lies ahead." in text_of(answer)


@pytest.mark.parametrize("lifetime", ["-1", "31", "never", "30 days"])
def test_a_lifetime_that_is_not_offered_is_refused(client, lifetime):
    assert client.post(GENERATE, {"name": "Ledger", "lifetime": lifetime}).status_code == 422


def test_choices_survive_the_way_to_a_first_pin(browse, budi, disbursement):
    typed = {"name": "Ledger", "chosen": "1", "networks": "203.0.113.7", "lifetime": "day"}
    answer = browse(budi).post(GENERATE, typed | {"expires_on": "2098-12-31"})
    assert answer.status_code == 409
    (way,) = set(re.findall(r'href="(/a/sinarabadi/settings/pin/\?[^"]*)"', text_of(answer)))
    (back,) = parse_qs(urlsplit(way).query)["next"]
    page = text_of(browse(budi).get(back))
    assert "\n203.0.113.7</textarea>" in page
    assert 'value="Ledger"' in page
    assert 'value="2098-12-31"' in page


@pytest.fixture
def key(ana, generate):
    return generate(ana)


@pytest.fixture
def restrict(key):
    return f"{KEYS}{key.id}/restrict/"


def test_a_key_is_restricted_after_the_pin_alone(client, pin, restrict):
    first = text_of(client.get(restrict))
    assert "Your own address is 127.0.0.1." in first
    assert 'value="disbursement:use" checked' in first
    chosen = {"step": "confirm", "chosen": "1", "networks": "203.0.113.7", "limits": "key:b=9/1s"}
    second = client.post(restrict, chosen)
    assert ApiKey.objects.get().networks == ""
    wrong = client.post(restrict, fields_of(second) | {"pin": "395817"})
    assert wrong.status_code == 422
    third = client.post(restrict, fields_of(wrong) | {"pin": pin})
    assert "It is saved" in text_of(third)
    row = ApiKey.objects.get()
    assert (row.networks, row.scopes, row.limits) == ("203.0.113.7", "", "key:b=9/1s")
    again = text_of(client.get(restrict))
    assert "\n203.0.113.7</textarea>" in again
    assert "\nkey:b=9/1s</textarea>" in again
    assert 'value="disbursement:use" checked' not in again


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"networks": "office"}, NO_NETWORK["en"]),
        ({"networks": "::1 ::1/128"}, "“::1/128” is here a second time."),
        ({"limits": "key:b=9"}, "“key:b=9” is no limit."),
        ({"limits": "account:b=9/1s"}, "“account:b=9/1s” cannot be set here. A limit here begins with key:"),
        ({"limits": " ".join(f"key:a{n}=999999/60s" for n in range(40))}, "This is too long: 500"),
        ({"scopes": "account:all"}, "The product does not have the scope “account:all”."),
    ],
)  # fmt: skip
def test_what_a_key_cannot_have_is_told_before_the_pin(client, restrict, typed, sentence):
    answer = client.post(restrict, {"chosen": "1"} | typed)
    assert answer.status_code == 422
    assert sentence in text_of(answer)


def test_a_scope_that_the_product_has_lost_is_told_of(client, restrict):
    Product.objects.update(scopes="payout:read")
    page = text_of(client.get(restrict))
    assert "The product no longer has disbursement:use; the key loses it as well." in page


def test_a_scope_lost_between_the_form_and_the_pin_is_told_of_above_it(client, pin, restrict):
    form = fields_of(client.post(restrict, {"chosen": "1", "scopes": "disbursement:use"}))
    Product.objects.update(scopes="payout:read")
    answer = client.post(restrict, form | {"pin": pin})
    assert answer.status_code == 422
    assert "The product does not have the scope “disbursement:use”." in text_of(answer)


def test_the_allow_list_is_changed_after_the_pin(client, pin, sinar):
    assert "Keys may be used from anywhere." in text_of(client.get(LIST))
    change = f"{LIST}change/"
    wrong = client.post(change, {"networks": "office"})
    assert (wrong.status_code, NO_NETWORK["en"] in text_of(wrong)) == (422, True)
    second = client.post(change, {"step": "confirm", "networks": "203.0.113.0/24\n::1"})
    third = client.post(change, fields_of(second) | {"pin": pin})
    assert "It is saved" in text_of(third)
    sinar.refresh_from_db()
    assert sinar.networks == "203.0.113.0/24 ::1"
    page = text_of(client.get(LIST))
    assert "<li>203.0.113.0/24</li><li>::1</li>" in page
    assert "Calls from anywhere else are refused at once" in page


def test_a_product_s_limits_and_form_of_refusals_are_edited_in_the_console(
    browse, eko, disbursement
):
    address = "/console/products/disbursement/"
    form = {
        "name": "Disbursement",
        "icon": "send",
        "sample_path": "/v1/disbursement",
        "lease_seconds": "300",
        "scopes": "disbursement:use",
        "envelope": "compat",
    }
    wrong = browse(eko).post(address, form | {"limits": "key:burst=9/1s\nkey:burst=1/day"})
    assert wrong.status_code == 422
    assert "“key:burst=1/day” is here a second time." in text_of(wrong)
    assert "\nkey:burst=9/1s\nkey:burst=1/day</textarea>" in text_of(wrong)
    assert '<option value="compat" selected>' in text_of(wrong)
    browse(eko).post(address, form | {"limits": "key:burst=9/1s\r\naccount:daily=9/day"})
    found = Product.objects.get()
    assert (found.envelope, found.limits) == ("compat", "key:burst=9/1s account:daily=9/day")
    assert "\nkey:burst=9/1s\naccount:daily=9/day</textarea>" in text_of(browse(eko).get(address))


def test_an_entitlement_s_limits_are_set_in_the_console(browse, eko, sinar, disbursement):
    address = "/console/accounts/sinarabadi/products/disbursement/live/limits/"
    wrong = browse(eko).post(address, {"limits": "product:x=1/1s", "reason": "A trial"})
    assert wrong.status_code == 422
    assert "A limit here begins with key: / account:" in text_of(wrong)
    assert "\nproduct:x=1/1s</textarea>" in text_of(wrong)
    assert browse(eko).post(address, {"limits": "key:x=1/1s"}).status_code == 422
    done = browse(eko).post(address, {"limits": "key:x=1/1s", "reason": "A trial"})
    assert (done.status_code, done["Location"]) == (302, "/console/accounts/sinarabadi/")
    assert Entitlement.objects.get(environment="live").limits == "key:x=1/1s"
    assert "key:x=1/1s" in text_of(browse(eko).get(done["Location"]))


def test_there_are_no_limits_to_set_where_an_account_has_nothing(
    browse, eko, samudra, disbursement
):
    address = "/console/accounts/duasamudra/products/disbursement/live/limits/"
    assert browse(eko).get(address).status_code == 404
