"""Digests and row MACs: the standard's own values, and every field counts."""

import hashlib
import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.rows import account, credential, entitlement, key, product

from keydesk.core.digest import key_digester, row_checker, row_mac, row_mac_matches

ROWS = [key(bytes(32)), account(), product(), entitlement(), credential(bytes(32))]
MAC_KEY = bytes(range(32))


@given(st.binary(min_size=32, max_size=32), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_digest_is_hmac_sha_256_under_the_pepper(pepper, text):
    expected = hmac.new(pepper, text.encode(), hashlib.sha256).digest()
    assert key_digester(pepper)(text) == expected


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_pepper_or_row_mac_key_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="32 bytes"):
        key_digester(bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        row_checker(bytes(length))


def changed(value):
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value + "x"
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case tuple():
            return (*value, "more")
        case _:
            return 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_a_mac_covers_every_field_of_its_row(row):
    mac, matches = row_mac(MAC_KEY, row), row_checker(MAC_KEY)
    assert row_mac_matches(MAC_KEY, row, mac)
    assert matches(row, mac)
    for field in row.__struct_fields__:
        other = msgspec.structs.replace(row, **{field: changed(getattr(row, field))})
        assert not row_mac_matches(MAC_KEY, other, mac), field
        assert not matches(other, mac), field


def test_a_mac_is_not_valid_for_another_kind_of_row_or_under_another_key():
    macs = {row_mac(secret, row) for row in ROWS for secret in (MAC_KEY, bytes(32))}
    assert len(macs) == 2 * len(ROWS)


def test_scopes_cannot_be_moved_between_fields():
    one, two = key(bytes(32), scopes=("a b",)), key(bytes(32), scopes=("a", "b"))
    assert row_mac(MAC_KEY, one) != row_mac(MAC_KEY, two)
