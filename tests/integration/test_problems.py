"""Every refusal that a person can meet has a sentence of its own, in both languages."""

import json

import pytest
from django.conf import settings
from django.http import Http404
from django.utils import translation
from tests.fixtures.browsing import KEYS, press_generate

from keydesk.config import Secret
from keydesk.control.access.refused import Refused
from keydesk.control.catalog.actions import create_product, set_product_state
from keydesk.control.entitlements.actions import enable_product
from keydesk.control.keys.models import ApiKey
from keydesk.control.stepup.rules import Weakness
from keydesk.control.vault import safe
from keydesk.core.codes import Code
from keydesk.core.records import Environment, ProductState
from keydesk.dashboard.samples import response_sample
from keydesk.verifier.answers import refused, request_ids
from keydesk.web.problems import problem_of

TOLD = (
    Code.ACCOUNT_NOT_APPROVED,
    Code.GRANT_INVALID,
    Code.INVALID_INPUT,
    Code.KEY_ALREADY_REPLACED,
    Code.KEY_NOT_LIVE,
    Code.KEY_NOT_REVEALABLE,
    Code.PASSWORD_WRONG,
    Code.PIN_HARD_LOCKED,
    Code.PIN_LOCKED,
    Code.PIN_NOT_SET,
    Code.PIN_WEAK,
    Code.PIN_WRONG,
    Code.PRODUCT_NOT_ENABLED,
    Code.SEALED,
    Code.STATE_CONFLICT,
)


def sentence(language, code, **details):
    with translation.override(language):
        return problem_of(Refused(code, **details)).text


def test_each_refusal_has_its_own_sentence_in_each_language():
    sentences = {sentence(language, code) for language in ("en", "id") for code in TOLD}
    assert len(sentences) == 2 * len(TOLD)


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
def sealed():
    """Run without the key-encryption key, as after a restart without it."""
    path = settings.KEYDESK.secrets_dir / Secret.KEY_ENCRYPTION_KEY
    text = path.read_text()
    path.unlink()
    safe.key_encryption_key.cache_clear()
    yield
    path.write_text(text)
    safe.key_encryption_key.cache_clear()


@pytest.mark.usefixtures("sealed")
def test_a_sealed_desk_says_so_and_keeps_the_name(browse, ana, disbursement, with_pin, pin):
    _form, response = press_generate(browse(with_pin(ana)), pin, name="Typed name")
    assert (response.status_code, b"runs sealed" in response.content) == (503, True)
    assert b"Typed name" in response.content
    assert response["Retry-After"] == "5"
    assert ApiKey.objects.count() == 0


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
    set_product_state(host, slug="disbursement", state=state)
    page = browse(ana).get(KEYS).content.decode()
    assert (said in page, unsaid in page) == (True, False)


def test_the_problem_that_samples_show_is_the_one_that_the_verifier_sends():
    shown = json.loads(response_sample().rsplit("\n\n", 1)[1])
    _start, body = refused(Code.KEY_REVOKED, shown["request_id"])
    assert shown == json.loads(body["body"])
    assert len(shown["request_id"]) == len(request_ids()())


def test_a_product_with_an_icon_that_does_not_exist_is_still_listed(browse, host, ana, sinar):
    create_product(host, slug="odd", name="Odd", icon="no-such-icon")
    enable_product(host, account_id=sinar.id, product="odd", environment=Environment.LIVE)
    assert b"Odd" in browse(ana).get(KEYS).content
