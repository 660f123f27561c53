"""Behind a proxy each client has its own limit on tries and its own address in the audit trail."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.fixtures.browsing import press_generate

from keydesk.control.audit.models import AuditEvent
from keydesk.web.middleware import client_address

PROXY = "127.0.0.1"
VISITOR = "203.0.113.7"


@pytest.fixture
def behind_one(settings):
    settings.KEYDESK = replace(settings.KEYDESK, trusted_proxies=1)


@pytest.mark.parametrize(
    ("trusted", "chain", "found"),
    [
        (0, VISITOR, PROXY),
        (1, VISITOR, VISITOR),
        (1, f"198.51.100.9, {VISITOR}", VISITOR),
        (2, f"198.51.100.9, {VISITOR}, 10.0.0.1", VISITOR),
        (2, VISITOR, PROXY),
        (1, "", PROXY),
        (1, "unknown", PROXY),
        (1, f"{VISITOR},", PROXY),
        (1, "::ffff:203.0.113.7", VISITOR),
        (1, "2001:DB8::0:1", "2001:db8::1"),
        (1, "fe80::1%eth0", "fe80::1"),
    ],
)
def test_the_client_is_whom_the_outermost_trusted_proxy_saw(trusted, chain, found):
    assert client_address(PROXY, chain, trusted_proxies=trusted) == found


@given(said=st.text(), seen=st.ip_addresses())
def test_what_a_client_says_of_itself_never_counts(said, seen):
    plain = str(getattr(seen, "ipv4_mapped", None) or seen).partition("%")[0]
    assert client_address(PROXY, f"{said}, {seen}", trusted_proxies=1) == plain


@given(chain=st.text(), trusted=st.integers(0, 8))
def test_whatever_the_header_holds_an_address_comes_out(chain, trusted):
    ipaddress.ip_address(client_address(PROXY, chain, trusted_proxies=trusted))


@pytest.mark.usefixtures("behind_one", "db")
def test_wrong_passwords_of_one_client_lock_out_nobody_else(browse, ana, password, user_of):
    def log_in(client, email, password):
        form = {"login": email, "password": password}
        headers = {"x-forwarded-for": f"198.51.100.9, {client}"}
        return browse().post("/account/login/", form, headers=headers)

    for number in range(21):
        stopped = log_in("203.0.113.66", f"nobody{number}@example.com", "not this one")
    assert b"Too many" in stopped.content
    assert log_in(VISITOR, user_of(ana).email, password).status_code == 302


@pytest.mark.usefixtures("behind_one")
def test_the_audit_trail_names_the_client_and_not_the_proxy(
    browse, ana, disbursement, with_pin, pin
):
    client = browse(with_pin(ana), headers={"x-forwarded-for": f"198.51.100.9, {VISITOR}"})
    press_generate(client, pin)
    assert AuditEvent.objects.get(event="key.generated").ip == VISITOR
