"""What `keydesk gateway` prints: whole, taken by the program that reads it, and nothing where something is amiss."""

import re
import shlex
from itertools import product

import pytest
import yaml
from tests.fixtures.commands import keydesk
from tests.fixtures.desk import desk_environment
from tests.fixtures.gateways import check

from keydesk.cli.gateway import KNOWN
from keydesk.core.codes import CODES, COMPAT_MESSAGES
from keydesk.core.decide import Decision
from keydesk.core.records import Envelope
from keydesk.gate import answers
from keydesk.gateways import refusals

SITE = {
    "product": "disbursement",
    "verifier": "http://127.0.0.1:8001",
    "backend": "http://127.0.0.1:9000",
}
FILES = {
    "nginx": ["nginx.conf"],
    "envoy": ["envoy.yaml"],
    "haproxy": ["haproxy.cfg", "keydesk.lua"],
    "caddy": ["Caddyfile"],
}
FORMS = {
    "plain": {},
    "full": {
        "scopes": "payout read:all",
        "marker": "acme",
        "environment": "test",
        "listen": "[::1]:8080",
        "compat": None,
    },
    "proxies": {"trusted-proxy": "2001:db8::/32", "listen": "0.0.0.0:8080"},
    "names": {"verifier": "http://localhost", "backend": "http://[::1]:9000"},
}
NGINX_OF_A_DISTRIBUTION = """
events { worker_connections 1024; }
http {
    default_type application/octet-stream;
    server_tokens off;
    log_format main '$remote_addr "$request" $status';
    access_log off;
    sendfile on;
    keepalive_timeout 65;
    gzip on;
    include keydesk.conf;
    server { listen 127.0.0.1:8081; }
}
"""
SIGNS = "[\\\\'\"`$%{}<>#]"


def options(given):
    pairs = [(f"--{name}", value) for name, value in (SITE | given).items()]
    return [word for pair in pairs for word in pair if word is not None]


def test_the_command_prints_the_configuration_and_nothing_else_or_a_sentence_and_nothing_else(
    tmp_path,
):
    environment = desk_environment(tmp_path)
    good = keydesk("gateway", "nginx", *options({}), environment=environment)
    assert (good.returncode, good.stderr, good.stdout[-2:]) == (0, "", "}\n")
    bad = keydesk("gateway", "nginx", *options({"product": "X"}), environment=environment)
    assert (bad.returncode, bad.stdout, bad.stderr.count("\n")) == (1, "", 1)
    assert bad.stderr.startswith("keydesk: --product must be")


@pytest.mark.parametrize(
    ("name", "form"), [each for each in product(FILES, FORMS) if each != ("caddy", "proxies")]
)
def test_the_program_itself_finds_nothing_wrong(printed, tmp_path, name, form):
    beside = {"lua-file": f"{tmp_path}/keydesk.lua"} if name == "haproxy" else {}
    for file in FILES[name]:
        text, told = printed(name, *options(FORMS[form] | beside), "--file", file)
        assert told == ""
        (tmp_path / file).write_text(text)
    code, told = check(name, tmp_path)
    assert code == 0, told
    assert re.findall(r"(?im)^.*(?:\[warn|warning|deprecated|not formatted).*$", told) == []


def test_what_is_inside_of_nginxs_http_fits_into_one_that_has_its_usual_settings(printed, tmp_path):
    text, _ = printed("nginx", *options({}))
    inside = re.fullmatch(r".*^http \{\n(.*)\}\n", text, re.MULTILINE | re.DOTALL)[1]
    (tmp_path / "keydesk.conf").write_text(inside)
    (tmp_path / "nginx.conf").write_text(NGINX_OF_A_DISTRIBUTION)
    code, told = check("nginx", tmp_path)
    assert (code, "[warn]" in told) == (0, False), told


@pytest.mark.parametrize("name", KNOWN)
def test_the_command_in_a_configuration_makes_it_again(printed, name):
    given = options(
        {
            "scopes": "payout read",
            "environment": "test",
            "marker": "acme",
            "lua-file": "/srv/keydesk.lua",
        }
    )
    text, _ = printed(name, *given)
    [command] = re.findall(rf"Made by: keydesk gateway {name} (.+)", text)
    assert printed(name, *shlex.split(command)) == (text, "")


@pytest.mark.parametrize("name", ["kong", "apisix"])
def test_what_no_program_reads_here_is_at_least_yaml_with_every_identity_header(printed, name):
    text, _ = printed(name, *options({"scopes": "payout read"}))
    assert yaml.safe_load(text)
    for end in ("Account", "Username", "Product", "Key-Id", "Environment", "Scopes", "Request-Id"):
        assert f"X-Keydesk-{end}" in text


