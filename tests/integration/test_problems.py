"""Every refusal that a person can meet has a sentence of its own, in both languages."""

import re
from pathlib import Path

import pytest
from django.http import Http404
from django.utils import translation
from tests.fixtures.browsing import KEYS, hidden, shown_key

from keydesk import control
from keydesk.control.access.refused import Refused
from keydesk.control.catalog.actions import create_product, set_product_state
from keydesk.control.entitlements.actions import disable_product, enable_product
from keydesk.control.keys.models import ApiKey
from keydesk.control.stepup.rules import Weakness
from keydesk.core.codes import Code
from keydesk.core.records import Environment, ProductState
from keydesk.web.conflicts import REASONS
from keydesk.web.problems import problem_of

TOLD = (
    Code.ACCOUNT_NOT_APPROVED,
    Code.GRANT_INVALID,
    Code.INVALID_INPUT,
    Code.KEY_ALREADY_REPLACED,
    Code.KEY_LIMIT_REACHED,
    Code.KEY_NOT_LIVE,
    Code.KEY_NOT_REVEALABLE,
    Code.KEY_STOPPED,
    Code.PASSKEY_INVALID,
    Code.PASSWORD_WRONG,
    Code.PIN_HARD_LOCKED,
    Code.PIN_LINK_INVALID,
    Code.PIN_LOCKED,
    Code.PIN_NOT_SET,
    Code.PIN_WEAK,
    Code.PIN_WRONG,
    Code.PRODUCT_NOT_ENABLED,
    Code.REVEAL_PAUSED,
    Code.SEALED,
    Code.SECOND_FACTOR_WRONG,
    Code.STAFF_LINK_INVALID,
    Code.STATE_CONFLICT,
)


def sentence(language, code, **details):
    with translation.override(language):
        return problem_of(Refused(code, **details)).text


def test_each_refusal_has_its_own_sentence_in_each_language():
    sentences = {sentence(language, code) for language in ("en", "id") for code in TOLD}
    assert len(sentences) == 2 * len(TOLD)


def test_each_reason_of_a_conflict_has_its_own_sentence():
    texts = [path.read_text() for path in Path(control.__file__).parent.rglob("*.py")]
    reasons = {each for text in texts for each in re.findall(r'CONFLICT, reason="(\w+)"', text)}
    told_by_the_console_and_the_command_line = {"last_owner", "own_role", "owner_exists"}
    assert reasons - REASONS.keys() == told_by_the_console_and_the_command_line


@pytest.mark.parametrize("language", ["en", "id"])
def test_a_damaged_key_is_not_taken_for_one_that_is_shown_once(language):
    damaged = sentence(language, Code.KEY_NOT_REVEALABLE, is_damaged=True)
    assert damaged != sentence(language, Code.KEY_NOT_REVEALABLE)


def test_each_weakness_of_a_pin_has_its_own_sentence_in_each_language():
    sentences = {
        sentence(language, Code.PIN_WEAK, reason=reason)
        for language in ("en", "id")
        for reason in Weakness
    }
    assert len(sentences) == 2 * len(Weakness)


@pytest.mark.parametrize(("left", "text"), [(1, "1 try left."), (4, "4 tries left.")])
def test_the_tries_left_are_counted(left, text):
    assert sentence("en", Code.PIN_WRONG, tries_left=left).endswith(text)


@pytest.mark.parametrize("code", [Code.NOT_FOUND, Code.PERMISSION_DENIED])
def test_what_is_not_for_a_person_looks_as_if_it_were_not_there(code):
    with pytest.raises(Http404):
        problem_of(Refused(code))


@pytest.fixture
def sealed(load_key_encryption_key):
    """Run without the key-encryption key, as after a restart without it."""
    load_key_encryption_key(None)


@pytest.mark.usefixtures("sealed")
def test_a_sealed_desk_says_so_before_it_asks_for_the_pin_and_keeps_the_name(
    browse, ana, disbursement, with_pin
):
    address = f"{KEYS}generate/disbursement/live/"
    form = {"step": "confirm", "name": "Typed name"}
    response = browse(with_pin(ana)).post(address, form)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert b"runs sealed" in response.content
    assert hidden(response, "name") == "Typed name"
    assert b'name="pin"' not in response.content


