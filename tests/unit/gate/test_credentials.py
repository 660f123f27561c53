"""Which headers present a credential, and which of them can be read in two ways."""

import pytest

from keydesk.core.codes import Code
from keydesk.gate.credentials import CredentialReader, Presented

KEY = b"kd_live_0123"
MISSING = Presented(refusal=Code.KEY_MISSING)
MALFORMED = Presented(refusal=Code.KEY_MALFORMED)
API_KEY = (b"x-api-key", KEY)
BEARER = (b"authorization", b"Bearer " + KEY)
FOREIGN = (b"authorization", b"Bearer eyJhbGciOi.eyJzdWIi")
BASIC = (b"authorization", b"Basic a2Q6bGl2ZQ==")
USERNAME = (b"x-username", b"sinarabadi")
read = CredentialReader("kd").read
read_service = CredentialReader("kds").read_bearer


@pytest.mark.parametrize(
    "headers",
    [
        [API_KEY],
        [BEARER],
        [API_KEY, FOREIGN],
        [API_KEY, BASIC],
        [FOREIGN, API_KEY],
        [API_KEY, FOREIGN, BASIC],
    ],
)
def test_one_credential_is_read_whatever_authorization_the_application_has(headers):
    assert read(headers) == Presented("kd_live_0123")


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"beArer"])
def test_the_scheme_is_read_without_regard_to_case(scheme):
    assert read([(b"authorization", scheme + b" " + KEY)]) == Presented("kd_live_0123")


@pytest.mark.parametrize(
    "value",
    [b"", b"Bearer", b"Bearer kds_live_0", b"Bearer KD_live_0", b"Basic kd_live_0", KEY],
)
def test_an_authorization_that_is_no_credential_is_ignored(value):
    assert read([USERNAME, (b"authorization", value)]) == MISSING


@pytest.mark.parametrize("headers", [[], [FOREIGN], [BASIC, FOREIGN], [USERNAME]])
def test_without_a_credential_it_is_missing(headers):
    assert read(headers) == MISSING


@pytest.mark.parametrize(
    "headers",
    [
        [API_KEY, API_KEY],
        [API_KEY, BEARER],
        [BEARER, API_KEY],
        [BEARER, BEARER],
        [BEARER, FOREIGN],
        [FOREIGN, BEARER],
        [API_KEY, (b"x-api-key", b"")],
        [API_KEY, (b"x_api_key", KEY)],
        [API_KEY] * 500,
    ],
)
def test_more_than_one_credential_is_refused_even_if_they_are_the_same(headers):
    assert read(headers) == MISSING


def test_two_usernames_are_refused():
    assert read([API_KEY, USERNAME, USERNAME]) == MALFORMED


def test_the_username_is_handed_on_as_it_came():
    assert read([API_KEY, (b"x-username", b" Sinar\xe9 ")]) == Presented(
        "kd_live_0123", " Sinar\xe9 "
    )


@pytest.mark.parametrize(
    "value",
    [b"", b"kd_live_\x00", b"kd_live_\xff", b" kd_live_0", b"kd_live_0\t", b"a,b", b"\xc3\xa9"],
)
def test_the_bytes_of_a_credential_pass_through_one_for_one(value):
    credential = read([(b"x-api-key", value)]).credential
    assert credential is not None
    assert credential.encode("latin-1") == value


@pytest.mark.parametrize(
    ("value", "credential"),
    [
        (b"Bearer  kd_live_0", " kd_live_0"),
        (b"Bearer\t\tkd_live_0", "\tkd_live_0"),
        (b"Bearerkd_live_0", "d_live_0"),
    ],
)
def test_blanks_around_a_bearer_credential_are_left_for_the_key_format_to_refuse(value, credential):
    assert read([(b"authorization", value)]) == Presented(credential)


def test_a_service_presents_its_credential_as_a_bearer_only():
    assert read_service([(b"authorization", b"Bearer kds_live_0")]) == "kds_live_0"
    assert read_service([(b"x-api-key", b"kds_live_0")]) is None
    assert read_service([(b"authorization", b"Bearer kds_live_0")] * 2) is None
    assert read_service([(b"authorization", b"Bearer kd_live_0")]) is None
    assert read_service([(b"authorization", b"Bearer kds_live_0"), (b"x_api_key", b"")]) is None
    assert read_service([]) is None
