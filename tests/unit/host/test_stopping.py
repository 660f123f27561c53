"""Whoever is told to stop stops, at whatever moment the signal comes."""

import signal

import pytest

from keydesk.host.stopping import stop_on_signal

NUMBERS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def stop():
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield stop_on_signal()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_in_the_middle_of_looking_at_the_event_sets_it(stop, number):
    with stop._cond:  # as `wait` holds it
        signal.raise_signal(number)
    assert stop.wait(10)