def functions_in(value):
    """Give every Lua function in a configuration that was read."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from functions_in(each)
    elif isinstance(value, str) and "local " in value:
        yield value


@pytest.mark.parametrize(("name", "count"), [("kong", 1), ("apisix", 2)])
def test_a_function_that_no_gateway_runs_here_is_at_least_lua(printed, tmp_path, name, count):
    functions = list(functions_in(yaml.safe_load(printed(name, *options({}))[0])))
    assert len(functions) == count
    text = printed("haproxy", *options({"lua-file": f"{tmp_path}/keydesk.lua"}))[0]
    (tmp_path / "haproxy.cfg").write_text(text)
    for function in functions:
        (tmp_path / "keydesk.lua").write_text(
            f"local function never() {function}\nend\n"
            'core.register_action("keydesk", {"http-req"}, never, 2)\n'
        )
        assert check("haproxy", tmp_path) == (0, "Configuration file is valid\n")


def test_traefik_has_two_files_that_fit_together(printed):
    start, rest = (
        yaml.safe_load(printed("traefik", *options({}), "--file", file)[0])
        for file in ("traefik.yaml", "dynamic.yaml")
    )
    assert start["providers"]["file"] == {"filename": "dynamic.yaml"}
    middlewares = rest["http"]["middlewares"]
    for router in rest["http"]["routers"].values():
        assert set(router["middlewares"]) <= middlewares.keys()
        assert router["middlewares"][:2] == ["clean", "ask"]
        assert router["service"] in rest["http"]["services"]
        assert set(router["entryPoints"]) <= start["entryPoints"].keys()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"product": "Dis;b"}, "--product must be a product's slug"),
        ({"product": "a" * 41}, "--product must be a product's slug"),
        ({"product": "x\n}"}, "--product must be a product's slug"),
        ({"verifier": "127.0.0.1:8001"}, "--verifier must be http://"),
        ({"verifier": "https://127.0.0.1:8001"}, "--verifier must be http://"),
        ({"verifier": "http://u:p@127.0.0.1"}, "--verifier must be http://"),
        ({"verifier": "http://127.0.0.1:8001/v1"}, "--verifier must be http://"),
        ({"verifier": "http://127.0.0.1:99999"}, "--verifier must be http://"),
        ({"verifier": "http://a b"}, "--verifier must be http://"),
        ({"verifier": "http://"}, "--verifier must be http://"),
        ({"backend": "http://x;y"}, "--backend must be http://"),
        ({"backend": "http://x?y"}, "--backend must be http://"),
        ({"backend": "http://[::1"}, "--backend must be http://"),
        ({"listen": "8080"}, "--listen must be an IP address with a port"),
        ({"listen": "example.com:80"}, "--listen must be an IP address with a port"),
        ({"listen": "127.0.0.1:0"}, "--listen must be an IP address with a port"),
        ({"listen": "127.0.0.999:80"}, "--listen must be an IP address with a port"),
        ({"scopes": "a  b"}, "The names in --scopes must stand with one space"),
        ({"scopes": 'a" "b'}, "The names in --scopes must stand with one space"),
        ({"marker": "KD"}, "--marker must be 2 to 8 lower-case letters"),
        ({"trusted-proxy": "10.0.0.1/8"}, "--trusted-proxy must be an IP address or a network"),
        ({"lua-file": "keydesk.lua"}, "--lua-file must be an absolute path"),
        ({"file": "nginx.lua"}, "For nginx there is no file 'nginx.lua': take nginx.conf."),
    ],
)
def test_what_cannot_be_in_a_configuration_gets_a_sentence_and_prints_nothing(
    printed, given, sentence
):
    text, told = printed("nginx", *options(given))
    assert text == ""
    assert sentence in told
    assert "u:p" not in told


def test_every_fault_is_told_at_once(printed):
    _, told = printed("nginx", *options({"product": "X", "scopes": "a  b", "marker": "KD"}))
    assert [line[:13] for line in told.splitlines()] == [
        "--product mus",
        "The names in ",
        "--marker must",
    ]


def test_an_unknown_gateway_gets_the_names_of_the_known(printed):
    text, told = printed("squid", *options({}))
    assert text == ""
    assert all(name in told for name in KNOWN)


@pytest.mark.parametrize("name", ["caddy", "traefik", "kong", "apisix"])
def test_a_gateway_that_cannot_tell_proxies_apart_here_says_so(printed, name):
    text, told = printed(name, *options({"trusted-proxy": "10.0.0.0/8"}))
    assert text == ""
    assert "--trusted-proxy" in told


def test_the_marker_is_this_installations_unless_it_is_given(printed, monkeypatch):
    monkeypatch.setenv("KEYDESK_KEY_MARKER", "acme")
    assert "bearer[ \\t]*acme_" in printed("nginx", *options({}))[0]
    assert "bearer[ \\t]*kd_" in printed("nginx", *options({"marker": "kd"}))[0]


@pytest.mark.parametrize("envelope", Envelope)
@pytest.mark.parametrize("code", refusals.REFUSING)
def test_a_gateways_own_words_are_the_verifiers(code, envelope):
    is_compat = envelope == Envelope.COMPAT
    answer = answers.turned_away(Decision(code), "req_1", envelope=envelope)
    assert refusals.status_of(code, compat=is_compat) == answer.status
    assert refusals.body_of(code, compat=is_compat, request_id="req_1") == answer.body.decode()
    assert (b"content-type", refusals.content_type(compat=is_compat).encode()) in answer.headers


def test_no_text_has_a_sign_that_means_something_in_a_configuration():
    texts = [*(CODES[code].title for code in refusals.REFUSING), *COMPAT_MESSAGES.values()]
    assert [text for text in texts if re.search(SIGNS, text)] == []