def test_a_desk_that_is_sealed_at_the_pin_says_so_and_keeps_the_name(
    browse, ana, disbursement, with_pin, pin, sealed
):
    address = f"{KEYS}generate/disbursement/live/"
    form = {"step": "pin", "name": "Typed name", "pin": pin}
    response = browse(with_pin(ana)).post(address, form)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert hidden(response, "name") == "Typed name"
    assert ApiKey.objects.count() == 0


def test_no_dialog_of_a_sealed_desk_asks_for_the_pin_but_revoking_works(
    browse, ana, generated_before, sealed
):
    client, address = browse(ana), f"{KEYS}{generated_before}"
    answers = [
        client.get(f"{address}/reveal/"),
        client.post(f"{address}/regenerate/", {"step": "confirm"}),
    ]
    assert [(answer.status_code, b'name="pin"' in answer.content) for answer in answers] == [
        (503, False),
        (503, False),
    ]
    assert client.post(f"{address}/revoke/").status_code == 200


@pytest.fixture
def generated_before(generate, ana):
    """A key from before the desk was sealed."""
    return generate(ana).id


def test_a_locked_pin_is_not_asked_for_and_its_page_says_until_when(
    browse, ana, disbursement, with_pin
):
    client, address = browse(with_pin(ana)), f"{KEYS}generate/disbursement/live/"
    for _ in range(5):
        last = client.post(address, {"step": "pin", "name": "Typed name", "pin": "907316"})
    asked = client.post(address, {"step": "confirm", "name": "Typed name"})
    page = client.get("/a/sinarabadi/settings/pin/")
    assert [answer.status_code for answer in (last, asked, page)] == [423, 423, 200]
    for answer in (last, asked, page):
        assert b"You can try again after" in answer.content
        assert b'type="password"' not in answer.content
    assert hidden(asked, "name") == "Typed name"


def test_a_press_without_a_token_that_can_be_one_gets_one(browse, ana, disbursement, with_pin, pin):
    client, address = browse(with_pin(ana)), f"{KEYS}generate/disbursement/live/"
    form = {"step": "confirm", "name": "Ledger", "request_token": "\N{SNOWMAN}" * 65}
    token = hidden(client.post(address, form), "request_token")
    assert token.isalnum()
    made = client.post(address, form | {"step": "pin", "pin": pin, "request_token": token})
    assert shown_key(made) is not None


def test_a_key_whose_product_does_not_work_says_so(browse, host, ana, sinar, generate):
    generate(ana)
    seen = [state_of_the_key(browse(ana))]
    disable_product(
        host, account_id=sinar.id, product="disbursement", environment=Environment.LIVE, reason="."
    )
    seen.append(state_of_the_key(browse(ana)))
    set_product_state(host, slug="disbursement", state=ProductState.STOPPED, reason="Fraud")
    seen.append(state_of_the_key(browse(ana)))
    assert seen == ["Active", "Product disabled", "Product stopped"]


def state_of_the_key(client):
    row = client.get(KEYS).content.decode().partition("<tbody")[2]
    return re.search(r"kd-pill[^>]*>\s*([^<]*?)\s*<", row)[1]


@pytest.mark.parametrize(
    ("state", "said", "unsaid"),
    [
        (ProductState.STOPPED, "do not work at the moment", "for good"),
        (ProductState.RETIRED, "for good", "at the moment"),
    ],
)
def test_the_end_of_a_product_is_told_from_a_stop(
    browse, host, ana, disbursement, state, said, unsaid
):
    set_product_state(host, slug="disbursement", state=state, reason="Fraud")
    page = browse(ana).get(KEYS).content.decode()
    assert (said in page, unsaid in page) == (True, False)


def test_a_product_with_an_icon_that_does_not_exist_is_still_listed(browse, host, ana, sinar):
    create_product(host, slug="odd", name="Odd", icon="no-such-icon")
    enable_product(host, account_id=sinar.id, product="odd", environment=Environment.LIVE)
    assert b"Odd" in browse(ana).get(KEYS).content
