"""Which address lies in which network, and that what can be read in two ways is none."""

import pytest

from keydesk.core.network import is_loopback, is_within, parse_address, parse_network

OFFICE = ("203.0.113.0/24", "2001:db8::/48", "198.51.100.7")


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("203.0.113.9", True), ("203.0.114.9", False), ("198.51.100.7", True), ("198.51.100.8", False),
        ("2001:db8::1", True), ("2001:DB8:0:1::1", True), ("2001:db9::1", False),
        ("::ffff:203.0.113.9", True), ("::ffff:203.0.114.9", False),
        ("203.0.113.9:443", False), ("203.0.113.9, 10.0.0.1", False), ("203.0.113.009", False),
        ("203.0.113", False), ("3405803785", False), ("0xcb007109", False), ("fe80::1%eth0", False),
        ("2001:db8::1%1", False), (" 203.0.113.9", False), ("203.0.113.9\n", False), ("", False),
        ("unknown", False), ("[2001:db8::1]", False), ("\uff12\uff10\uff13.0.113.9", False), (None, False),
    ],
)  # fmt: skip
def test_an_address_is_inside_only_if_it_is_one_and_lies_there(address, inside):
    assert is_within(address, OFFICE) is inside


def test_nothing_lies_in_no_network():
    assert is_within("203.0.113.9", ()) is False


@pytest.mark.parametrize(
    "text",
    ["", "203.0.113.1/24", "203.0.113.0/33", "10.0.0.0/255.255.0.1", "::ffff:10.0.0.0/104", "fe80::1%eth0", "any"],
)  # fmt: skip
def test_a_network_that_nobody_could_be_in_or_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_network(text)


def test_an_address_is_read_as_the_one_that_connects():
    assert str(parse_address("::ffff:192.0.2.1")) == "192.0.2.1"


@pytest.mark.parametrize(
    ("host", "is_ours_alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("desk.example.com", False),
        ("", False),
    ],
)
def test_only_loopback_is_this_machines_alone(host, is_ours_alone):
    assert is_loopback(host) is is_ours_alone
