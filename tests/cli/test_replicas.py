"""What keeps a relay, its follower or who carries usage from being started unsafely, each in a sentence."""

import base64
import secrets
import socket

import pytest

PEPPER = base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def credential(tmp_path):
    path = tmp_path / "credential"
    path.write_text("kds_live_x")
    return str(path)


@pytest.fixture(params=[("replicate", "--from"), ("ship-usage", "--to")])
def told_of(request, host, credential):
    """Give what a command says to the address to which it is to send the credential."""
    command, option = request.param

    def told_of(url):
        told = host.run([command, option, url, "--credential-file", credential], says_no=True)
        assert told.startswith(f"keydesk: {option} ")
        return told.removeprefix(f"keydesk: {option} ")

    return told_of


@pytest.mark.parametrize(
    "url",
    [
        "http://verify.example.com",
        "http://10.0.0.1:8003",
        "ftp://127.0.0.1",
        "verify.example.com:8003",
        "https://",
    ],
)
def test_a_credential_is_not_sent_in_plain_http_to_another_machine(told_of, url):
    assert told_of(url) == "has to be an https:// address: a credential is sent there.\n"


@pytest.mark.parametrize(
    "url",
    ["https://user@relay.example.com", "https://relay.example.com?x=1", "https://r.example#x"],
)
def test_an_address_with_more_than_an_address_in_it_is_refused(told_of, url):
    assert "without user, query or fragment" in told_of(url)


@pytest.mark.parametrize("url", ["https://relay.example.com:99999", "https://[::1"])
def test_an_address_that_is_none_is_told(told_of, url):
    assert told_of(url).startswith("is no address:")


def test_files_that_cannot_be_read_are_named(host, credential, tmp_path):
    missing = str(tmp_path / "missing")
    asked = ["replicate", "--from", "https://relay.example.com"]
    told = host.run([*asked, "--credential-file", missing], says_no=True)
    assert told.startswith(f"keydesk: {missing} cannot be read:")
    told = host.run([*asked, "--credential-file", credential, "--ca-file", missing], says_no=True)
    assert told == f"keydesk: {missing} cannot be used: No such file or directory\n"
    told = host.run(
        [*asked, "--credential-file", credential, "--ca-file", credential], says_no=True
    )
    assert told.startswith(f"keydesk: {credential} cannot be used:")


def test_a_relay_without_a_port_or_a_pepper_does_not_start(host):
    assert "Set KEYDESK_RELAY_PORT" in host.run(["relay"], says_no=True)
    assert "pepper" in host.run(["relay"], says_no=True, KEYDESK_RELAY_PORT="8003")


def test_a_relay_that_others_reach_needs_a_certificate_or_leave(host):
    told = host.run(
        ["relay"],
        says_no=True,
        KEYDESK_RELAY_PORT="8003",
        KEYDESK_RELAY_HOST="0.0.0.0",
        KEYDESK_PEPPER=PEPPER,
    )
    assert told.startswith(
        "keydesk: KEYDESK_RELAY_HOST=0.0.0.0 can be reached from other machines, and the relay speaks plain HTTP."
    )


def test_a_certificate_goes_with_its_key_and_has_to_be_one(host, credential):
    settings = {
        "KEYDESK_RELAY_PORT": "8003",
        "KEYDESK_PEPPER": PEPPER,
        "KEYDESK_RELAY_CERTIFICATE_FILE": credential,
    }
    assert "belong together" in host.run(["relay"], says_no=True, **settings)
    settings["KEYDESK_RELAY_CERTIFICATE_KEY_FILE"] = credential
    told = host.run(["relay"], says_no=True, **settings)
    assert told.startswith(f"keydesk: The relay cannot use {credential} and its key:")


def test_a_taken_port_is_told_as_the_relays(host):
    taken = host.environment["KEYDESK_PORT"]
    with socket.create_server(("127.0.0.1", int(taken))):
        told = host.run(["relay"], says_no=True, KEYDESK_RELAY_PORT=taken, KEYDESK_PEPPER=PEPPER)
    assert (
        told == f"keydesk: The relay cannot listen on 127.0.0.1:{taken}: Address already in use.\n"
    )
