"""What the raw headers may look like before anything is read out of them."""

import pytest

from keydesk.core.codes import Code
from keydesk.gate.guard import MAX_HEADER_BYTES, sift

KEY = (b"x-api-key", b"kd_live_1")


def test_only_headers_that_can_decide_are_kept_and_what_came_again_apart():
    username, bearer = (b"x-username", b"sinarabadi"), (b"authorization", b"Basic eA==")
    headers = [(b"host", b"api"), bearer, KEY, (b"accept", b"*/*"), username, KEY]
    assert sift(headers) == (dict([bearer, KEY, username]), [KEY])


@pytest.mark.parametrize(
    "name",
    [
        b"x_api_key", b"x-api_key", b"x_api-key", b"_x_api_key", b"x_api_key_", b"_x-api-key",
        b"x_username", b"_x_username", b"x-username_", b"_authorization", b"authorization_",
        b"x.api.key", b"x-api.key", b"x.username",
    ],
)  # fmt: skip
def test_a_look_alike_counts_as_one_credential_too_many(name):
    assert sift([KEY, (name, b"anything")]) is Code.KEY_MISSING
    assert sift([(name, b"anything")]) is Code.KEY_MISSING


@pytest.mark.parametrize(
    "name", [b"x_request_id", b"apikey", b"x-api-key-id", b"sec_ch_ua", b"_", b"xx_api_key"]
)
def test_a_header_that_only_resembles_is_ignored(name):
    assert sift([KEY, (name, b"anything")]) == (dict([KEY]), [])


def test_headers_may_have_sixteen_kibibytes_in_total_and_no_more():
    name = b"x-padding"
    rest = MAX_HEADER_BYTES - sum(map(len, KEY)) - 4 - len(name) - 4
    assert sift([KEY, (name, b"a" * rest)]) == (dict([KEY]), [])
    assert sift([KEY, (name, b"a" * (rest + 1))]) is Code.KEY_MALFORMED


def test_many_small_headers_add_up():
    assert sift([KEY, *[(b"a", b"")] * (MAX_HEADER_BYTES // 5)]) is Code.KEY_MALFORMED
