from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keydesk.control.vault import envelope
from keydesk.control.vault.envelope import BrokenSealError, DataKeyBinding, KeyBinding

BINDING = KeyBinding("acc_ana", "key_one", b"\x07" * 32, 1, "dek_one")
DATA_KEY = b"\x01" * 32
KEK = b"\x02" * 32
WRAP = DataKeyBinding("acc_ana", "dek_one", "kek_one")
TEXT = "kd_live_0123456789"


@dataclass(frozen=True)
class Elsewhere:
    field: str
    value: object


@given(text=st.text(max_size=200), data_key=st.binary(min_size=32, max_size=32))
def test_what_was_sealed_comes_back(text, data_key):
    sealed = envelope.seal_key(data_key, text, binding=BINDING)
    assert envelope.open_key(data_key, sealed, binding=BINDING) == text


def test_every_flipped_bit_is_refused():
    sealed = envelope.seal_key(DATA_KEY, TEXT, binding=BINDING)
    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(BrokenSealError):
            envelope.open_key(DATA_KEY, bytes(altered), binding=BINDING)


def test_every_truncation_and_every_added_byte_is_refused():
    sealed = envelope.seal_key(DATA_KEY, TEXT, binding=BINDING)
    for altered in [sealed[:size] for size in range(len(sealed))] + [sealed + b"\0"]:
        with pytest.raises(BrokenSealError):
            envelope.open_key(DATA_KEY, altered, binding=BINDING)


@pytest.mark.parametrize(
    "elsewhere",
    [
        Elsewhere("account_id", "acc_dewi"),
        Elsewhere("key_id", "key_two"),
        Elsewhere("digest", b"\x08" * 32),
        Elsewhere("pepper_version", 2),
        Elsewhere("data_key_id", "dek_two"),
    ],
    ids=lambda elsewhere: elsewhere.field,
)
def test_a_sealed_key_moved_to_another_place_is_refused(elsewhere):
    sealed = envelope.seal_key(DATA_KEY, TEXT, binding=BINDING)
    moved = msgspec.structs.replace(BINDING, **{elsewhere.field: elsewhere.value})
    with pytest.raises(BrokenSealError):
        envelope.open_key(DATA_KEY, sealed, binding=moved)


@pytest.mark.parametrize("field", ["account_id", "data_key_id", "key_encryption_key_id"])
def test_a_wrapped_data_key_moved_to_another_place_is_refused(field):
    wrapped = envelope.wrap_data_key(KEK, DATA_KEY, binding=WRAP)
    with pytest.raises(BrokenSealError):
        envelope.unwrap_data_key(
            KEK, wrapped, binding=msgspec.structs.replace(WRAP, **{field: "another"})
        )


def test_every_flipped_bit_of_a_wrapped_data_key_is_refused():
    wrapped = envelope.wrap_data_key(KEK, DATA_KEY, binding=WRAP)
    for bit in range(len(wrapped) * 8):
        altered = bytearray(wrapped)
        altered[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(BrokenSealError):
            envelope.unwrap_data_key(KEK, bytes(altered), binding=WRAP)


def test_another_key_encryption_key_unwraps_nothing_and_has_another_check_value():
    wrapped = envelope.wrap_data_key(KEK, DATA_KEY, binding=WRAP)
    assert envelope.unwrap_data_key(KEK, wrapped, binding=WRAP) == DATA_KEY
    with pytest.raises(BrokenSealError):
        envelope.unwrap_data_key(b"\x03" * 32, wrapped, binding=WRAP)
    assert envelope.check_value(KEK) != envelope.check_value(b"\x03" * 32)


def test_a_wrapped_data_key_is_no_sealed_key_and_a_broken_seal_tells_nothing():
    same = ("acc_ana", "dek_one", "kek_one")
    wrapped = envelope.wrap_data_key(KEK, DATA_KEY, binding=WRAP)
    with pytest.raises(BrokenSealError) as broken:
        envelope._open(KEK, wrapped, label="v1", binding=DataKeyBinding(*same))
    assert (str(broken.value), broken.value.__cause__) == ("", None)


def test_no_nonce_comes_twice():
    nonces = {envelope.seal_key(DATA_KEY, TEXT, binding=BINDING)[1:13] for _ in range(20_000)}
    assert len(nonces) == 20_000
