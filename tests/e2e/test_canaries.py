"""Secrets stand in the one answer that delivers them: nothing that a desk keeps, logs or counts holds any of them.

A person goes through what there is with keys, rightly and wrongly, and so does a client of the verifier. Then the desk
is stopped, and every byte in its folder is looked through for what was secret on the way, in each form it could have.
"""

import base64
import os
import sqlite3
from contextlib import closing
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

from keydesk.web.session_cookies import key_of

SHOWN = len("kd_live_") + 4
"""How much of a key may be seen anywhere."""
WINDOW = 12
"""A piece of a secret so long is a secret."""
NEVER_WRITTEN = ("secrets", "demo.json")
"""Where an operator keeps the secrets, and where the demo tells its own."""
WRONG_PASSWORD = "sepuluh kuda di bukit"
WRONG_PIN = "918273"


def bytes_in(path):
    """Give what is in a file, without its holes."""
    pieces, end = [], path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at < end:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                break
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            pieces.append(os.pread(file.fileno(), at - start, start))
    return b"".join(pieces)


def forms_of(secret):
    """Give every piece of a secret that is long enough to be one, and the whole in the forms that texts take."""
    pieces = {secret[at : at + WINDOW] for at in range(len(secret) - WINDOW + 1)}
    wide = secret.decode("latin-1").encode("utf-16-le")
    # Base64 of the same bytes looks different at each of three places; what all have in common is the inside.
    inside = {base64.b64encode(b"\0" * ahead + secret)[ahead + 3 : -4] for ahead in (1, 2)}
    whole = {secret.hex().encode(), secret.hex().upper().encode(), quote(secret).encode(), wide}
    return pieces | whole | inside | {base64.b64encode(secret)[:-4]}


def found_in(places, secrets):
    return {
        (name, place)
        for name, secret in secrets.items()
        for form in forms_of(secret)
        for place, content in places.items()
        if form in content
    }


@pytest.fixture
def secrets_of_the_desk(demo_desk):
    """Give the secrets that the desk runs with, as bytes and as the text that they are read from."""
    found = {"service credential": demo_desk.demo["service_credential"].encode()[SHOWN + 1 :]}
    for path in (demo_desk.data_dir / "secrets").iterdir():
        text = path.read_bytes().strip()
        found |= {path.name: base64.b64decode(text), f"{path.name}, as written": text}
    return found


def go_through_keys(at_keys, ana):
    """Generate, show after a wrong PIN, and re-generate; gives the replaced key and the one that replaces it."""
    first = at_keys.generate("Disbursement", "Canary", ana["pin"])
    at_keys.close()
    at_keys.choose("Canary", "Reveal")
    at_keys.enter_pin(WRONG_PIN)
    expect(at_keys.dialog).to_contain_text("This PIN is not right")
    at_keys.enter_pin(ana["pin"])
    assert at_keys.shown_key() == first
    at_keys.close()
    at_keys.choose("Canary", "Re-generate")
    at_keys.dialog.get_by_role("button", name="Confirm").click()
    at_keys.enter_pin(ana["pin"])
    second = at_keys.shown_key()
    at_keys.close()
    return first, second


def ask_with(desk, key, others):
    """Ask the verifier about keys where they belong and where they do not; all but the one are refused."""
    door = f"{desk.verifier_url}/v1/authorize/disbursement"
    twice = {"x-api-key": key, "authorization": f"Bearer {key}"}
    answers = [
        httpx.get(door, headers={"x-api-key": key}),
        *(httpx.get(door, headers={"x-api-key": other}) for other in others),
        httpx.get(f"{door}?api_key={key}"),
        httpx.get(door, headers=twice),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 401, 401, 401]


def try_to_log_in(stranger, login):
    stranger.page.goto(f"{stranger.desk.dashboard_url}/account/login/")
    stranger.page.locator("#login").fill(login["email"])
    stranger.page.locator("#password").fill(WRONG_PASSWORD)
    stranger.page.locator("form:has(#password) button").click()
    expect(stranger.page.get_by_role("alert")).to_be_visible()


def kept_in(folder):
    """Give the content of every file in a desk's folder, but of those that hold secrets on purpose."""
    paths = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        str(name): bytes_in(path)
        for name, path in paths.items()
        if name.parts[0] not in NEVER_WRITTEN
    }


def test_no_secret_is_in_anything_that_a_desk_keeps_logs_or_counts(
    visitor, demo_desk, secrets_of_the_desk
):
    ana = demo_desk.login("Ana")
    at_keys = visitor(ana).open_keys()
    first, second = go_through_keys(at_keys, ana)
    spoiled = second[:-1] + ("a" if second[-1] != "a" else "b")
    ask_with(demo_desk, second, (first, spoiled))
    try_to_log_in(visitor(), ana)
    cookies = {each["name"]: each["value"] for each in at_keys.page.context.cookies()}
    metrics = httpx.get(demo_desk.metrics_url).content
    demo_desk.stop()

    secrets = {
        "the replaced key": first[SHOWN:].encode(),
        "the key": second[SHOWN:].encode(),
        "the key with a wrong end": spoiled[SHOWN:].encode(),
        "the password": ana["password"].encode(),
        "a wrong password": WRONG_PASSWORD.encode(),
        "the session": cookies["sid"].encode(),
        "the token of its forms": cookies["csrf"].encode(),
        **secrets_of_the_desk,
    }
    kept = {**kept_in(demo_desk.data_dir), "metrics": metrics}
    assert {"keydesk.sqlite3", "keydesk.log"} <= kept.keys()
    assert found_in(kept, secrets) == set()
    told = kept["keydesk.log"] + metrics
    assert [text for text in (ana["pin"], WRONG_PIN) if text.encode() in told] == []
    database = b"".join(kept[name] for name in kept if name.startswith("keydesk.sqlite3"))
    assert key_of(cookies["sid"]).encode() in database


def test_what_looks_finds_a_secret_in_each_form_and_a_piece_of_one():
    secret = b"0123456789abcdefghijABCDEFGHIJ"
    text = secret.decode()
    hidden = {
        "raw": b".." + secret + b"..",
        "a piece": secret[9:21],
        "hex": b"x" + secret.hex().encode(),
        "UTF-16": text.encode("utf-16-le"),
        **{
            f"Base64 after {ahead}": base64.b64encode(b"z" * ahead + secret + b"z" * 3)
            for ahead in range(6)
        },
    }
    assert {place for _, place in found_in(hidden, {"secret": secret})} == hidden.keys()
    assert found_in({"other": b"0123456789ab".swapcase()[::-1]}, {"secret": secret}) == set()


def test_what_looks_finds_a_session_that_a_database_holds_as_the_cookie_does(tmp_path):
    secret = "0123456789abcdefghijABCDEFGHIJ"
    with closing(sqlite3.connect(tmp_path / "keydesk.sqlite3")) as database, database:
        database.execute("CREATE TABLE django_session (session_key)")
        database.execute("INSERT INTO django_session VALUES (?)", [key_of(secret)])
    assert found_in(kept_in(tmp_path), {"the session": secret.encode()}) == set()
    with closing(sqlite3.connect(tmp_path / "keydesk.sqlite3")) as database, database:
        database.execute("INSERT INTO django_session VALUES (?)", [secret])
    found = {("the session", "keydesk.sqlite3")}
    assert found_in(kept_in(tmp_path), {"the session": secret.encode()}) == found
