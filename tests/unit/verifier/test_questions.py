"""What a body may ask, and that nothing in it is guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keydesk.core.decide import Question
from keydesk.gate.walk import Call
from keydesk.verifier.questions import Batch, Check, InvalidBodyError, read_questions

ONE = b'{"key": "k", "product": "p"}'


def test_a_check_asks_for_live_and_no_username_unless_it_says_otherwise():
    full = b'{"key": "k", "product": "p", "environment": "test", "username": "u"}'
    assert read_questions(ONE) == Check("k", "p", "live", None)
    assert read_questions(full) == Check("k", "p", "test", "u")


def test_a_check_may_say_that_there_was_no_key():
    check = read_questions(b'{"key": null, "product": "p"}')
    assert check.call("req_1", 5.0) == Call(Question(None, "p", "live"), "req_1", 5.0, 1)


@pytest.mark.parametrize("count", [1, 100])
def test_a_batch_has_up_to_a_hundred_checks(count):
    body = b'{"checks": [' + b",".join([ONE] * count) + b"]}"
    assert read_questions(body) == Batch([Check("k", "p")] * count)


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"[]", b"1", b'"k"', b"{}", b"{", ONE + b"x", ONE + ONE,
        b'{"key": "k"}', b'{"product": "p"}',
        b'{"key": 1, "product": "p"}', b'{"key": "k", "product": null}',
        b'{"key": "k", "product": "p", "environment": "LIVE"}',
        b'{"key": "k", "product": "p", "environment": null}',
        b'{"key": "k", "product": "p", "scopes": "read"}', b'{"key": "k", "product": "p", "cost": 0}',
        b'{"key": "k", "product": "p", "key": "k"}',
        b'{"key": "k", "product": "p", "k\\u0065y": "other"}',
        b'{"checks": [], "checks": [' + ONE + b"]}",
        b'{"checks": []}', b'{"checks": {}}', b'{"checks": [1]}', b'{"checks": [[]]}',
        b'{"checks": [' + ONE + b'], "key": "k", "product": "p"}',
        b'{"checks": [' + b",".join([ONE] * 101) + b"]}",
        b'{"key": "\xff", "product": "p"}', b'{"key": "\\ud800", "product": "p"}',
        b'{"key": "\\udc00x", "product": "p"}', b"\xef\xbb\xbf" + ONE, ONE.decode().encode("utf-16"),
        b'{"key": NaN, "product": "p"}', b'{"key": ' + b"1" * 5000 + b', "product": "p"}',
        b"[" * 60_000, b'{"a":' * 10_000,
        ONE + b" " * (64 * 1024),
    ],
    ids=lambda body: repr(body[:60]),
)  # fmt: skip
def test_anything_else_is_refused_with_a_sentence(body):
    with pytest.raises(InvalidBodyError, match=r"\w"):
        read_questions(body)


@given(st.binary() | st.text().map(str.encode))
def test_no_body_breaks_the_reading(body):
    with pytest.raises(InvalidBodyError):
        read_questions(body)
