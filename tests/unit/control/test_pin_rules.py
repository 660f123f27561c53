import pytest
from hypothesis import given
from hypothesis import strategies as st

from keydesk.control.stepup.rules import (
    COMMONEST,
    Weakness,
    has_pin_shape,
    is_date,
    is_keyboard_pattern,
    is_repeat,
    is_run,
    weakness_of,
)

digits = st.text("0123456789", min_size=6, max_size=12)


@pytest.mark.parametrize(
    ("pin", "weakness"),
    [
        ("12345", Weakness.SHAPE),
        ("1234567890123", Weakness.SHAPE),
        ("48 2915", Weakness.SHAPE),
        ("48291a", Weakness.SHAPE),
        ("\u0664\u0668\u0662\u0669\u0661\u0665", Weakness.SHAPE),
        ("\uff14\uff18\uff12\uff19\uff11\uff15", Weakness.SHAPE),
        ("48291\u00b2", Weakness.SHAPE),
        ("", Weakness.SHAPE),
        ("000000", Weakness.REPEAT),
        ("121212", Weakness.REPEAT),
        ("739739", Weakness.REPEAT),
        ("112233", Weakness.REPEAT),
        ("770077", Weakness.REPEAT),
        ("123456", Weakness.RUN),
        ("987654", Weakness.RUN),
        ("789012", Weakness.RUN),
        ("246802", Weakness.RUN),
        ("123457", Weakness.RUN),
        ("147258", Weakness.KEYBOARD),
        ("159753", Weakness.KEYBOARD),
        ("123321", Weakness.KEYBOARD),
        ("2580852", Weakness.KEYBOARD),
        ("170845", Weakness.DATE),
        ("081745", Weakness.DATE),
        ("450817", Weakness.DATE),
        ("194508", Weakness.DATE),
        ("17081945", Weakness.DATE),
        ("19450817", Weakness.DATE),
        ("290200", Weakness.DATE),
        ("292513", Weakness.COMMON),
        ("31415926", Weakness.COMMON),
        ("482915", None),
        ("739104", None),
        ("300245", None),
        ("17082145", None),
        ("60718293041", None),
    ],
)
def test_an_easy_pin_is_refused_with_its_reason(pin, weakness):
    assert weakness_of(pin) == weakness


def test_the_list_of_commonest_holds_only_what_the_patterns_miss():
    patterns = (is_repeat, is_run, is_keyboard_pattern, is_date)
    assert [pin for pin in COMMONEST if any(check(pin) for check in patterns)] == []
    assert all(map(has_pin_shape, COMMONEST))


def test_nine_of_ten_six_digit_pins_stay_allowed():
    refused = sum(weakness_of(f"{number:06}") is not None for number in range(0, 1_000_000, 97))
    assert 0.09 < refused / (1_000_000 / 97) < 0.11


@given(block=st.text("0123456789", min_size=1, max_size=6), times=st.integers(2, 12))
def test_a_repeated_block_is_always_refused(block, times):
    assert weakness_of((block * times)[:12]) is not None or len(block) * times > 12


@given(start=st.integers(0, 9), step=st.integers(0, 9), size=st.integers(6, 12))
def test_counting_in_equal_steps_is_always_refused(start, step, size):
    assert weakness_of("".join(str((start + step * at) % 10) for at in range(size))) is not None


@given(day=st.dates())
def test_a_birthday_is_always_refused(day):
    layouts = ("%d%m%y", "%m%d%y", "%y%m%d") + (
        ("%d%m%Y", "%Y%m%d", "%m%d%Y") if 1900 <= day.year <= 2099 else ()
    )
    assert [layout for layout in layouts if weakness_of(day.strftime(layout)) is None] == []


@given(pin=digits)
def test_a_pin_reads_the_same_to_every_rule_forwards_and_backwards(pin):
    assert (is_repeat(pin), is_run(pin)) == (is_repeat(pin[::-1]), is_run(pin[::-1]))
