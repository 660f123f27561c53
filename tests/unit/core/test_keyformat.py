"""The key format (B4): what is minted parses, and what was damaged does not.

CRC-32 finds every error that lies within 32 adjacent bits, so every change of up to four neighbouring characters of
the body; changes further apart slip through once in 2^32. A change to the checksum alone always shows.
"""

import secrets
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keydesk.core.keyformat import ALPHABET, KeyFormat, checksum, service_marker
from keydesk.core.records import Environment

FORMAT = KeyFormat("kd")
BODY = range(len("kd_live_"), len("kd_live_") + 43)
CHECKSUM = range(BODY.stop, BODY.stop + 6)
TOLERATED = 61 + 8 * (2 * 61) ** 0.5
"""Eight standard deviations above what 61 degrees of freedom give on average."""

bodies = st.text(ALPHABET, min_size=43, max_size=43)
markers = st.from_regex(r"[a-z]{2,8}", fullmatch=True)
environments = st.sampled_from(Environment)


def written(marker, environment, random):
    body = f"{marker}_{environment}_{random}"
    return body + checksum(body)


keys = st.builds(written, st.just("kd"), environments, bodies)


@given(markers, environments, bodies)
def test_what_is_written_is_well_formed(marker, environment, random):
    text = written(marker, environment, random)
    assert KeyFormat(marker).is_well_formed(text)


@given(markers, environments)
def test_a_minted_key_is_well_formed_under_its_own_marker(marker, environment):
    text = KeyFormat(marker).mint(environment)
    assert KeyFormat(marker).is_well_formed(text)


@given(keys, st.data(), st.integers(1, 3), st.sampled_from([BODY, CHECKSUM]))
def test_up_to_three_changed_neighbours_are_refused(key, data, length, part):
    start = data.draw(st.integers(part.start, part.stop - length))
    new = data.draw(st.text(ALPHABET, min_size=length, max_size=length))
    changed = key[:start] + new + key[start + length :]
    assert FORMAT.is_well_formed(changed) == (changed == key)


@given(keys, st.data(), st.sampled_from([BODY, CHECKSUM]))
def test_two_neighbours_in_each_other_s_place_are_refused(key, data, part):
    first = data.draw(st.integers(part.start, part.stop - 2))
    changed = key[:first] + key[first + 1] + key[first] + key[first + 2 :]
    assert FORMAT.is_well_formed(changed) == (changed == key)


@given(keys)
def test_every_single_character_counts(key):
    for position in range(len(key)):
        other = "0" if key[position] != "0" else "1"
        assert not FORMAT.is_well_formed(key[:position] + other + key[position + 1 :])


@given(keys)
def test_no_sign_may_be_missing_or_follow(key):
    for changed in (key[:-1], key[1:], key + "0", key + "\n", " " + key, key + " ", key + key):
        assert not FORMAT.is_well_formed(changed)


@given(keys)
def test_the_same_text_under_another_environment_or_marker_is_refused(key):
    _, environment, rest = key.split("_")
    other = {"live": "test", "test": "live"}[environment]
    for changed in (f"kd_{other}_{rest}", f"kds_{environment}_{rest}", f"kx_{environment}_{rest}"):
        assert not FORMAT.is_well_formed(changed)
        assert not KeyFormat("kds").is_well_formed(changed)


@pytest.mark.parametrize("length", [0, 1, 42, 44, 86])
def test_a_right_checksum_does_not_make_up_for_a_wrong_length(length):
    assert not FORMAT.is_well_formed(written("kd", "live", "0" * length))


@given(st.text())
def test_text_of_any_kind_is_refused_without_an_error(text):
    assert not FORMAT.is_well_formed(text)
    assert not FORMAT.is_well_formed("kd_live_" + text)


def test_a_known_key_has_its_known_checksum():
    assert checksum("kd_live_" + "0" * 43) == "23vm2K"


def chi_square(characters):
    counts = Counter(characters)
    expected = len(characters) / len(ALPHABET)
    return sum((counts[sign] - expected) ** 2 / expected for sign in ALPHABET)


def test_every_position_draws_from_the_whole_alphabet_evenly():
    minted = [FORMAT.mint(Environment.LIVE) for _ in range(5_000)]
    assert [chi_square([key[place] for key in minted]) < TOLERATED for place in BODY] == [True] * 43


def test_the_measure_of_evenness_finds_a_remainder_of_bytes():
    biased = [ALPHABET[byte % 62] for byte in secrets.token_bytes(100_000)]
    assert chi_square(biased) > TOLERATED


def test_shown_is_the_marker_the_environment_and_four_characters():
    key = FORMAT.mint(Environment.TEST)
    assert FORMAT.shown_prefix(key) == key[:12]
    assert len("kd_test_") + 4 == 12


@pytest.mark.parametrize("marker", ["", "k", "KD", "k1", "kd_", "abcdefghij", "kd\n"])
def test_a_marker_is_two_to_eight_lower_case_letters(marker):
    with pytest.raises(ValueError, match="marker"):
        KeyFormat(marker)


def test_a_service_credential_is_no_key_and_a_key_is_no_service_credential():
    service = KeyFormat(service_marker("kd"))
    key, credential = FORMAT.mint(Environment.LIVE), service.mint(Environment.LIVE)
    assert credential.startswith("kds_live_")
    assert not FORMAT.is_well_formed(credential)
    assert not service.is_well_formed(key)
