"""What a service says of its routes and its proxies is right when it starts, or it does not start."""

import pytest

from keydesk.client.addresses import client_address, trusted
from keydesk.client.asgi import without_credential
from keydesk.client.calls import Need, as_paths
from keydesk.client.wsgi import address_of, headers_of, identify


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"product": ""}, "A product is named by its slug"),
        ({"scopes": "payout"}, "Scopes are a tuple of names"),
        ({"scopes": ["payout"]}, "Scopes are a tuple of names"),
        ({"scopes": ("",)}, "Scopes are a tuple of names"),
        ({"environment": "production"}, "An environment is live or test, not 'production'"),
        ({"cost": 0}, "A call counts as 1 to 10000 calls, not as 0"),
        ({"cost": 10_001}, "A call counts as 1 to 10000 calls, not as 10001"),
        ({"cost": True}, "A call counts as 1 to 10000 calls, not as True"),
        ({"cost": 1.5}, "A call counts as 1 to 10000 calls, not as 1.5"),
        ({"cost": "5"}, "A call counts as 1 to 10000 calls, not as '5'"),
        ({"scopes": ("payout", 5)}, "Scopes are a tuple of names"),
        ({"scopes": ("payout read",)}, "Scopes are a tuple of names"),
        ({"scopes": ("payout\t",)}, "Scopes are a tuple of names"),
    ],
)
def test_a_need_that_no_call_can_meet_is_told_at_once(wrong, told):
    with pytest.raises(ValueError, match=told):
        Need(**{"product": "disbursement", **wrong})


def test_open_paths_are_several_paths():
    assert as_paths(["/healthz", "/"]) == {"/healthz", "/"}
    with pytest.raises(ValueError, match="several texts"):
        as_paths("/healthz")
    with pytest.raises(ValueError, match="begins with a slash"):
        as_paths(["healthz"])


@pytest.mark.parametrize(
    ("peer", "chain", "proxies", "address"),
    [
        ("203.0.113.9", "10.0.0.1", 0, "203.0.113.9"),
        ("::ffff:203.0.113.9", "", 0, "203.0.113.9"),
        ("2001:DB8::0:1", "", 0, "2001:db8::1"),
        (None, "", 0, None),
        ("/run/socket", "", 0, None),
        ("10.0.0.1", "198.51.100.7, 203.0.113.9", 1, "203.0.113.9"),
        ("10.0.0.1", "forged, 203.0.113.9,10.0.0.2", 2, "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9", 2, None),
        ("203.0.113.9", "", 1, None),
        ("10.0.0.1", "unknown", 1, None),
        ("10.0.0.1", "203.0.113.9:4711", 1, None),
        ("10.0.0.1", "fe80::1%eth0", 1, None),
    ],
)
def test_the_clients_address_is_what_the_outermost_trusted_proxy_saw(peer, chain, proxies, address):
    assert client_address(peer, chain, trusted_proxies=proxies) == address


def test_the_number_of_trusted_proxies_is_none_or_some():
    assert [trusted(number) for number in (0, 3)] == [0, 3]
    for wrong in (-1, "1", True, None):
        with pytest.raises(ValueError, match=f"0 or more, not {wrong!r}"):
            trusted(wrong)


@pytest.mark.parametrize(
    ("proxies", "dropped", "address"),
    [
        (0, False, "10.0.0.1"),
        (1, False, None),
        (1, "no", None),
        (1, True, "203.0.113.9"),
    ],
)
def test_wsgi_knows_no_address_behind_proxies_unless_names_with_underscores_are_dropped(
    proxies, dropped, address
):
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    found = address_of(environ, trusted_proxies=proxies, underscores_dropped=dropped)
    assert found == address


def test_an_applications_own_authorization_stays_beside_a_key():
    kept = [(b"authorization", b"Basic eDp5"), (b"x-username", b"sinarabadi")]
    ours = [(b"x-keydesk-account", b"a"), (b"x_keydesk_account", b"a"), (b"x.keydesk-key-id", b"a")]
    assert without_credential([(b"x-api-key", b"kd"), *kept, *ours]) == kept
    assert without_credential([(b"authorization", b"Bearer kd_"), kept[1], *ours]) == [kept[1]]


def test_an_environ_loses_the_credential_and_forged_headers_alone():
    kept = {"HTTP_AUTHORIZATION": "Basic eDp5", "HTTP_X_KEPT": "yes", "REMOTE_ADDR": "10.0.0.1"}
    forged = {"HTTP_X_KEYDESK_ACCOUNT": "a", "HTTP_X.KEYDESK.KEY.ID": "a"}
    environ = {"HTTP_X_API_KEY": "kd", **kept, **forged}
    identify(environ, "whoever it is")
    assert environ == {**kept, "keydesk": "whoever it is"}


def test_what_decides_is_taken_apart_where_a_server_may_have_joined_it():
    environ = {
        "REQUEST_METHOD": "GET",
        "HTTP_AUTHORIZATION": "Basic eDp5, Bearer kd_",
        "HTTP_ACCEPT": "text/html,*/*",
        "HTTP__X_API_KEY": "\u20ac",
    }
    assert headers_of(environ) == [
        (b"authorization", b"Basic eDp5"),
        (b"authorization", b"Bearer kd_"),
        (b"accept", b"text/html,*/*"),
        (b"_x_api_key", b"?"),
    ]
